# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Helpers for the programs that ship: disks, stgtest, scsitool."""

import re
import socket
import subprocess
from contextlib import contextmanager

from .prefix import PATIENCE

ADAPTER = r"root\winspd"


def free_port():
    """For a program that does not say which one it has got."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def server(machine, program, *arguments):
    """A disk program; killed at the end, as a crash would."""
    process = subprocess.Popen(
        ["wine", str(machine.package / f"{program}-x64.exe"), *arguments], env=machine.prefix.env,
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=machine.prefix.log)
    try:
        await_serving(machine, process, program)
        yield process
    finally:
        process.kill()
        process.communicate()


def await_serving(machine, process, program):
    """Until the line that says so; a program that ends before tells what can be told of it."""
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("serving"):
            return
    why = machine.prefix.why(ended(process), "".join(said))
    raise AssertionError(f"{program} does not serve: {why}")


@contextmanager
def disk(machine, program, *arguments, before=None):
    """A server on the driver, and the name of its disk, made since the double's log was so long."""
    before = len(machine.judge_log()) if before is None else before
    with server(machine, program, *arguments) as process:
        yield process, disk_of(machine, before)


def disk_of(machine, log_length):
    """The disk that the double has made since its log was so long."""
    def find():
        return re.search(r"disk (\d+) is unit", machine.judge_log()[log_length:])

    machine.prefix.wait_for(find, "a disk")
    return rf"\\.\PhysicalDrive{find()[1]}"


def stgtest(machine, *arguments):
    """Started; ended() has its exit status."""
    return machine.prefix.start_wine(machine.package / "stgtest-x64.exe", *arguments)


def ended(process):
    """Its exit status; it has to end by itself."""
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"does not end: {process.args}") from None
    return process.returncode


def passes_stgtest(machine, *arguments):
    status = ended(stgtest(machine, *arguments))
    assert status == 0, f"stgtest {arguments}: {machine.prefix.why(status)}"


def scsitool(machine, *arguments):
    """Its lines, as pairs of name and value; numbers as numbers."""
    status, output = machine.prefix.wine(machine.package / "scsitool-x64.exe", "-c", *arguments)
    assert status == 0, f"scsitool {arguments}: {machine.prefix.why(status, output)}"
    pairs = [line.split("=", 1) for line in output.splitlines() if "=" in line]
    return [(name, re.sub(r"^(\d+) \(0x[0-9a-f]+\)$", r"\1", value)) for name, value in pairs]


def nothing_is_left(machine):
    """No unit, no disk, no request, no transaction; and the driver answers."""
    machine.test("nothing is left")
