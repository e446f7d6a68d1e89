# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Initiators of a rawdisk whose medium is out of reach for a while.

The medium is farmedium.c, on which a network error is an error of every call.
"""

import os
import sys
import time
from pathlib import Path

from flush import said_by, start
from program import ANY, BUILD, TIMEOUT, Server, check, path, qemu_io

for folder in ("conformance", "iscsi-windows"):
    sys.path.append(str(Path(__file__).resolve().parent.parent / folder))

from initiator import Initiator  # noqa: E402

MIB = 1 << 20
CHECK_CONDITION, BUSY = 2, 8
READ_10, SYNCHRONIZE_CACHE_10 = 0x28, 0x35
BUSY_LINE = "Connection timed out (SCSI status 08h): initiators try again"


class FarDisk:
    """A rawdisk on a medium whose network can be cut."""

    def __init__(self, name, *arguments):
        self.down = path(f"{name}.down")
        with open(path(name), "wb") as file:
            file.truncate(4 * MIB)
        env = dict(os.environ, LD_PRELOAD=os.path.join(BUILD, "tests/devices/farmedium.so"),
                   FARMEDIUM_FILE=path(name), FARMEDIUM_DOWN=self.down)
        self.server = Server("rawdisk", "-f", path(name), *arguments, "-p", ANY, env=env)
        self.url = self.server.url

    def cut(self):
        with open(self.down, "wb"):
            pass

    def mend(self):
        os.unlink(self.down)

    def wait_said(self, text):
        deadline = time.monotonic() + TIMEOUT
        while text not in self.server.errors():
            check(time.monotonic() < deadline, f"not said: {text}\n{self.server.errors()}")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)


def answer(initiator, opcode, blocks=0):
    """The status, and the sense key with its codes, for block 0."""
    initiator.begin(0x40 if blocks else 0, 512 * blocks,
                    bytes([opcode, 0, 0, 0, 0, 0, 0, 0, blocks, 0]) + bytes(6))
    head, data = initiator.receive()
    return head[3], (data[4], data[14], data[15]) if len(data) >= 18 else None


def an_initiator_waits_until_the_network_is_back():
    for threads in ("1", "4"):
        with FarDisk(f"far-{threads}.img", "--threads", threads) as disk:
            qemu_io(disk.url, "write -P 0x11 0 64k")
            disk.cut()
            client = start(disk.url, "read -P 0x11 0 64k", "write -P 0x22 0 64k")
            disk.wait_said(f"a read failed at block 0: {BUSY_LINE}")
            disk.mend()
            said, = said_by([client])
            check(client.returncode == 0 and "error" not in said, said)
            disk.cut()
            client = start(disk.url, "write -P 0x33 0 64k")
            disk.wait_said(f"a write failed at block 0: {BUSY_LINE}")
            disk.mend()
            said, = said_by([client])
            check(client.returncode == 0 and "error" not in said, said)
            qemu_io(disk.url, "read -P 0x33 0 64k")


def nobody_is_told_of_a_bad_block():
    with FarDisk("far-status.img") as disk, Initiator(disk.url) as initiator:
        check(initiator.login() == 0, "no login")
        initiator.settle()
        disk.cut()
        said = answer(initiator, READ_10, 1)
        check(said == (BUSY, None), f"status and sense {said}")
        disk.mend()
        said = answer(initiator, READ_10, 1)
        check(said[0] == 0, f"status and sense {said}")


def data_that_a_flush_has_lost_is_not_busy():
    """BUSY would promise that another flush may bring it back."""
    disk = FarDisk("far-flush.img")
    with Initiator(disk.url) as initiator:
        check(initiator.login() == 0, "no login")
        initiator.settle()
        disk.cut()
        for _ in range(2):
            said = answer(initiator, SYNCHRONIZE_CACHE_10)
            check(said == (CHECK_CONDITION, (3, 0x0c, 0)), f"status and sense {said}")
            if os.path.exists(disk.down):
                disk.mend()
    status = disk.server.end()
    said = disk.server.errors()
    disk.server.log.close()
    check(status == 1 and "a flush of image" in said and "Connection timed out" in said,
          f"status {status}\n{said}")


TESTS = [an_initiator_waits_until_the_network_is_back, nobody_is_told_of_a_bad_block,
         data_that_a_flush_has_lost_is_not_busy]
