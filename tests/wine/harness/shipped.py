# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""What ships, from end to end. A test returns why it was skipped, or None."""


def is_installed(machine):
    status, output = machine.drvtest("nothing is left")
    assert status == 0, output
    assert "adapter 0 started" in machine.judge_log()


def it_is_there_again_after_a_restart(machine):
    machine.prefix.restart()
    is_installed(machine)


def it_is_removed_and_nothing_is_left(machine):
    machine.devsetup("remove")
    machine.prefix.wait_for(lambda: "unloaded" in machine.judge_log(), 10, "the driver is unloaded")
    assert machine.drvtest("nothing is left")[0] == 3, "the adapter is still there"


TESTS = [
    ("it is there again after a restart", it_is_there_again_after_a_restart),
    ("it is removed and nothing is left", it_is_removed_and_nothing_is_left),
]
