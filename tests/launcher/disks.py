# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A disk whose launcher is killed."""

import os
import re
import signal
from contextlib import contextmanager

from harness.programs import nothing_is_left, passes_stgtest


def add_rawdisk(launcher, **values):
    """As an installer registers it."""
    launcher.add_class("rawdisk", Executable=launcher.program("rawdisk"),
                       CommandLine="-f %1 -c 65536", **values)


def disk_number(launcher, name):
    """The number of the only disk of an instance, as soon as it has one."""
    found = []

    def there():
        output = launcher.ctl("list", "-l")[1]
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
    ("the end of a killed launcher ends its servers, and they come again",
     the_end_of_a_killed_launcher_ends_its_servers),
]
