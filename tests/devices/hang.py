# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A rawdisk whose medium hangs, and resets, as initiators and operators see them.

The medium is hangmedium.c: what touches one block hangs until the gate is opened.
"""

import os
import re
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from program import ANY, BUILD, TIMEOUT, Server, check, path

for folder in ("conformance", "iscsi-windows"):
    sys.path.append(str(Path(__file__).resolve().parent.parent / folder))

from initiator import BLOCK, WRITE, Initiator  # noqa: E402
from start import until  # noqa: E402

MIB = 1 << 20
HUNG = 64  # the block
TASK_REQUEST, TASK_RESPONSE, R2T, DATA_OUT = 0x42, 0x22, 0x31, 0x05
ABORT_TASK_SET, LOGICAL_UNIT_RESET = 2, 5
UNAVAILABLE = 0x0301


class HungDisk:
    """A rawdisk on a medium that hangs. Its gate is opened at the end, unless it has ended."""

    def __init__(self, name, *arguments, query=""):
        self.gate = path(f"{name}.gate")
        os.mkfifo(self.gate)
        with open(path(name), "wb") as file:
            file.truncate(4 * MIB)
        preload = os.path.join(BUILD, "tests/devices/hangmedium.so")
        env = dict(os.environ, LD_PRELOAD=preload, HANGMEDIUM_FILE=path(name),
                   HANGMEDIUM_OFFSET=str(HUNG * BLOCK), HANGMEDIUM_GATE=self.gate)
        self.server = Server("rawdisk", "-f", path(name), "--threads", "4", *arguments,
                             "-p", ANY + query, env=env)
        self.url = self.server.url

    def wait_held(self, count):
        deadline = time.monotonic() + TIMEOUT
        held = f"{self.gate}.held"
        while not os.path.exists(held) or os.path.getsize(held) < count:
            check(time.monotonic() < deadline, "nothing reaches the medium")
            time.sleep(0.01)

    def open_gate(self):
        """For those that hang now and, as long as what it returns is open, later."""
        return os.fdopen(os.open(self.gate, os.O_RDWR), "wb")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        with self.open_gate():
            self.server.end()
        self.server.log.close()


def settled(url, number=1, **keys):
    """An initiator that has logged in and taken the first unit attention."""
    initiator = Initiator(url, number)
    check(initiator.login(**keys) == 0, "no login")
    initiator.settle()
    return initiator


def with_a_write_that_hangs(disk, data=bytes(BLOCK)):
    initiator = settled(disk.url)
    initiator.begin_write(HUNG, data)
    disk.wait_held(1)
    return initiator


def ask(initiator, function):
    initiator.send(TASK_REQUEST, 0x80 | function, bytes(8), 0xffffffff)
    head, _ = initiator.receive()
    check(head[0] == TASK_RESPONSE, f"opcode {head[0]:#x} answers a task management function")
    return head[2]


def an_initiator_whose_read_hangs_gets_in_again_at_once():
    with HungDisk("hung-read.img") as disk:
        with settled(disk.url) as first:
            first.begin_read(HUNG, 1)
            disk.wait_held(1)
        with settled(disk.url) as second:
            check(second.read(0, 1) == bytes(BLOCK), "another block cannot be read")
            second.begin_read(HUNG, 1)
            disk.wait_held(2)
            check(ask(second, ABORT_TASK_SET) == 0, "the abort fails")


def an_initiator_whose_write_hangs_is_refused_after_the_bound():
    with HungDisk("hung-write.img", query="?write-wait=1") as disk:
        with with_a_write_that_hangs(disk):
            pass
        with Initiator(disk.url) as second:
            status = second.login()
            check(status == UNAVAILABLE, f"login status {status:#06x}")
        with disk.open_gate(), Initiator(disk.url) as third:
            check(third.login() == 0, "no login after the write")
        said = disk.server.errors()
        check(re.search(rf"it waited \d+ s for 1 write of its former session, LBA {HUNG}, ", said),
              said)


def an_operation_that_hangs_is_told_before_and_after_its_end():
    with HungDisk("hung-slow.img", "--slow-call", "50") as disk:
        with Initiator(disk.url) as initiator:
            check(initiator.login() == 0, "no login")
            initiator.settle()
            initiator.begin_read(HUNG, 1)
            line = f"{disk.server.uris[0]}: a read of 1 block at block {HUNG} "
            until(lambda: line + "has been running for " in disk.server.errors(), "its line")
            check(line + "took " not in disk.server.errors(), "it has ended")
            with disk.open_gate():
                until(lambda: line + "took " in disk.server.errors(), "the line of its end")
        check("--slow-call 50 " in disk.server.said, disk.server.said)


def ctrl_c_ends_a_server_whose_medium_hangs():
    disk = HungDisk("hung-end.img", "--stop-timeout", "1")
    with with_a_write_that_hangs(disk):
        status = disk.server.end(signal.SIGINT)
    said = disk.server.errors()
    disk.server.log.close()
    check(status == 1, f"status {status}\n{said}")
    check("no last flush has been made: 1 operation, the oldest a write, "
          f"LBA {HUNG}, " in said, said)


def ctrl_c_again_and_again_ends_a_server_at_once():
    disk = HungDisk("hung-again.img", "--stop-timeout", "3600")
    with with_a_write_that_hangs(disk):
        process = disk.server.process
        deadline = time.monotonic() + TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        status = disk.server.end()
    disk.server.log.close()
    check(status == -signal.SIGINT, f"status {status}")


def a_server_whose_medium_answers_in_time_ends_in_order():
    disk = HungDisk("hung-late.img", "--stop-timeout", "3600")
    with with_a_write_that_hangs(disk, b"\x5a" * BLOCK) as initiator:
        disk.server.process.send_signal(signal.SIGINT)
        head, _ = initiator.receive()
        check(head[0] == 0x32, f"opcode {head[0]:#x} instead of an asynchronous message")
    with disk.open_gate():
        status = disk.server.end(0)
    said = disk.server.errors()
    disk.server.log.close()
    check(status == 0, f"status {status}\n{said}")
    with open(path("hung-late.img"), "rb") as file:
        file.seek(HUNG * BLOCK)
        check(file.read(BLOCK) == b"\x5a" * BLOCK, "the write is not there")


def a_reset_by_one_door_aborts_a_write_by_another():
    """The write waits for its data, which comes after the reset."""
    with Server("rawdisk", "-f", path("hang-doors.img"), "--size", "4M", "-p", ANY,
                "-p", "iscsi://127.0.0.1:0/iqn.2026-01.org.example:other", doors=2) as server:
        with settled(server.uris[0], ImmediateData="No") as first, \
                settled(server.uris[1], 2, ImmediateData="No") as second:
            tag = second.begin(WRITE, BLOCK, struct.pack(">BxIxHx", 0x2a, 0, 1))
            head, _ = second.receive()
            check(head[0] == R2T, f"opcode {head[0]:#x} instead of R2T")
            check(ask(first, LOGICAL_UNIT_RESET) == 0, "the reset fails")
            data_out = struct.pack(">BB2xI8sI4s12xII4x", DATA_OUT, 0x80, BLOCK, head[8:16], tag,
                                   head[20:24], 0, 0)
            second.stream.sendall(data_out + b"\x77" * BLOCK)
            status, _ = second.end(second.begin_read(0, 1))
            check(status == 2, f"status {status} instead of a unit attention")
            check(second.read(0, 1) == bytes(BLOCK), "the write was carried out")


def a_reset_by_iscsi_aborts_a_write_by_a_unix_socket():
    name = f"/tmp/spd-hang-{os.getpid()}"  # a socket's name is short
    with Server("rawdisk", "-f", path("doors2.img"), "--size", "4M", "-p", ANY,
                "-p", f"unix:{name}", doors=2) as server:
        with Initiator(server.uris[0]) as first, socket.socket(socket.AF_UNIX) as second:
            check(first.login() == 0, "no login")
            first.settle()
            second.settimeout(TIMEOUT)
            second.connect(name)
            second.recv(128, socket.MSG_WAITALL)
            unknown, write, read = (struct.pack("<QB7xQII16x", kind, kind, 0, 1, 0)
                                    for kind in (99, 2, 1))
            second.sendall(unknown)  # its answer says that the door listens
            check(second.recv(48, socket.MSG_WAITALL)[16] == 2, "a kind that is not there")
            second.sendall(write)
            with socket.socket(socket.AF_UNIX) as later:  # it comes after the header
                later.connect(name)
                later.recv(128, socket.MSG_WAITALL)
            check(ask(first, LOGICAL_UNIT_RESET) == 0, "the reset fails")
            second.sendall(b"\x77" * BLOCK)
            answer = second.recv(48, socket.MSG_WAITALL)
            check(answer[16] == 0x40, f"status {answer[16]:#x} instead of TASK ABORTED")
            second.sendall(read)
            second.recv(48, socket.MSG_WAITALL)
            check(second.recv(BLOCK, socket.MSG_WAITALL) == bytes(BLOCK), "it was written")


TESTS = [
    an_initiator_whose_read_hangs_gets_in_again_at_once,
    an_initiator_whose_write_hangs_is_refused_after_the_bound,
    an_operation_that_hangs_is_told_before_and_after_its_end,
    ctrl_c_ends_a_server_whose_medium_hangs, ctrl_c_again_and_again_ends_a_server_at_once,
    a_server_whose_medium_answers_in_time_ends_in_order,
    a_reset_by_one_door_aborts_a_write_by_another,
    a_reset_by_iscsi_aborts_a_write_by_a_unix_socket,
]
