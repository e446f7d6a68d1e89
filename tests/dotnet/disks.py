# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Disks of .NET programs: data, deferred answers, errors, and beginnings and ends."""

import os
import re
import shutil
import signal
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from peer import FLUSH, READ, WRITE, Client
from program import ANY, TIMEOUT, Log, Server, Skip, check, path, qemu_io, run
from runtime import Core, Mono

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = Path(os.environ["BUILD"])
EXAMPLES = BUILD / "examples/dotnet"
TESTS_FOLDER = BUILD / "tests/dotnet"
runtime = Mono  # tests/dotnet/run has it be another one
BLOCK = 512
HOWS = ("sync", "pool", "async")
SEED = ("-s", "1")  # of stgtest: no random address is one of testdisk's bad blocks
RAWDISK = str(EXAMPLES / "rawdisk-dotnet-msil.exe")


def command(name, *arguments, **more):
    """The command of a program of the tests, or of a path."""
    found = Path(name) if "/" in name else TESTS_FOLDER / name
    return runtime.command(found, *arguments, **more)


class Disk:
    """A test program that serves, and ends with its input."""

    def __init__(self, name, *arguments, doors=1, **more):
        self.log = Log()
        self.process = subprocess.Popen(
            command(name, *arguments, **more), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        self.said, self.uris, self.asked = "", [], False
        while len(self.uris) < doors:
            line = self.process.stdout.readline()
            self.said += line
            self.uris += re.findall(r"^serving (\S+)", line)
            if not line:
                self.process.wait()
                raise AssertionError(f"{name} does not serve: {self.said}{self.errors()}")

    def errors(self):
        return self.log.text()

    def __enter__(self):
        return self

    def end(self):
        """Its output from the beginning."""
        self.asked = True
        try:
            said, _ = self.process.communicate("", timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"it does not end\n{self.errors()}") from None
        self.said += said
        return self.said

    def __exit__(self, kind, value, trace):
        died = self.process.poll() is not None and not self.asked
        said = self.said if died or self.asked else self.end()
        errors = self.errors()
        self.log.close()
        if kind is None:
            check(not died and self.process.returncode == 0,
                  f"status {self.process.returncode}\n{said}\n{errors}")


def clients(*commands):
    """stgtest of each, side by side."""
    started = [subprocess.Popen([os.path.join(os.environ["BIN"], "stgtest"), *map(str, command)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for command in commands]
    said = [process.communicate(timeout=4 * TIMEOUT)[0] for process in started]
    check(all(process.returncode == 0 for process in started), "\n".join(said))


def four(uri, rounds=400, operations="WRUR"):
    """Each has a quarter of 65536 blocks to itself."""
    clients(*((uri, rounds, operations, quarter * 16384, 16) for quarter in range(4)))


def each_way_to_answer_serves_four_clients():
    for how in HOWS:
        with Disk("testdisk.exe", how, "unix:" + path(how)) as disk:
            four(disk.uris[0])
            clients((*SEED, disk.uris[0], 300, "WRUR", "*", "*"))
        check("init 1 started 1 stopped 1 flushed 1" in disk.said, disk.said)


def two_units_of_one_program_are_independent():
    with Disk("testdisk.exe", "pool", "unix:" + path("one"), "unix:" + path("two"),
              doors=2) as disk:
        clients(*((uri, 600, "WRUR", half, 16) for uri in disk.uris for half in (0, 32768)))
        first, second = (Client(path(name)) for name in ("one", "two"))
        check(first.do(WRITE, 60000, 1, b"\x5a" * BLOCK)[0][0] == 0, "write")
        check(second.do(READ, 60000, 1)[1] != b"\x5a" * BLOCK, "the other unit has it, too")
        first.close()
        second.close()
    check("init 2 started 2 stopped 2 flushed 2" in disk.said, disk.said)


def garbage_is_collected_while_nobody_holds_the_hosts():
    for how in HOWS:
        with Disk("testdisk.exe", how + "+gc", "unix:" + path("one"), "unix:" + path("two"),
                  doors=2) as disk:
            clients(*((uri, 300, "WRUR", half, 16) for uri in disk.uris for half in (0, 32768)))
        check("alive 2" in disk.said and "stopped 2 flushed 2" in disk.said, disk.said)


# The answers for each block that fails: status, key, ASC, ASCQ; (of reads, of all else).
FAILS = {
    1000: ((2, 3, 0x15, 0), (2, 3, 0x15, 0)),
    1001: ((2, 3, 0x11, 0), (2, 3, 0x0c, 0)),
    1002: ((8, 0, 0, 0), (8, 0, 0, 0)),
    1005: ((2, 7, 0x27, 7), (2, 7, 0x27, 7)),
}


def errors_are_told_of_every_operation():
    for how in HOWS:
        with Disk("testdisk.exe", how, "unix:" + path("door")):
            client = Client(path("door"))
            for block, (of_read, of_others) in FAILS.items():
                if how == "pool" and block == 1001:
                    of_read = of_others  # the program's own handler has one sense
                seen = [client.do(READ, block, 1)[0],
                        client.do(WRITE, block, 1, bytes(BLOCK))[0],
                        client.do(FLUSH, block, 1)[0], client.unmap((block, 1))]
                check(seen == [of_read, of_others, of_others, of_others],
                      f"{how}, block {block}: {seen}")
            client.do(WRITE, 999, 8, b"\x77" * 8 * BLOCK)
            client.do(WRITE, 300, 8, b"\x33" * 8 * BLOCK)  # the door's memory has this now
            check(client.do(READ, 1006, 1) == ((2, 1, 0x18, 0), b"\x77" * BLOCK),
                  "a recovered error has data")
            check(client.do(READ, 5, 1)[0][0] == 0, "the next operation")
            client.close()


def a_token_that_is_lost_is_an_error_and_no_hang():
    """Mono finds the token still on the stack of a thread that has nothing to do, so that others
    have to come."""
    with Disk("testdisk.exe", "pool+gc", "unix:" + path("door")), ThreadPoolExecutor(1) as pool:
        loser, client = Client(path("door")), Client(path("door"))
        lost = pool.submit(loser.do, READ, 1003, 1)
        end = time.monotonic() + TIMEOUT
        while not lost.done() and time.monotonic() < end:
            client.do(READ, 5, 1)
        check(lost.done() and lost.result()[0] == (2, 4, 0x44, 0), "a lost token")
        loser.close()
        check(client.do(WRITE, 1004, 1, bytes(BLOCK))[0] == (2, 3, 0x0c, 0),
              "an exception after Defer()")
        check(client.do(READ, 5, 1)[0][0] == 0, "the next operation")
        client.close()


def busy_clients(uri):
    """Four, at work until they fail."""
    busy = [subprocess.Popen([os.path.join(os.environ["BIN"], "stgtest"), uri, "100000000", "WR",
                              str(quarter * 16384), "16"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for quarter in range(4)]
    for client in busy:
        check(client.stdout.readline().startswith("stgtest"), "stgtest does not start")
    return busy


def lose_their_server(busy):
    for client in busy:
        client.communicate(timeout=TIMEOUT)
        check(client.returncode != 0, "a client goes on without a server")


def units_end_while_their_answers_are_under_way():
    for how in ("pool", "async"):
        with Disk("testdisk.exe", how, "unix:" + path("door")) as disk:
            busy = busy_clients(disk.uris[0])
            disk.end()
            lose_their_server(busy)
        check(disk.process.returncode == 0 and "stopped 1 flushed 1" in disk.said, disk.said)


def start_and_stop_in_a_loop_with_clients_that_come():
    """Clients come at any moment of a unit's life; some have an answer."""
    with Disk("testdisk.exe", "loop", "unix:" + path("door")) as disk:
        answers, end = 0, time.monotonic() + TIMEOUT
        while answers < 20 and time.monotonic() < end and disk.process.poll() is None:
            try:
                client = Client(path("door"))
                while True:
                    client.do(WRITE, answers, 1, bytes(BLOCK))
                    answers += 1
            except (OSError, AssertionError):
                continue
        check(answers >= 20, f"{answers} answers")
        said = disk.end()
    rounds, = re.findall(r"rounds (\d+)", said)
    check(int(rounds) >= 20 and f"init {rounds} started {rounds} stopped {rounds} flushed {rounds}"
          in said, said)


def information(header):
    """The block that failed, where the answer says that it is valid."""
    value, flags = struct.unpack_from("<Q12xI", header, 24)
    return value if flags & 0x100 else None


def a_program_for_the_original_runs_unchanged():
    """It was compiled against another assembly, of the original's shape."""
    with Disk(str(TESTS_FOLDER / "original/program.exe"), "unix:" + path("door")) as disk:
        clients((disk.uris[0], 500, "WRUR", 1000, 8))
        client = Client(path("door"))
        check(client.product == "Original".ljust(16) and client.flags == 6, client.product)
        check(client.do(READ, 99, 4)[0] == (2, 3, 0x11, 0), "its bad block")
        check(client.do(READ, 101, 1)[0] == (8, 0, 0, 0), "its busy block")
        for block in (100, 102):
            client.do(READ, block, 1)
            check(information(client.header) == block, f"no information of block {block}")
        client.close()
    check("started True" in disk.said and "stopped" in disk.said, disk.said)


def a_disk_ends_in_order_at_a_signal():
    """With its clients in the middle of their work: the last flush is awaited."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with Disk("testdisk.exe", "pool+signal", "unix:" + path("door")) as disk:
            busy = busy_clients(disk.uris[0])
            disk.process.send_signal(number)
            disk.end()
            lose_their_server(busy)
        check("stopped 1 flushed 1" in disk.said, disk.said)


def spans_are_served_as_arrays_are():
    folder = TESTS_FOLDER / "span"
    program = str(folder / "spandisk.exe")
    with Disk(program, "unix:" + path("door"), assemblies=folder) as disk:
        four(disk.uris[0])
        client = Client(path("door"))
        check(client.do(READ, 1000, 1)[0] == (2, 3, 0x11, 0), "a bad block")
        client.close()
    with Disk(program, ANY, assemblies=folder) as disk:
        writes_and_reads(disk.uris[0])


def the_library_is_the_one_that_is_named():
    """Another one could be found; the program compares."""
    elsewhere = Path(path("elsewhere/libother.so"))
    elsewhere.parent.mkdir(exist_ok=True)
    shutil.copy(BUILD / "src/libspd.so", elsewhere)
    names = "unix:" + path("contract"), "no-such-door:name"
    said, _ = run(*command("contract.exe", *names, str(elsewhere)))
    check("ok 10 - the native library is the one that was named" in said, said)
    gone = str(elsewhere.with_name("gone.so"))
    done = subprocess.run(command("contract.exe", *names, gone), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
    check(done.returncode != 0 and re.search(f"Looked for: {gone}$", done.stdout, re.M),
          done.stdout)


def writes_and_reads(uri):
    """Over iSCSI, where the data of a command come in several PDUs."""
    qemu_io(uri, "write -P 0x5a 1M 640k", "flush", "aio_write -P 0x61 4M 64k",
            "aio_write -P 0x62 5M 64k", "aio_flush", "read -P 0x5a 1M 640k",
            "read -P 0x61 4M 64k", "read -P 0x62 5M 64k", "discard 1M 64k", "read -P 0 1M 64k",
            "read -P 0 6M 4k")


def rawdisk_command(*arguments):
    if runtime is Core:
        raise Skip("rawdisk hashes a path, for which .NET Core 2.0 needs OpenSSL 1.0")
    return command(RAWDISK, *arguments)


def rawdisk(*arguments, **more):
    return Server(*rawdisk_command(*arguments), **more)


def rawdisk_is_an_iscsi_disk_and_its_image_has_the_data():
    for mode in "01":
        image = path("image" + mode)
        with rawdisk("-f", image, "-c", "32768", "-a", mode, "-p", ANY) as disk:
            writes_and_reads(disk.url)
            said, _ = run("scsitool", "-c", "inquiry", disk.url)
            check("PRODUCT IDENTIFICATION=RawDisk-dotnet" in said, said)
        with open(image, "rb") as data:
            data.seek(4 << 20)
            check(data.read(65536) == b"\x61" * 65536, "the image lacks what was written")
            data.seek(510)
            check(data.read(2) == b"\x55\xaa", "the image has no partition table")


def rawdisk_by_iscsi_passes_stgtest():
    """Four clients of the door that stgtest knows, then their data over iSCSI."""
    image = path("image")
    with rawdisk("-f", image, "-c", "65536", "-a", "1", "-p", "unix:" + path("door")) as disk:
        four(disk.url, 600, "WR")
    with rawdisk("-f", image, "-c", "65536", "-a", "0", "-p", ANY) as disk:
        copy = path("copy")
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "raw", disk.url, copy],
                       check=True, timeout=TIMEOUT)
    check(Path(copy).read_bytes() == Path(image).read_bytes(), "iSCSI reads something else")
    # A regular file is a medium of stgtest's, too: it has to be whole.
    clients((copy, 100, "WR", "*", "*"))


def rawdisk_has_the_options_of_the_original():
    program = rawdisk_command()
    image = path("image")
    for wrong in ([], ["-?"], ["-f", image, "-x", "1"], ["-f", image, "more"],
                  ["-f", image, "-W", "2"], ["-f", image, "-i", "a" * 17], ["-f"]):
        _, errors = run(*program, *wrong, status=87)
        check("usage:" in errors, errors)
    Path(image).write_bytes(bytes(1000))
    run(*program, "-f", image, "-c", "10", "-p", "unix:" + path("door"), status=87)
    Path(image).unlink()
    log = path("debug.log")
    with rawdisk("-f", image, "-c", "2048", "-l", "4096", "-i", "Product", "-r", "2.1", "-W", "0",
                 "-C", "0", "-U", "0", "-d", "-1", "-D", log, "-p", "unix:" + path("door")) as disk:
        client = Client(path("door"))
        check((client.blocks, client.block) == (2048, 4096), "the geometry")
        check(client.product == "Product".ljust(16) and client.revision == "2.1 ", "the names")
        check(client.flags == 1, f"flags {client.flags}")
        check(client.do(READ, 7, 2)[0][0] == 0, "read")
        client.close()
    check(re.search(r"^rawdisk-dotnet -f \S+ -c 2048 -l 4096 -i Product -r 2.1 -W 0 -C 0 -U 0 ",
                    disk.errors(), re.M), "the start line")
    lines = Path(log).read_text()
    check(re.search(r"^rawdisk-dotnet-msil\[TID=[0-9a-f]{4}\]: [0-9a-f]{16}: >>Read  "
                    r"BlockAddress=0:7, BlockCount=2, FUA=1$", lines, re.M), lines)
    check("<<Read  Status=GOOD" in lines, lines)


TESTS = [each_way_to_answer_serves_four_clients, two_units_of_one_program_are_independent,
         garbage_is_collected_while_nobody_holds_the_hosts, errors_are_told_of_every_operation,
         a_token_that_is_lost_is_an_error_and_no_hang, units_end_while_their_answers_are_under_way,
         start_and_stop_in_a_loop_with_clients_that_come,
         a_program_for_the_original_runs_unchanged, a_disk_ends_in_order_at_a_signal,
         the_library_is_the_one_that_is_named,
         rawdisk_is_an_iscsi_disk_and_its_image_has_the_data, rawdisk_by_iscsi_passes_stgtest,
         rawdisk_has_the_options_of_the_original]
OF_MONO = [spans_are_served_as_arrays_are]  # .NET Core 2.0 has no Span
