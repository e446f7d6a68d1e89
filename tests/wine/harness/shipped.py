# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""What ships, from end to end. A test returns why it was skipped, or None."""

import re
from contextlib import contextmanager

SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\WinSpd"


def is_installed(machine):
    status, output = machine.drvtest("nothing is left")
    assert status == 0, output
    assert "adapter 0 started" in machine.judge_log()


def it_is_there_again_after_a_restart(machine):
    machine.prefix.restart()
    is_installed(machine)


@contextmanager
def server(machine, program, *arguments):
    """A disk program of ours; killed at the end, as a crash would."""
    process = machine.prefix.start_wine(machine.package / f"{program}-x64.exe", *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def passes_stgtest(machine, *arguments):
    status, output = machine.prefix.wine(machine.package / "stgtest-x64.exe", *arguments,
                                         timeout=60)
    assert status == 0, f"stgtest: {status} {output}{machine.prefix.said()}"


def disk_of(machine, log_length):
    """The disk that the double has made since its log was so long."""
    def find():
        return re.search(r"disk (\d+) is unit", machine.judge_log()[log_length:])

    machine.prefix.wait_for(find, 20, "a disk")
    return rf"\\.\PhysicalDrive{find()[1]}"


def program_is_a_disk(program, *options):
    def test(machine):
        before = len(machine.judge_log())
        with server(machine, program, "--size", "16M", *options):
            passes_stgtest(machine, disk_of(machine, before), "2000", "WR", "*", "*")
        status, output = machine.drvtest("nothing is left")
        assert status == 0, output
    return test


def program_is_behind_a_pipe(machine):
    with server(machine, "memdisk", "--size", "16M", "-p", r"\\.\pipe\memdisk") as process:
        machine.prefix.wait_for(lambda: process.stdout.readline(), 20, "the line of a start")
        passes_stgtest(machine, r"\\.\pipe\memdisk\0", "1000", "WRUR", "*", "*")


def disk_is_an_image(machine):
    """The only image here whose requests are pending for a while: files end theirs at once."""
    before = len(machine.judge_log())
    with server(machine, "memdisk", "--size", "16M"):
        disk = disk_of(machine, before)
        with server(machine, "rawdisk", "-f", disk, "-p", r"\\.\pipe\rawdisk") as process:
            machine.prefix.wait_for(lambda: process.stdout.readline(), 20, "the line of a start")
            passes_stgtest(machine, r"\\.\pipe\rawdisk\0", "500", "WRUR", "*", "*")


def two_hundred_and_fifty_five_units(machine):
    reg = ["reg", "add", SERVICE, "/v", "StorageUnitCapacity", "/t", "REG_DWORD", "/f", "/d"]
    for count in (255, 16):
        machine.prefix.check(["wine", *reg, str(count)], 30)
        machine.prefix.restart()
        status, output = machine.drvtest("--units", str(count))
        assert status == 0, output
    is_installed(machine)


def a_finding_is_noticed(machine):
    assert machine.drvtest("--find")[0] == 0
    found = machine.new_findings()
    assert found == ["FINDING: a test asked for this"], found


def it_is_removed_under_a_server(machine):
    before = len(machine.judge_log())
    with server(machine, "memdisk", "--size", "16M") as process:
        disk = disk_of(machine, before)
        busy = machine.prefix.start_wine(machine.package / "stgtest-x64.exe", disk, "100000000",
                                         "WR", "*", "*")
        machine.devsetup("remove")
        for ended in (busy, process):
            ended.communicate(timeout=30)
    machine.prefix.wait_for(lambda: "removed" in machine.judge_log()[before:], 10,
                            "the adapter is removed")
    machine.prefix.restart()
    machine.devsetup("add", r"C:\winspd\winspd.inf")
    is_installed(machine)


def it_is_removed_and_nothing_is_left(machine):
    machine.devsetup("remove")
    machine.prefix.wait_for(lambda: "unloaded" in machine.judge_log(), 10, "the driver is unloaded")
    assert machine.drvtest("nothing is left")[0] == 3, "the adapter is still there"


TESTS = [
    ("memdisk is a disk of the system", program_is_a_disk("memdisk")),
    ("rawdisk is a disk of the system", program_is_a_disk("rawdisk", "-f", r"C:\winspd\image")),
    ("memdisk is behind a pipe", program_is_behind_a_pipe),
    ("rawdisk takes a disk for its image", disk_is_an_image),
    ("255 units", two_hundred_and_fifty_five_units),
    ("a finding is noticed", a_finding_is_noticed),
    ("it is there again after a restart", it_is_there_again_after_a_restart),
    ("it is removed under a server with I/O in flight", it_is_removed_under_a_server),
    ("it is removed and nothing is left", it_is_removed_and_nothing_is_left),
]
