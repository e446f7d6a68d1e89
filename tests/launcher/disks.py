# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Disks of the programs that ship, started by the launcher and served through the driver."""

import os
import re
import signal
from contextlib import contextmanager

from harness.programs import nothing_is_left, passes_stgtest

GUID = "0f5c2a1e-7b3d-4c6f-9a88-1d2e3f405162"
ANYBODY_STARTS = "D:P(A;;RP;;;WD)"


def add_rawdisk(launcher, more="", **values):
    """As an installer registers it."""
    launcher.add_class("rawdisk", Executable=launcher.program("rawdisk"),
                       CommandLine="-f %1 -c 65536" + more, **values)


def disk_number(launcher, name, user=False):
    """Of the one disk of an instance, as soon as it has one."""
    found = []

    def there():
        command = [launcher.program("user")] if user else []
        output = launcher.run(*command, launcher.program("launchctl"), "list", "-l")[1]
        found[:] = re.findall(rf"^ +\d+ +[\d:]+ +\d+ +(\d+)  rawdisk {re.escape(name)}$", output,
                              re.M)
        return found

    launcher.prefix.wait_for(there, "a disk")
    return int(found[0])


@contextmanager
def rawdisk(launcher, name):
    """Its number; stopped at the end, if it still runs."""
    path = rf"C:\winspd\{name}.rawdisk"
    launcher.says("OK\n", "start", "rawdisk", path, path)
    try:
        yield path, disk_number(launcher, path)
    finally:
        launcher.clear()
        nothing_is_left(launcher.machine)


def a_disk_is_served_and_ejected(launcher):
    add_rawdisk(launcher)
    with rawdisk(launcher, "served") as (path, number):
        passes_stgtest(launcher.machine, rf"\\.\PhysicalDrive{number}", "50", "WR", "*", "*")
        log = launcher.machine.judge_log()
        launcher.says("OK\n", "stop", "rawdisk", path)
        launcher.wait_for_list()
        assert re.search(r"volume \d+ is dismounted", launcher.machine.judge_log()[len(log):])


def a_volume_in_use_is_not_stopped(launcher):
    """Unless by force, which says so, does it, and forgets what was stored."""
    add_rawdisk(launcher, Persistent=1)
    with rawdisk(launcher, "busy") as (path, number), \
            launcher.client("lock", rf"\\.\PhysicalDrive{number}"):
        for _ in range(2):
            launcher.says("KO launcher: error 2404\n", "stop", "rawdisk", path)
        assert launcher.list() == [f"rawdisk {path}"] and launcher.stored("rawdisk") == [path]
        with launcher.recorded("forced to stop although a program uses the volume"):
            launcher.says("OK\n", "stopForced", "rawdisk", path)
        launcher.wait_for_list()
        assert launcher.stored("rawdisk") == []


def other_instances_keep_their_volumes(launcher):
    add_rawdisk(launcher)
    with rawdisk(launcher, "first") as (first, number):
        path = r"C:\winspd\second.rawdisk"
        launcher.says("OK\n", "start", "rawdisk", path, path)
        other = disk_number(launcher, path)
        assert other != number
        launcher.says("OK\n", "stop", "rawdisk", first)
        launcher.wait_for_list(f"rawdisk {path}")
        passes_stgtest(launcher.machine, rf"\\.\PhysicalDrive{other}", "20", "WR", "*", "*")


def a_view_tells_the_disks_guid(launcher):
    add_rawdisk(launcher, f" --guid {GUID}")
    with rawdisk(launcher, "guid") as (path, number):
        view = launcher.send(f"Vrawdisk|{path}|")
        assert view.endswith(f"|disk={number} {{{GUID}}}|"), view


def process_of(launcher, name):
    return int(re.search(r"\|pid=(\d+)\|", launcher.send(f"Vrawdisk|{name}|"))[1])


def the_end_of_a_killed_launcher_ends_its_servers(launcher):
    """The service manager starts it again by its recovery options; here the test does."""
    add_rawdisk(launcher, Persistent=1)
    launcher.add_class("loose", CommandLine=r"C:\winspd\loose.log run", JobControl=0)
    with rawdisk(launcher, "killed") as (path, _):
        launcher.says("OK\n", "start", "loose", "x")
        launcher.wait_for_log("loose", "ready")
        before = process_of(launcher, path)
        launcher.kill()
        nothing_is_left(launcher.machine)
        loose = launcher.processes_of("loose.log")
        assert len(loose) == 1, "it is in the job, although its class says no"
        os.kill(loose[0], signal.SIGKILL)
        launcher.start_again()
        launcher.wait_for_list(f"rawdisk {path}")
        number = disk_number(launcher, path)
        assert process_of(launcher, path) != before
        passes_stgtest(launcher.machine, rf"\\.\PhysicalDrive{number}", "20", "WR", "*", "*")


TESTS = [
    ("a disk is served and ejected", a_disk_is_served_and_ejected),
    ("a volume in use is stopped by force alone", a_volume_in_use_is_not_stopped),
    ("other instances keep their volumes", other_instances_keep_their_volumes),
    ("a view tells the disk's GUID", a_view_tells_the_disks_guid),
    ("the end of a killed launcher ends its servers, and they come again",
     the_end_of_a_killed_launcher_ends_its_servers),
]
