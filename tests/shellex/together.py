# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The extension, the launcher and the driver together: files are mounted, and drives ejected."""

import re
from contextlib import contextmanager

from harness.programs import nothing_is_left, passes_stgtest
from service import Launcher

IN_USE, NO_ASSOCIATION, DENIED = 2404, 1155, 5
NO_RIGHTS = "D:P(A;;RP;;;SY)"


def image(machine, name):
    """A file to mount; its path, and the instance that the extension makes of it."""
    (machine.package / name).touch()
    return rf"C:\winspd\{name}", rf"\\?\C:\winspd\{name}"


def shell(machine, *arguments):
    """What shelltest prints."""
    _, output = machine.prefix.wine(machine.package / "shelltest.exe", *arguments)
    return output.strip()


def mount(machine, *paths):
    return int(shell(machine, "--mount", *paths))


def eject(machine, number):
    found = re.fullmatch(r"offered (\d+)", shell(machine, "--eject", number))
    assert found, f"disk {number} has no entry"
    return int(found[1])


def number_of(launcher, instance):
    found = []

    def there():
        output = launcher.ctl("list", "-l")[1]
        found[:] = re.findall(rf"^ +\d+ +[\d:]+ +\d+ +(\d+)  rawdisk {re.escape(instance)}$",
                              output, re.M)
        return found

    launcher.prefix.wait_for(there, f"a disk of {instance}")
    return found[0]


@contextmanager
def launcher_of(machine, **values):
    """With a class for the files; nothing is left that it has started."""
    launcher = Launcher(machine)
    launcher.prepare()
    try:
        launcher.add_class("rawdisk", Executable=launcher.program("rawdisk"),
                           CommandLine="-f %1 -c 65536", **values)
        yield launcher
        launcher.clear()
        nothing_is_left(machine)
    finally:
        launcher.control("stop")
        launcher.control("remove")


def an_image_is_mounted_and_ejected(machine):
    path, instance = image(machine, "one.rawdisk")
    with launcher_of(machine) as launcher:
        assert mount(machine, path) == 0
        number = number_of(launcher, instance)
        assert mount(machine, path.upper()) == 0, "again, it is no error"
        launcher.wait_for_list(f"rawdisk {instance}")
        passes_stgtest(machine, rf"\\.\PhysicalDrive{number}", "50", "WR", "*", "*")
        assert eject(machine, number) == 0
        launcher.wait_for_list()


def each_of_two_is_ejected_by_itself(machine):
    """And one that a program uses stays."""
    (one, first), (two, second) = image(machine, "1.rawdisk"), image(machine, "2.rawdisk")
    with launcher_of(machine) as launcher:
        assert mount(machine, one, two) == 0
        numbers = number_of(launcher, first), number_of(launcher, second)
        with launcher.client("lock", rf"\\.\PhysicalDrive{numbers[1]}"):
            assert eject(machine, numbers[1]) == IN_USE
            assert eject(machine, numbers[0]) == 0
            launcher.wait_for_list(f"rawdisk {second}")
        assert eject(machine, numbers[1]) == 0
        launcher.wait_for_list()


def refusals_of_the_launcher_are_told(machine):
    path, _ = image(machine, "refused.rawdisk")
    other, _ = image(machine, "refused.other")
    with launcher_of(machine, Security=NO_RIGHTS) as launcher:
        assert mount(machine, other) == NO_ASSOCIATION, "there is no such class"
        assert launcher.list() == []
    assert mount(machine, path) == NO_ASSOCIATION, "there is no launcher"


TESTS = [
    ("together: an image is mounted and ejected", an_image_is_mounted_and_ejected),
    ("together: each of two is ejected by itself", each_of_two_is_ejected_by_itself),
    ("together: refusals of the launcher are told", refusals_of_the_launcher_are_told),
]
