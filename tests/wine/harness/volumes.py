# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The volumes of a server: whose they are, and their lock, by the calls that the launcher makes."""

import re
import subprocess
from contextlib import contextmanager

from .disks import SIZE
from .programs import disk, ended, nothing_is_left, scsitool

IN_USE = 2404


def listed(machine, what="list", process=0):
    """Disk number, process, whether Explorer shows Eject, GUID and path of each."""
    status, output = machine.prefix.wine(machine.package / "volumes.exe", what, process)
    assert status == 0, f"volumes {what}: {machine.prefix.why(status, output)}"
    return sorted(tuple(line.split(" ", 4)) for line in output.splitlines())


def number_of(name):
    return re.search(r"\d+$", name)[0]


def of_disk(machine, name):
    found = [row for row in listed(machine) if row[0] == number_of(name)]
    assert len(found) == 1, f"{found} is not one volume of {name}"
    return found[0]


@contextmanager
def two_disks(machine):
    with disk(machine, "memdisk", *SIZE) as one, disk(machine, "memdisk", *SIZE) as two:
        yield one, two


def volumes_are_found_by_their_server(machine):
    with two_disks(machine) as ((_, first), (_, second)):
        one, two = of_disk(machine, first), of_disk(machine, second)
        assert one[1] != two[1], f"{one} and {two} have the same process"
        for name, row in ((first, one), (second, two)):
            assert row[2] == "shown", row
            assert row[3] == dict(scsitool(machine, "vpd80", name))["PRODUCT SERIAL NUMBER"], row
            for what in ("list", "disks"):
                found = listed(machine, what, row[1])
                assert [other[:4] for other in found] == [row[:4]], f"{found} is not {row}"
        assert listed(machine, process=0xfffffffc) == []
    nothing_is_left(machine)
    machine.prefix.wait_for(lambda: not listed(machine) and not listed(machine, "disks"),
                            "no disk has a volume")


@contextmanager
def locker(machine, process):
    """Its first line, and the program that holds the lock until its standard input ends."""
    program = machine.prefix.start_wine(machine.package / "volumes.exe", "lock", process,
                                        stdin=subprocess.PIPE)
    try:
        yield program.stdout.readline().strip(), program
    finally:
        program.kill()
        program.communicate()


def end(program):
    program.stdin.close()
    program.stdin = None
    return ended(program)


def notes(machine, before, name):
    return re.findall(rf"volume {number_of(name)} is (\w+)", machine.judge_log()[before:])


def a_volume_is_locked_until_it_is_released(machine):
    with two_disks(machine) as ((_, first), (_, second)):
        before = len(machine.judge_log())
        process = of_disk(machine, first)[1]
        with locker(machine, process) as (said, program):
            assert said == "locked 1", said
            with locker(machine, process) as (said, other):
                assert said == f"refused {number_of(first)}", said
                assert end(other) & 0xff == IN_USE & 0xff
            # Wine's exit statuses have eight bits.
            assert end(program) == 0
        machine.prefix.wait_for(lambda: "unlocked" in notes(machine, before, first), "unlocked")
        with locker(machine, process) as (said, program):
            assert said == "locked 1", said
        assert "dismounted" in notes(machine, before, first)
        assert notes(machine, before, second) == [], "another server's volume was touched"
    nothing_is_left(machine)


def whoever_dies_keeps_no_volume(machine):
    """The one that holds the lock, and the server of what is locked."""
    with disk(machine, "memdisk", *SIZE) as (server, name):
        process = of_disk(machine, name)[1]
        with locker(machine, process) as (said, program):
            assert said == "locked 1", said
            before = len(machine.judge_log())
            program.kill()
            program.communicate()
        machine.prefix.wait_for(lambda: notes(machine, before, name) == ["unlocked"], "unlocked")
        with locker(machine, process) as (said, program):
            assert said == "locked 1", said
            server.kill()
            server.communicate()
            assert end(program) == 0
    nothing_is_left(machine)


TESTS = [
    ("volumes are found by their server", volumes_are_found_by_their_server),
    ("a volume is locked until it is released", a_volume_is_locked_until_it_is_released),
    ("who dies keeps no volume", whoever_dies_keeps_no_volume),
]
