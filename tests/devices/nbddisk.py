# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""nbddisk: exports of qemu-nbd and nbdkit as disks, and what happens when the server goes."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from program import ANY, TIMEOUT, Server, Skip, check, client, path, qemu_io, run

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))

from peer import READ, WRITE, Client  # noqa: E402

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


@contextmanager
def direct(peer, *words):
    """A disk at a Unix socket, and a client that sees each status."""
    door = os.path.join(os.path.dirname(peer.socket), "door")
    with Server("nbddisk", "-u", peer.uri, *words, "-p", f"unix:{door}") as server:
        user = Client(door)
        yield user, server
        user.close()


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


TESTS = [
    images_of_other_formats_are_disks,
]
