# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""tests/nt, the tests as a native program: Wine starts it, too, and prints what it says to a
debugger."""

import re
import shutil

from .prefix import PATIENCE
from .programs import nothing_is_left

STAGES = ["tests a disk reads and writes", "kills 3", "grace 3"]
SAYS = {"WINEDEBUG": "-all,err+all,warn+debugstr"}


def run_stages(machine, stages):
    """The exit status and the lines that the program printed."""
    folder = machine.prefix.drive / "native"
    folder.mkdir(exist_ok=True)
    program = folder / "nttest.exe"
    shutil.copy(machine.build / "tests/nt/nttest-x64.exe", program)
    program.with_suffix(".txt").write_text("# of the harness\n\n" + "\r\n".join(stages))
    log = machine.prefix.log
    log.seek(0, 2)
    begin = log.tell()
    status, _ = machine.prefix.run(["wine", program], 8 * PATIENCE, more_env=SAYS)
    log.seek(begin)
    return status, re.findall(r"DbgPrint.*: nt [0-9a-f]{4}: (.*)", log.read().decode())


def it_runs_all_its_stages(machine):
    status, lines = run_stages(machine, STAGES)
    assert status == 0 and lines[-1] == "stages: 3 passed, 0 failed", "\n".join(lines)
    for stage in ("kills", "grace"):
        (done, errors), = re.findall(rf"^# {stage}: (\d+) transfers, (\d+) errors, 0 findings$",
                                     "\n".join(lines), re.M)
        assert int(done) >= 200 and (stage == "kills") == (int(errors) > 0), "\n".join(lines)
    nothing_is_left(machine)


def it_tells_what_fails(machine):
    status, lines = run_stages(machine, ["test there is none", "none", "test units are listed"])
    said = "\n".join(lines)
    assert status == 1 and lines[-1] == "stages: 1 passed, 2 failed", said
    assert "not ok - there is none: exit status 2" in said and "none is no stage" in said, said


TESTS = [("native: the stages pass", it_runs_all_its_stages),
         ("native: a stage that fails has a line", it_tells_what_fails)]
