# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""stgtest against disks that are right and disks that are not."""

import os
import pty
import re
import subprocess
import threading

from peer import Client, Liar, READ
from program import TIMEOUT, Server, Skip, check, path, program, run

WRITE_FAULT, PARAMETER, DEVICE = 29, 87, 1117 & 0xff
SOCKET = "disk.socket"


def uri():
    return "unix:" + path(SOCKET)


def test(*arguments, status=0):
    said, errors = run("stgtest", *arguments, status=status)
    if status == 0:
        check(said.endswith("\nOK\n") and said.count("\n") == 2, said)
        check(re.search(r"^\d+ operations, [\d.]+ MiB in [\d.]+ s: \d+ operations/s, [\d.]+ MiB/s$",
                        errors, re.MULTILINE), errors)
    else:
        check("\nOK" not in said, said)
    return said, errors


def rawdisk(*options):
    image = path("disk.img")
    if os.path.exists(image):
        os.unlink(image)
    return Server("rawdisk", "-f", image, "-p", uri(), *options)


# The scenarios of the original's own tests.

def rawdisk_with_cache_10000_operations():
    with rawdisk("-C", "1", "-U", "1"):
        test(uri(), "10000", "WRUR", "*", "*")


def rawdisk_without_cache_1000_operations():
    with rawdisk("-C", "0", "-U", "1"):
        test(uri(), "1000", "WRUR", "*", "*")


def rawdisk_without_unmap_1000_operations():
    with rawdisk("-U", "0"):
        test(uri(), "1000", "WR", "*", "*")


def rawdisk_of_4096_byte_blocks():
    with rawdisk("-c", "65536", "-l", "4096"):
        test(uri(), "2000", "WFRUR", "*", "*")


def memdisk_10000_operations():
    with Server("memdisk", "--size", "256M", "-p", uri()):
        test(uri(), "10000", "WRUFR", "*", "*")


def memdisk_with_dispatchers_of_64K_blocks():
    with Server("memdisk", "-c", "4096", "-l", "65536", "-C", "0", "-p", uri()):
        test(uri(), "2000", "wrur", "*", "*")


def several_clients_at_once():
    with Server("memdisk", "--size", "64M", "-p", uri()):
        # Each has a range of its own: the writers wrap after what they do, not before.
        jobs = [subprocess.Popen([program("stgtest"), "-s", str(i), uri(), "4000", "WRUR",
                                  str(i * 4096), "2"], stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.STDOUT) for i in range(4)]
        for job in jobs:
            said, _ = job.communicate(timeout=TIMEOUT)
            check(job.returncode == 0 and said.endswith("OK\n"), said)


# Its output.

def first_line_repeats_the_command():
    with Server("memdisk", "--size", "4T", "-p", uri()):
        said, _ = test("-s", "0x10", uri(), "0", "wx?r", "0x123456789", "3")
        check(said.startswith(f'stgtest -s 16 {uri()} 1 "WR" 1:23456789 3\n'), said)
        said, _ = test("--seed=7", uri(), "5", "", "*", "*")
        check(said.startswith(f'stgtest -s 7 {uri()} 5 "WR" "*" "*"\n'), said)
        said, _ = test(uri(), "010")
        check(re.match(r'stgtest -s \d+ \S+ 8 "WR" 0:0 1\n', said), said)


def the_same_seed_writes_the_same():
    images = [path(f"seed-{i}.img") for i in range(3)]
    for seed, image in zip(("42", "42", "43"), images):
        with open(image, "wb") as file:
            file.truncate(4 << 20)
        test("-s", seed, image, "20", "W", "*", "*")
    contents = [open(image, "rb").read() for image in images]
    check(contents[0] == contents[1], "the same seed wrote something else")
    check(contents[0] != contents[2], "another seed wrote the same")


def pattern_is_that_of_the_original():
    def word(lba):
        mask = (1 << 64) - 1
        k = lba + 1
        k ^= k >> 33
        k = k * 0xFF51AFD7ED558CCD & mask
        k ^= k >> 33
        k = k * 0xC4CEB9FE1A85EC53 & mask
        return (k ^ k >> 33).to_bytes(8, "little")

    with Server("memdisk", "--size", "1M", "-p", uri()):
        test(uri(), "1", "W", "5", "3")
        client = Client(path(SOCKET))
        _, data = client.do(READ, 4, 5)
        client.close()
    expected = bytes(512) + b"".join(word(lba) * 64 for lba in (5, 6, 7)) + bytes(512)
    check(data == expected, "blocks 4 to 8 do not have the pattern in 5 to 7")


def progress_is_drawn_on_a_terminal_only():
    with Server("memdisk", "--size", "1M", "-p", uri()):
        try:
            terminal, side = pty.openpty()
        except OSError as error:
            raise Skip(f"there are no pseudo-terminals: {error}") from None
        job = subprocess.Popen([program("stgtest"), uri(), "500", "WR", "*"], stderr=side,
                               stdout=subprocess.PIPE, text=True)
        os.close(side)
        drawn = b""
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # EIO: the other side is closed
                break
            drawn += piece
        os.close(terminal)
        said, _ = job.communicate(timeout=TIMEOUT)
        check(job.returncode == 0 and said.endswith("OK\n"), said)
        check(b"\r500 of 500 operations, 100 %" in drawn, drawn)
        _, errors = test(uri(), "500", "WR", "*")
        check("\r" not in errors and " of " not in errors, errors)


def help_and_version():
    said, _ = run("stgtest", "--help")
    check("93" in said and "1117" in said and "unix:PATH" in said, said)
    said, _ = run("stgtest", "--version")
    check(re.fullmatch(r"stgtest \(WinSpd\) \d+\.\d+\.\d+\n", said), said)


def a_value_that_is_taken_for_another_is_told():
    letters = "wrwr" * 9
    warnings = (
        (["0"], 'COUNT 0 is taken for 1 operation'),
        (["1", "wx?r"], 'of the operations "wx?r" these are taken: "WR"'),
        (["1", ""], 'of the operations "" these are taken: "WR"'),
        (["1", letters],
         f'of the operations "{letters}" these are taken: "{letters[:32].upper()}"'),
        (["1", "R", "0", "0"], 'BLOCKS 0 is taken for 1 block'),
        (["1", "R", "0", "1000000"], 'BLOCKS 1000000 is taken for 2048, the most'),
        (["3", "W", "2046"], 'the run comes to the end of the unit, block 2047'),
    )
    with Server("memdisk", "--size", "1M", "-p", uri()):
        for arguments, warning in warnings:
            _, errors = test(uri(), *arguments)
            check(f"stgtest: warning: {warning}" in errors, f"{arguments}: {errors}")
        for arguments in (["2"], ["2", "wrur"], ["2", "WR", "2047"], ["2", "W", "*", "2"],
                          ["4", "WR", "0", "1024"]):
            _, errors = test(uri(), *arguments)
            check("warning" not in errors, f"{arguments}: {errors}")


def an_address_past_the_end_is_refused_and_nothing_is_written():
    with rawdisk("-c", "64"):
        for address in ("64", "65", "0xffffffffffffffff"):
            said, errors = test(uri(), "1", "W", address, status=PARAMETER)
            check(f"ADDRESS {int(address, 0)} is past the end" in errors and said == "", errors)
            check("blocks 0 to 63" in errors, errors)
        with open(path("disk.img"), "rb") as file:
            check(not any(file.read()), "a refused run has written")
        test(uri(), "1", "W", "63")
    plain = path("past.img")
    with open(plain, "wb") as file:
        file.truncate(64 * 512)
    test(plain, "1", "W", "64", status=PARAMETER)
    with open(plain, "rb") as file:
        check(not any(file.read()), "a refused run has written")


def output_that_cannot_be_written_is_an_error():
    image = path("full.img")
    with open(image, "wb") as file:
        file.truncate(1 << 20)
    for arguments in (["--help"], ["--version"], [image, "1", "W"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([program("stgtest"), *arguments], stdout=full, text=True,
                                  stderr=subprocess.PIPE, timeout=TIMEOUT)
        check(done.returncode == WRITE_FAULT, f"{arguments}: status {done.returncode}")
        check("stgtest: standard output cannot be written: No space left" in done.stderr,
              done.stderr)
    with open(image, "rb") as file:
        check(not any(file.read()), "it wrote to the disk without having said the seed")


# Files.

def file_of_any_length():
    image = path("file.img")
    with open(image, "wb") as file:
        file.truncate((1 << 20) + 100)
    test(image, "2000", "WR", "*", "*")
    with open(image, "wb") as file:
        file.truncate(512)
    test(image, "100", "WWR", "*", "*")


def files_know_only_reads_and_writes():
    image = path("only.img")
    with open(image, "wb") as file:
        file.truncate(1 << 20)
    for ops in ("U", "F", "WRUR"):
        _, errors = test(image, "1", ops, status=PARAMETER)
        check("only RW" in errors, errors)


def what_cannot_be_tested_is_refused():
    empty = path("empty.img")
    open(empty, "wb").close()
    long = "unix:/" + "x" * 200
    for name, status, message in (
            (path("nowhere"), 2, "No such file"), (uri() + "-nowhere", 2, "No such file"),
            (empty, PARAMETER, "empty"), (os.environ["WORK"], PARAMETER, "neither"),
            ("/dev/null", PARAMETER, "neither"), (long, PARAMETER, "107")):
        said, errors = test(name, "1", status=status)
        check(message in errors and name in errors, errors)
        check(said == "", said)


def wrong_usage_is_87():
    for arguments in ([], ["NAME"], ["NAME", "x"], ["NAME", "1", "WR", "a"], ["NAME", "-1"],
                      ["NAME", "1", "WR", "0", "b"], ["NAME", "1", "WR", "0", "1", "2"],
                      ["-s", "z", "NAME", "1"], ["-s"], ["--nosuch", "NAME", "1"],
                      ["NAME", "99999999999999999999999"]):
        said, errors = test(*arguments, status=PARAMETER)
        check("usage: stgtest" in errors and said == "", errors)


# Disks that are not right.

def corrupted(lie, ops="WR", count="1", blocks=64):
    with Liar(path("liar.socket"), blocks, lie):
        return test("unix:" + path("liar.socket"), count, ops, "3", "4", status=DEVICE)[1]


def honest_peer_passes():
    with Liar(path("liar.socket")):
        test("unix:" + path("liar.socket"), "400", "WRUR", "*", "*")


def one_wrong_bit_is_found():
    def lie(what, value):
        if what == "data":
            value = bytearray(value)
            value[1000] ^= 0x10
        return bytes(value)

    errors = corrupted(lie, count="2")
    check("Read(Address=0:3, Count=4): bad buffer: after Write\n" in errors, errors)
    check("block 4 byte 488 " in errors, errors)


def blocks_that_survive_an_unmap_are_found():
    kept = []

    def lie(what, value):
        if what == "data":
            kept.append(value)
            return kept[0]
        return value

    errors = corrupted(lie, "WRUR", "4")
    check("Read(Address=0:3, Count=4): bad buffer: after Unmap\n" in errors, errors)


def wrong_answers_are_found():
    cases = (
        ("head", lambda head: head[:8] + b"\2" + head[9:], "R", "condition fail: Rsp.Kind"),
        ("head", lambda head: b"\xff" * 8 + head[8:], "R", "transact error: 1117"),
        ("status", lambda _: b"\2\3\x11\1" + bytes(28), "R", "SenseKey=3 ASC/ASCQ=11/01"),
        ("status", lambda _: b"\x08" + bytes(31), "W", "condition fail: Rsp.Status.ScsiStatus"),
        ("data", lambda data: None, "R", "transact error: 1117"),
        ("head", lambda data: None, "F", "Flush(Address=0:3, Count=4): transact error: 1117"),
    )
    for part, change, ops, message in cases:
        errors = corrupted(lambda what, value: change(value) if what == part else value, ops)
        check(message in errors, f"{message}: {errors}")


def greetings_that_make_no_sense_are_refused():
    def put(at, value):
        return lambda p: p[:at] + value + p[at + len(value):]

    for change in (put(16, bytes(8)), put(24, b"\x08\0\0\0"), put(56, bytes(4)), put(56, b"\1"),
                   lambda p: p[:100], lambda p: b""):
        def lie(what, value):
            if what != "params":
                return value
            changed = change(value)
            return changed if len(changed) == 128 else None

        errors = corrupted(lie)
        check("no storage unit answers there" in errors, errors)


def image_that_changes_behind_its_back_is_found():
    with rawdisk("-c", "64"):
        over = threading.Event()

        def spoil():
            with open(path("disk.img"), "r+b", buffering=0) as file:
                while not over.is_set():
                    os.pwrite(file.fileno(), b"\0", 512 + 77)

        thread = threading.Thread(target=spoil)
        thread.start()
        try:
            _, errors = test(uri(), "1000000", "WRRRR", "1", "64", status=DEVICE)
        finally:
            over.set()
            thread.join()
        check("bad buffer: after Write" in errors and "block 1 byte 77 is 0x00" in errors, errors)


def disk_that_goes_away_is_noticed():
    server = rawdisk()
    job = subprocess.Popen([program("stgtest"), uri(), "100000000", "WR", "*", "*"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(job.stdout.readline().startswith("stgtest -s "), "it did not start")
    server.process.kill()
    server.end()
    server.log.close()
    said, errors = job.communicate(timeout=TIMEOUT)
    check(job.returncode == DEVICE and said == "", said)
    check("transact error: 1117" in errors, errors)
    # The killed server left its socket: nobody listens there, and the next server replaces it.
    check(os.path.exists(path(SOCKET)), "the socket is gone")
    test(uri(), "1", status=2)
    with rawdisk():
        test(uri(), "10")


def write_protected_disk_refuses_writes():
    with Server("memdisk", "--size", "1M", "-W", "0", "-p", uri()):
        _, errors = test(uri(), "1", "W", status=DEVICE)
        check("SenseKey=7 ASC/ASCQ=27/00" in errors, errors)
        test(uri(), "100", "RF", "*", "*")


TESTS = [
    rawdisk_with_cache_10000_operations,
    rawdisk_without_cache_1000_operations,
    rawdisk_without_unmap_1000_operations,
    rawdisk_of_4096_byte_blocks,
    memdisk_10000_operations,
    memdisk_with_dispatchers_of_64K_blocks,
    several_clients_at_once,
    first_line_repeats_the_command,
    the_same_seed_writes_the_same,
    pattern_is_that_of_the_original,
    progress_is_drawn_on_a_terminal_only,
    a_value_that_is_taken_for_another_is_told,
    an_address_past_the_end_is_refused_and_nothing_is_written,
    output_that_cannot_be_written_is_an_error,
    help_and_version,
    file_of_any_length,
    files_know_only_reads_and_writes,
    what_cannot_be_tested_is_refused,
    wrong_usage_is_87,
    honest_peer_passes,
    one_wrong_bit_is_found,
    blocks_that_survive_an_unmap_are_found,
    wrong_answers_are_found,
    greetings_that_make_no_sense_are_refused,
    image_that_changes_behind_its_back_is_found,
    disk_that_goes_away_is_noticed,
    write_protected_disk_refuses_writes,
]
