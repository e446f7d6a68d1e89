# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The extension, the launcher and the driver together: files are mounted, and drives ejected."""

import os
import re
import signal
from contextlib import contextmanager

from harness.programs import nothing_is_left, passes_stgtest
from service import SERVICES, SYSTEMS, Launcher

IN_USE, NO_ASSOCIATION, DENIED = 2404, 1155, 5
NO_RIGHTS = "D:P(A;;RP;;;SY)"
ANYBODY_STARTS = "D:P(A;;RP;;;WD)"


def image(machine, name):
    """A file to mount; its path, and the instance that the extension makes of it."""
    (machine.package / name).touch()
    return rf"C:\winspd\{name}", rf"\\?\C:\winspd\{name}"


def shell(machine, *arguments, user=False):
    """The output of shelltest; user: for a user who is no administrator."""
    programs = [machine.package / "user-x64.exe"] if user else []
    programs.append(machine.package / f"shelltest-{machine.arch}.exe")
    _, output = machine.prefix.wine(*programs, *arguments)
    return output.strip()


def mount(machine, *paths, **who):
    return int(shell(machine, "--mount", *paths, **who))


def eject(machine, number, **who):
    found = re.fullmatch(r"offered (\d+)", shell(machine, "--eject", number, **who))
    assert found, f"disk {number} has no entry"
    return int(found[1])


def number_of(launcher, instance, user=False):
    found = []

    def there():
        programs = [launcher.program("user")] if user else []
        output = launcher.run(*programs, launcher.program("launchctl"), "list", "-l")[1]
        found[:] = re.findall(rf"^ +\d+ +[\d:]+ +\d+ +(\d+)  \w+ {re.escape(instance)}$",
                              output, re.M)
        return found

    launcher.prefix.wait_for(there, f"a disk of {instance}")
    return found[0]


@contextmanager
def launcher_of(machine, options="", **values):
    """With a class for the files; nothing is left that it has started."""
    launcher = Launcher(machine)
    launcher.prepare()
    try:
        launcher.add_class("rawdisk", Executable=launcher.program("rawdisk"),
                           CommandLine="-f %1 -c 65536" + options, **values)
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


def image_of_another_user(launcher):
    """All who mount here have the same name: so this one comes out of the registry."""
    _, instance = image(launcher.machine, "other.rawdisk")
    launcher.control("stop")
    launcher.prefix.check(["wine", "reg", "add", rf"{SERVICES}\rawdisk\Instances", "/v", instance,
                           "/t", "REG_MULTI_SZ", "/d", rf"{instance}\0{SYSTEMS}", "/f"])
    launcher.control("start")
    launcher.wait_for_list(f"rawdisk {instance}")
    return instance


def a_user_mounts_and_ejects(machine):
    """A user who is no administrator, and cannot eject others' disks. The launcher is the tests':
    the header of tests/launcher/programs/token.c says why."""
    mine, instance = image(machine, "mine.rawdisk")
    with launcher_of(machine, Security=ANYBODY_STARTS) as launcher:
        launcher.use("launcher-test")
        other = image_of_another_user(launcher)
        assert mount(machine, mine, user=True) == 0
        number = number_of(launcher, instance, user=True)
        passes_stgtest(machine, rf"\\.\PhysicalDrive{number}", "20", "WR", "*", "*")
        refused = eject(machine, number_of(launcher, other), user=True)
        assert refused == DENIED, refused
        assert eject(machine, number, user=True) == 0
        launcher.wait_for_list(f"rawdisk {other}")
    with launcher_of(machine, Security=NO_RIGHTS) as launcher:
        launcher.use("launcher-test")
        assert mount(machine, mine, user=True) == DENIED


def a_disk_whose_server_has_crashed_is_nobodys(machine):
    """Within its grace no other instance is ended for it. Its own, started again, is found."""
    (one, first), (two, second) = image(machine, "1.rawdisk"), image(machine, "2.other")
    with launcher_of(machine, " --grace 300") as launcher:
        launcher.add_class("other", Executable=launcher.program("rawdisk"),
                           CommandLine="-f %1 -c 65536")
        assert mount(machine, one, two) == 0
        numbers = number_of(launcher, first), number_of(launcher, second)
        for process in launcher.processes_of("1.rawdisk"):
            os.kill(process, signal.SIGKILL)
        launcher.wait_for_list(f"other {second}")
        assert eject(machine, numbers[0]) == NO_ASSOCIATION
        launcher.wait_for_list(f"other {second}")
        assert mount(machine, one) == 0
        assert number_of(launcher, first) == numbers[0], "it is another disk"
        log = machine.judge_log()
        assert eject(machine, numbers[0]) == eject(machine, numbers[1]) == 0
        launcher.wait_for_list()
        dismounted = re.findall(r"volume (\d+) is dismounted", machine.judge_log()[len(log):])
        assert dismounted == list(numbers), f"{dismounted} instead of {numbers}"
        # Wine lets no server end in order, so that another grace has begun.
        program = rf"C:\winspd\rawdisk-x64.exe -f {first} -c 65536 --grace 300"
        machine.drvtest("--interrupt", program)


TESTS = [
    ("together: an image is mounted and ejected", an_image_is_mounted_and_ejected),
    ("together: each of two is ejected by itself", each_of_two_is_ejected_by_itself),
    ("together: refusals of the launcher are told", refusals_of_the_launcher_are_told),
    ("together: a user who is no administrator mounts and ejects", a_user_mounts_and_ejects),
    ("together: a disk whose server has crashed is nobody's",
     a_disk_whose_server_has_crashed_is_nobodys),
]
