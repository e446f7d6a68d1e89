# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""nbddisk: exports of qemu-nbd and nbdkit as disks, and what happens when the server goes."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import nbd_liar
from nbd_liar import EIO, ESHUTDOWN, Liar
from program import ANY, TIMEOUT, Server, Skip, check, client, path, qemu_io, run

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))

from peer import FLUSH, READ, WRITE, Client  # noqa: E402

from verbs import send_prefetch  # noqa: E402

MIB = 1 << 20
FORMATS = ["qcow2", "vhdx", "vmdk"]
GOOD = (0, 0, 0, 0)
NOT_READY = (2, 2, 4, 0)


class Peer:
    """A foreign NBD server on a Unix socket: words have SOCKET where its path goes."""

    def __init__(self, folder, *words):
        self.socket = os.path.join(folder, "nbd")
        self.uri = f"nbd+unix:///?socket={self.socket}"
        self.words = words
        self.process = None
        self.start()

    def start(self, *words):
        self.words = words or self.words
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = subprocess.Popen(
            [self.socket if word == "SOCKET" else word for word in self.words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + TIMEOUT
        while not self.listens():
            check(self.process.poll() is None, f"{self.words} ended")
            check(time.monotonic() < deadline, f"{self.words} does not listen")
            time.sleep(0.02)

    def listens(self):
        """The kernel's own list: a connection would use up the server's only client."""
        with open("/proc/net/unix", encoding="ascii", errors="replace") as file:
            return any(line.rstrip().endswith(self.socket) and line.split()[3] == "00010000"
                       for line in file)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        self.process.wait()


@contextmanager
def serving(*words):
    if not os.path.exists(os.path.join(os.environ["BIN"], "nbddisk")):
        raise Skip("nbddisk is not built: libnbd-dev is missing")
    if not shutil.which(words[0]):
        raise Skip(f"{words[0]} is not installed")
    # The path of a socket has to be short.
    with tempfile.TemporaryDirectory(prefix="spd-nbd-") as folder:
        peer = Peer(folder, *words)
        try:
            yield peer
        finally:
            peer.kill()


def qemu_nbd(kind, name, *more):
    return serving("qemu-nbd", "-t", "-f", kind, "-k", "SOCKET", *more, path(name))


def nbdkit(*words):
    return serving("nbdkit", "-f", "-U", "SOCKET", *words)


def nbddisk(peer, *words, **options):
    return Server("nbddisk", "-u", peer.uri, *words, "-p", ANY, **options)


def at_socket(peer, *words):
    """A disk, and the path of its socket."""
    door = os.path.join(os.path.dirname(peer.socket), "door")
    return Server("nbddisk", "-u", peer.uri, *words, "-p", f"unix:{door}"), door


@contextmanager
def direct(peer, *words):
    """A disk, and a client that sees each status."""
    server, door = at_socket(peer, *words)
    with server:
        user = Client(door)
        yield user, server
        user.close()


@contextmanager
def failing(peer, *words):
    """The same, whose last flush fails."""
    server, door = at_socket(peer, *words)
    try:
        user = Client(door)
        yield user, server
        user.close()
        check(server.end() == 1, "lost writes are no failure")
        check("last flush" in server.errors(), server.errors())
    finally:
        server.end(signal.SIGKILL)
        server.log.close()


def images_of_other_formats_are_disks():
    for kind in FORMATS:
        name = f"image.{kind}"
        client("qemu-img", "create", "-q", "-f", kind, path(name), "16M")
        client("qemu-io", "-f", kind, "-c", "write -P 7 1M 1M", path(name))
        with qemu_nbd(kind, name) as peer:
            with nbddisk(peer) as server:
                qemu_io(server.url, "read -P 7 1M 1M", "read -P 0 2M 1M", "write -P 9 1536k 1M",
                        "write -z 0 64k", "write -P 5 -f 8M 4k", "flush")
                client("qemu-img", "compare", "-f", "raw", "-F", kind, server.url, "-U",
                       path(name))
            peer.end()
        client("qemu-io", "-f", kind, "-c", "read -P 7 1M 512k", "-c", "read -P 9 1536k 1M",
               "-c", "read -P 5 8M 4k", path(name))


def said(server, text):
    """Waits until the log has this text."""
    deadline = time.monotonic() + TIMEOUT
    while text not in server.errors():
        check(time.monotonic() < deadline, f"no '{text}' in:\n{server.errors()}")
        time.sleep(0.02)


def blank(name, size):
    with open(path(name), "wb") as file:
        file.truncate(size)
    return path(name)


def write(user, lba, data):
    status, _ = user.do(WRITE, lba, len(data) // user.block, data)
    check(status == GOOD, f"a write of block {lba}: {status}")


def read(user, lba, count):
    status, data = user.do(READ, lba, count)
    check(status == GOOD, f"a read of block {lba}: {status}")
    return data


def lossy(image):
    """nbdkit's cache loses what was not flushed when nbdkit is killed."""
    return nbdkit("--filter=cache", "file", image, "cache=writeback")


def again(peer, server):
    """The server dies, and comes back; the disk has found it."""
    before = server.errors().count("is there again")
    peer.kill()
    peer.start()
    deadline = time.monotonic() + TIMEOUT
    while server.errors().count("is there again") == before:
        check(time.monotonic() < deadline, f"no new connection:\n{server.errors()}")
        time.sleep(0.02)


def writes_that_a_dead_server_has_lost_are_made_again():
    image = blank("lost.img", 8 * MIB)
    with lossy(image) as peer, direct(peer) as (user, server):
        write(user, 0, b"\1" * 512)
        check(user.do(FLUSH)[0] == GOOD, "flush")
        write(user, 0, b"\2" * 512)
        write(user, 8, b"\3" * 4096)
        write(user, 9, b"\4" * 512)
        write(user, 100, b"\5" * 65536)
        peer.kill()
        with open(image, "rb") as file:
            check(file.read(512) == b"\1" * 512, "nbdkit has lost nothing")
        peer.start()
        check(read(user, 0, 1) == b"\2" * 512, "the first write is lost")
        check(read(user, 8, 8) == b"\3" * 512 + b"\4" * 512 + b"\3" * 3072,
              "the order of two writes is lost")
        check(read(user, 100, 128) == b"\5" * 65536, "the long write is lost")
        again(peer, server)
        check(read(user, 0, 1) == b"\2" * 512, "a journal serves one crash only")
        check(user.do(FLUSH)[0] == GOOD, "flush")
        again(peer, server)
        check(read(user, 0, 1) == b"\2" * 512, "a flush has covered nothing")


class Writer(threading.Thread):
    """An initiator with blocks of its own, which it writes and reads back."""

    BLOCKS = 512
    ROUNDS = 200

    def __init__(self, door, number):
        super().__init__(daemon=True)
        self.user = Client(door)
        self.first = number * Writer.BLOCKS
        self.random = random.Random(number)
        self.model = bytearray(Writer.BLOCKS * 512)
        self.done = 0
        self.wrong = None

    def run(self):
        try:
            while self.done < Writer.ROUNDS:
                self.round()
                self.done += 1
            self.verify(0, Writer.BLOCKS)
        except Exception as wrong:  # for the thread that waits
            self.wrong = wrong

    def round(self):
        lba, count = self.random.randrange(Writer.BLOCKS - 16), self.random.randint(1, 16)
        data = self.random.randbytes(count * 512)
        write(self.user, self.first + lba, data)
        self.model[lba * 512:(lba + count) * 512] = data
        self.verify(self.random.randrange(Writer.BLOCKS - 64), 64)
        if self.done % 40 == 39:
            check(self.user.do(FLUSH)[0] == GOOD, "flush")

    def verify(self, lba, count):
        check(read(self.user, self.first + lba, count) ==
              self.model[lba * 512:(lba + count) * 512],
              f"initiator of block {self.first}: {count} blocks at {lba} after {self.done} rounds")


def a_server_may_die_under_load():
    # Each write takes a while, so that some are on their way at each death.
    with nbdkit("--filter=delay", "--filter=cache", "file", blank("load.img", MIB),
                "cache=writeback", "wdelay=2ms") as peer, direct(peer) as (_, server):
        door = os.path.join(os.path.dirname(peer.socket), "door")
        writers = [Writer(door, number) for number in range(4)]
        for writer in writers:
            writer.start()
        for death in range(4):  # the log takes no more lines at once
            while (any(writer.is_alive() for writer in writers) and
                   sum(writer.done for writer in writers) < (death + 1) * 150):
                time.sleep(0.002)
            again(peer, server)
        for writer in writers:
            writer.join(TIMEOUT)
            check(not writer.is_alive(), f"an initiator hangs\n{server.errors()}")
            check(not writer.wrong, f"{writer.wrong}\n{server.errors()}")
            writer.user.close()


def commands_wait_for_no_longer_than_they_should():
    image = blank("gone.img", MIB)
    with nbdkit("file", image) as peer, direct(peer, "--reconnect", "0") as (user, server):
        write(user, 5, b"\7" * 512)
        peer.kill()
        said(server, "requests fail until it can")
        check(user.do(READ, 5, 1)[0] == NOT_READY, "a read without a server")
        check(user.do(WRITE, 5, 1, bytes(512))[0] == NOT_READY, "a write without a server")
        peer.start()
        said(server, "is there again")
        check(read(user, 5, 1) == b"\7" * 512, "the block is another")


def an_aborted_command_does_not_wait_for_the_server():
    with nbdkit("memory", "1M") as peer:
        with direct(peer, "--reconnect", "3600", "--stop-timeout", "3600",
                    "--slow-call", "1") as (user, server):
            peer.kill()
            said(server, "is lost")
            user.send(READ, 77, 1)
            said(server, "at block 77")  # the device has it
            user.close()
            said(server, "a session ends")
            # The end waits for all commands; there is nothing to flush.


def stop(peer):
    """All threads of the server are stopped."""
    peer.process.send_signal(signal.SIGSTOP)
    tasks = Path(f"/proc/{peer.process.pid}/task")
    while any((task / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "T"
              for task in tasks.iterdir()):
        time.sleep(0.01)


def a_silent_server_is_left():
    with nbdkit("memory", "1M") as peer, direct(peer, "--timeout", "1") as (user, server):
        write(user, 3, b"\3" * 512)
        stop(peer)
        user.send(READ, 3, 1)
        said(server, "answers nothing")
        peer.process.send_signal(signal.SIGCONT)
        check(user.answer(READ, 1) == (GOOD, b"\3" * 512), "the read")


def unflushed_writes_of_a_server_that_stays_away_are_reported():
    with nbdkit("memory", "1M") as peer, failing(peer, "--reconnect", "0") as (user, server):
        write(user, 3, b"\3" * 512)
        peer.kill()
        said(server, "requests fail")


def errors_of_the_server_are_sense_codes():
    rates = [f"error-{name}-rate=1" for name in ("pread", "pwrite", "zero")]
    with nbdkit("--filter=error", "memory", "1M", "error-pread=EIO", "error-pwrite=ENOSPC",
                "error-zero=EPERM", *rates) as peer, direct(peer) as (user, _):
        check(user.do(READ, 3, 1)[0] == (2, 3, 0x11, 0), "EIO")
        check(user.do(WRITE, 3, 1, bytes(512))[0] == (2, 7, 0x27, 7), "ENOSPC")
        check(user.unmap((3, 1)) == (2, 7, 0x27, 0), "EPERM")


def the_disk_has_the_blocks_of_the_server():
    with nbdkit("--filter=blocksize-policy", "memory", "1M", "blocksize-minimum=4096",
                "blocksize-error-policy=error") as peer:
        _, errors = run("nbddisk", "-u", peer.uri, "-l", "512", "-p", ANY, status=1)
        check("at least 4096 bytes" in errors, errors)
        with direct(peer) as (user, _):
            check((user.block, user.blocks) == (4096, 256), f"{user.block}, {user.blocks}")
            write(user, 7, b"\7" * 8192)
            check(read(user, 7, 2) == b"\7" * 8192, "the blocks are others")


def a_read_only_export_is_a_protected_disk():
    with nbdkit("-r", "memory", "1M") as peer, direct(peer) as (user, server):
        check(user.flags & 1, f"flags {user.flags}")
        check(user.do(WRITE, 3, 1, bytes(512))[0] == (2, 7, 0x27, 0), "a write")
        check("the export is read-only" in server.errors(), server.errors())


def several_connections_are_one_disk():
    image = blank("several.img", MIB)
    with nbdkit("file", image) as peer, direct(peer, "--connections", "3") as (user, server):
        others = [Client(os.path.join(os.path.dirname(peer.socket), "door")) for _ in range(3)]
        users = [user, *others]
        for number, each in enumerate(users):
            write(each, number, bytes([number + 1]) * 512)
        peer.kill()
        peer.start()
        for number, each in enumerate(users):
            check(read(each, 0, 4) == b"".join(bytes([n + 1]) * 512 for n in range(4)), "reads")
            check(each.do(FLUSH)[0] == GOOD, "flush")
        for each in others:
            each.close()
        said(server, "connection 2")


def a_server_for_one_client_gets_one_connection():
    with qemu_nbd("raw", os.path.basename(blank("single.img", MIB))) as peer:
        with direct(peer, "--connections", "2") as (user, server):
            check("there is one" in server.errors(), server.errors())
            write(user, 0, b"\1" * 512)


def an_export_that_grows_is_a_larger_disk():
    image = blank("grows.img", MIB)
    with nbdkit("file", image) as peer, direct(peer) as (user, server):
        check(user.blocks == 2048, f"{user.blocks}")
        peer.kill()
        os.truncate(image, 2 * MIB)
        peer.start()
        said(server, "has 4096 blocks now")
        check(read(user, 4095, 1) == bytes(512), "the last block")


def a_server_that_is_not_there_is_named():
    with nbdkit("memory", "0") as peer:
        _, errors = run("nbddisk", "-u", peer.uri, "-p", ANY, status=1)
        check("no bytes" in errors, errors)
        peer.kill()
        _, errors = run("nbddisk", "-u", peer.uri, "-p", ANY, status=1)
        check(peer.uri in errors and "refused" in errors, errors)
    _, errors = run("nbddisk", "-u", "nosuch:x", "-p", ANY, status=1)
    check("nosuch:x" in errors, errors)
    _, errors = run("nbddisk", "-u", "nbd://x/", "--journal", "1M", "-p", ANY, status=87)
    check("4M to 1G" in errors, errors)


def servers_with_tls_are_served():
    if not shutil.which("psktool"):
        raise Skip("psktool is not installed")
    client("psktool", "-u", "alice", "-p", path("keys.psk"))
    with nbdkit("--tls=require", f"--tls-psk={path('keys.psk')}", "memory", "1M") as peer:
        peer.uri = f"nbds+unix://alice@/?socket={peer.socket}&tls-psk-file={path('keys.psk')}"
        with direct(peer) as (user, server):
            write(user, 1, b"\1" * 65536)
            check(read(user, 1, 128) == b"\1" * 65536, "the blocks are others")


def holes(url):
    return [(row["start"], row["length"])
            for row in json.loads(client("qemu-img", "map", "--output=json", "-f", "raw", url))
            if not row["data"]]


def nbd_serves_it_again():
    with nbdkit("memory", "4M") as peer:
        door = f"nbd+unix:///disk?socket={peer.socket}-door"
        with Server("nbddisk", "-u", peer.uri, "-p", door) as server:
            qemu_io(server.url, "write -P 7 1M 64k", "write -P 8 2M 64k", "write -z -u 2M 64k",
                    "flush", "read -P 7 1M 64k", "read -P 0 2M 64k")
            client("qemu-img", "compare", "-f", "raw", "-F", "raw", server.url, peer.uri)
            check(holes(server.url) == holes(peer.uri), "holes are elsewhere")


def a_command_that_a_server_refuses_at_its_end_is_sent_again():
    def answer(number, kind, *_):
        return ESHUTDOWN if number == 0 and kind == nbd_liar.READ else 0

    with Liar(answer) as liar, direct(liar) as (user, server):
        write(user, 3, b"\3" * 512)
        check(read(user, 3, 1) == b"\3" * 512, "the block is another")
        said(server, "it shuts down")


def an_answer_to_nothing_ends_the_connection():
    def answer(number, kind, offset, length, stream):
        if number == 0 and kind == nbd_liar.READ:
            stream.sendall(b"\x67\x44\x66\x98" + bytes(4) + b"nonsense")

    with Liar(answer) as liar, direct(liar) as (user, server):
        write(user, 3, b"\3" * 512)
        check(read(user, 3, 1) == b"\3" * 512, "the block is another")
        check(liar.connections > 1, "the answer was taken")


def changes_of_the_same_blocks_are_made_again_one_by_one():
    early = []

    def answer(number, kind, offset, length, stream):
        if number == 0 and kind == nbd_liar.READ:
            raise nbd_liar.Gone
        if number == 1 and kind == nbd_liar.WRITE and offset == 512 * 9:
            early.append(nbd_liar.comes_early(stream))

    with Liar(answer) as liar, direct(liar) as (user, _):
        write(user, 9, b"\1" * 512)
        write(user, 8, b"\2" * 1024)
        write(user, 20, b"\3" * 512)
        liar.memory[:] = bytes(len(liar.memory))
        check(read(user, 8, 2) == b"\2" * 1024, "the order of two writes is lost")
        check(read(user, 20, 1) == b"\3" * 512, "the third write is lost")
    check(early == [False], f"{early}")


COMMANDS = [
    "Write id=1 offset=0x0 count=0x10000 fua=0",
    "Write id=2 offset=0x10000 count=0x1000 fua=1",
    "Zero id=3 offset=0x0 count=0x1000 trim=0 fua=0 fast=0",
    "Zero id=4 offset=0x2000 count=0x1000 trim=1 fua=0 fast=0",
    "Zero id=5 offset=0x4000 count=0x1000 trim=1 fua=0 fast=0",
]


def each_operation_has_its_command():
    log = path("commands.log")
    with nbdkit("--filter=log", "--filter=cache", "memory", "1M", f"logfile={log}") as peer:
        door = f"nbd+unix:///disk?socket={peer.socket}-door"
        with nbddisk(peer, "-p", door, doors=2) as server:
            iscsi, nbd = sorted(server.uris)
            qemu_io(nbd, "write -P 7 0 64k", "write -f 64k 4k", "write -z 0 4k",
                    "write -z -u 8k 4k", "discard 16k 4k")
            check(send_prefetch(iscsi, 3, 5) == 0, "no GOOD for a hint")
            logged = []
            deadline = time.monotonic() + TIMEOUT
            # Nobody waits for the command of a hint.
            while not re.search(r"Cache id=\d+ offset=0x600 count=0xa00", " ".join(logged)):
                check(time.monotonic() < deadline, f"no cache command in {logged}")
                time.sleep(0.02)
                with open(log, encoding="utf-8") as file:
                    text = file.read()
                logged = re.findall(r"connection=1 ([WZTCF]\w+ id=.*) \.\.\.", text)
    check(logged[:5] == COMMANDS, f"{logged}")


def unmapped_blocks_are_zeros_or_nobody_knows():
    for filters, zeros in (((), 1), (("--filter=nozero",), 0)):
        with nbdkit(*filters, "memory", "1M") as peer, nbddisk(peer) as server:
            said_there = client("iscsi-readcapacity16", server.url)
            check(f"LBPRZ:{zeros}" in said_there.replace(" ", ""), said_there)
            qemu_io(server.url, "write -P 7 0 64k", "discard 16k 4k", "read -P 7 0 16k",
                    "read -P 7 20k 4k")


def filters_work_above_it():
    with nbdkit("memory", "4M") as peer, nbddisk(peer, "--filter", "delay:time=1ms") as server:
        qemu_io(server.url, *(f"aio_write -P {n + 1} {n}M 64k" for n in range(4)), "aio_flush",
                *(f"read -P {n + 1} {n}M 64k" for n in range(4)))


def a_durable_write_is_flushed_where_there_is_no_fua():
    kinds = []

    def answer(number, kind, *_):
        kinds.append(kind)

    with Liar(answer) as liar, direct(liar) as (user, _):
        check(user.do(WRITE, 3, 1, b"\3" * 512, fua=1)[0] == GOOD, "a write")
        check(kinds == [nbd_liar.WRITE, nbd_liar.FLUSH], f"{kinds}")
    kinds.clear()
    with Liar(answer) as liar, direct(liar, "-C", "0") as (user, _):
        write(user, 3, b"\3" * 512)
        check(kinds == [nbd_liar.WRITE, nbd_liar.FLUSH], f"without a cache: {kinds}")


def a_flush_that_nobody_asked_for_fails_those_that_follow():
    def answer(number, kind, *_):
        return EIO if kind == nbd_liar.FLUSH and not failed.is_set() and not failed.set() else 0

    failed = threading.Event()
    with Liar(answer) as liar, failing(liar, "--journal", "4M") as (user, server):
        while not failed.is_set():
            write(user, 0, bytes(65536))
        said(server, "every later flush")
        check(user.do(FLUSH)[0] == (2, 3, 0xc, 0), "a flush that hides what was lost")


def a_server_that_says_nothing_or_nonsense_is_no_server():
    for greeting, text in ((b"", "no answer within 1 s"), (b"SSH-2.0-x\r\n" * 99, "magic")):
        with Liar(None) as liar:
            liar.greeting = greeting
            _, errors = run("nbddisk", "-u", liar.uri, "--timeout", "1", "-p", ANY, status=1)
            check(text in errors, errors)


TESTS = [
    images_of_other_formats_are_disks,
    writes_that_a_dead_server_has_lost_are_made_again,
    a_server_may_die_under_load,
    commands_wait_for_no_longer_than_they_should,
    an_aborted_command_does_not_wait_for_the_server,
    a_silent_server_is_left,
    unflushed_writes_of_a_server_that_stays_away_are_reported,
    errors_of_the_server_are_sense_codes,
    the_disk_has_the_blocks_of_the_server,
    a_read_only_export_is_a_protected_disk,
    several_connections_are_one_disk,
    a_server_for_one_client_gets_one_connection,
    an_export_that_grows_is_a_larger_disk,
    a_server_that_is_not_there_is_named,
    servers_with_tls_are_served,
    nbd_serves_it_again,
    a_command_that_a_server_refuses_at_its_end_is_sent_again,
    an_answer_to_nothing_ends_the_connection,
    changes_of_the_same_blocks_are_made_again_one_by_one,
    each_operation_has_its_command,
    unmapped_blocks_are_zeros_or_nobody_knows,
    filters_work_above_it,
    a_durable_write_is_flushed_where_there_is_no_fua,
    a_flush_that_nobody_asked_for_fails_those_that_follow,
    a_server_that_says_nothing_or_nonsense_is_no_server,
]
