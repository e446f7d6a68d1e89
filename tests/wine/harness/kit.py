# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The kit for a real Windows: the command line of winspd-tests, and winspd-verify from an empty
machine to an empty machine. Only a real Windows can say what its steps find there."""

import re
import sys
from collections import Counter
from pathlib import Path

from .programs import nothing_is_left
from .report import Skipped
from .setup import remove_if_there, traces, INF

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "windows"))

import script  # noqa: E402

TESTS_PROGRAM = "winspd-tests-x64"
PLAN = Path(__file__).resolve().parent.parent.parent / "windows/verify_plan.c"


def listed(machine, *arguments):
    status, output = machine.drive(TESTS_PROGRAM, "--list", *arguments)
    return output.splitlines() if status == 0 else status


def names_choose_tests(machine):
    everything = listed(machine)
    doubled = [name for name, count in Counter(everything).items() if count > 1]
    assert len(everything) > 190 and not doubled, (len(everything), doubled)
    assert len(listed(machine, "ioctl_*")) == 16, listed(machine, "ioctl_*")
    assert len(listed(machine, "scsi_inquiry_test")) == 2
    assert listed(machine, "*") == everything, "optional tests need a +"
    optional = set(listed(machine, "+*")) - set(everything)
    assert "a read that its server keeps" in optional and "self: fails" in optional, optional
    assert listed(machine, "a read that its server keeps") == 2, "without a + there is none"
    some = listed(machine, "disk:*", "-large:*", "-disk:properties*")
    assert "a disk reads and writes" in some and "properties of a disk" not in some, some
    assert not [name for name in some if name.startswith("large:")], some
    assert listed(machine, "there is none") == 2
    assert machine.drive(TESTS_PROGRAM, "--strange")[0] == 2


def results_have_the_originals_form(machine):
    status, output = machine.drive(TESTS_PROGRAM, "ioctl_list_test", "+self: is skipped")
    lines = output.splitlines()
    assert status == 0 and len(lines) == 3, (status, output)
    assert re.fullmatch(r"units are listed\.{23} OK \d+\.\d\ds", lines[0]), lines
    assert lines[1] == "self: is skipped" + "." * 23 + " SKIPPED: it asks for that", lines
    assert lines[2] == "1 passed, 0 failed, 1 skipped", lines


def a_failure_ends_the_program(machine):
    status, output = machine.drive(TESTS_PROGRAM, "+self:*")
    assert status == 1 and output.rstrip().endswith("1 + 1 is 2 (0x2), not 3 = 3"), output
    assert re.search(r"^self: fails\.+ FAILED\n# test_self\.c:\d+: ", output, re.M), output
    status, output = machine.drive(TESTS_PROGRAM, "--tap", "+self:*")
    assert status == 1 and output.rstrip().endswith("not ok 3 - self: fails"), output


def others_run_although_one_fails(machine):
    status, output = machine.drive(TESTS_PROGRAM, "--no-abort", "--tap", "+self:*")
    assert status == 1, (status, output)
    for line in ("ok 1 - self: passes", "ok 2 - self: is skipped # SKIP it said why",
                 "not ok 3 - self: fails", "ok 4 - self: passes again", "1..4"):
        assert line in output.splitlines(), (line, output)


def it_says_what_system_this_is(machine):
    status, output = machine.drive(TESTS_PROGRAM, "--facts")
    facts = dict(line.split(": ", 1) for line in output.splitlines())
    assert status == 0 and facts["StorPort double"] == "yes" and facts["units"] == "0", output
    assert facts["administrator"] == "yes" and facts["device"] == "yes, problem code 0", output
    assert "winspd-x64.sys, version" in facts["driver"] and "Wine" in facts, output


def verify(machine, *arguments):
    return machine.drive("winspd-verify-x64", *arguments)


def a_dry_run_has_every_step(machine):
    """Those with the installer, and those without."""
    status, output = verify(machine, "--dry-run")
    steps = re.findall(r'^    \{ "([^"]+)"', PLAN.read_text(), re.M)
    printed = re.findall(r"^ ?\d+\. ([^;\n]+)", output, re.M)
    assert status == 0 and printed == steps and len(steps) > 15, (status, printed, steps)
    for kind, command in (("with", r'msiexec /i "C:\winspd\winspd-VERSION.msi" '),
                          ("without", '"C:\\winspd\\devsetup-x64.exe" add '),
                          ("without", r'sc create WinSpd.Launcher binPath= "\"C:\winspd\launcher')):
        found = rf"only {kind} winspd-VERSION.msi[^\n]*\n    {re.escape(command)}"
        assert re.search(found, output), (found, output)
    program = machine.package / "devsetup-x64.exe"
    away = program.rename(program.with_suffix(".away"))
    status, output = verify(machine, "--dry-run")
    away.rename(program)
    assert status == 1 and output.count("MISSING") == 2, (status, output)


def sections(report):
    """By the name of the step; Windows Installer's log has such lines, too."""
    names = "|".join(map(re.escape, re.findall(r'^    \{ "([^"]+)"', PLAN.read_text(), re.M)))
    heading = rf"^=== (?:{names}|FAILED: [^\n]+|the run goes on)\n"
    return dict(re.findall(rf"^=== ({names})\n(.*?)(?={heading}|^\w+: \d+ steps)", report,
                           re.M | re.S))


def it_installs_tests_and_removes(machine):
    """From a machine without the driver to one without the driver, and one report."""
    remove_if_there(machine)
    report = machine.prefix.drive / "report.txt"
    status, output = verify(machine, "--report", r"C:\report.txt", "--tests",
                            "ioctl_list_test;an IRP from above another driver comes back;"
                            "launcher: an instance is started, shown and stopped")
    found = sections(report.read_text())
    assert status == 0 and "PASSED: 0 steps failed" in output, output
    assert "ok 1 - units are listed" in found["all tests"], found
    assert "ok 2 - an IRP from above another driver comes back" in found["all tests"], found
    assert "ok 3 - launcher: an instance is started, shown and stopped" in found["all tests"], found
    assert "launcher: no" in found["what is left"], found
    assert "device: no" in found["what system this is"], found
    assert "[exit status 0]" in found["install the driver"], found
    assert "not installed by its package" in found["what the package has installed"], found
    assert "[exit status 0]" in found["remove the driver"], found
    assert "device: no" in found["what is left"], found
    assert not (machine.prefix.drive / "report.txt.state").exists()
    machine.prefix.wait_for_none(traces, machine)


def it_fails_and_still_removes(machine):
    """A test that fails is in the report, and the driver goes all the same."""
    remove_if_there(machine)
    status, output = verify(machine, "--report", r"C:\report.txt", "--tests", "+self:*")
    assert status == 1 and "=== FAILED: all tests" in output and "FAILED: 1 steps" in output, output
    machine.prefix.wait_for_none(traces, machine)


def it_goes_on_after_a_restart(machine):
    """The state beside the report serves this; a damaged state counts as none."""
    steps = re.findall(r'^    \{ "([^"]+)"', PLAN.read_text(), re.M)
    state = machine.prefix.drive / "report.txt.state"
    state.write_text(f"1 {steps.index('dumps')} 0 0 0\n")
    status, output = verify(machine, "--report", r"C:\report.txt")
    assert status == 0 and "the run goes on" in output, output
    assert "=== dumps" in output and "=== all tests" not in output, output
    state.write_text("1 99999 0 0 0\n")
    status, output = verify(machine, "--report", r"C:\report.txt", "--tests", "ioctl_list_test")
    assert status == 0 and "=== all tests" in output and "goes on" not in output, output


def it_comes_back(machine):
    remove_if_there(machine)
    machine.devsetup("add", INF)
    nothing_is_left(machine)


def the_script_is_well_formed(_):
    script.check_kit()


def a_grammar_holds_in_the_script(machine):
    why = script.no_grammar()
    if why:
        raise Skipped(why)
    folder = machine.prefix.drive / "scripts"
    folder.mkdir(exist_ok=True)
    script.check_grammar(folder)


TESTS = [
    ("kit: verify.ps1 is well formed", the_script_is_well_formed),
    ("kit: a grammar of PowerShell holds in verify.ps1", a_grammar_holds_in_the_script),
    ("kit: names choose tests", names_choose_tests),
    ("kit: results have the original's form", results_have_the_originals_form),
    ("kit: a failure ends the program", a_failure_ends_the_program),
    ("kit: others run although one fails", others_run_although_one_fails),
    ("kit: it says what system this is", it_says_what_system_this_is),
    ("kit: a dry run has every step", a_dry_run_has_every_step),
    ("kit: it installs, tests and removes", it_installs_tests_and_removes),
    ("kit: it fails, and still removes", it_fails_and_still_removes),
    ("kit: it goes on after a restart", it_goes_on_after_a_restart),
    ("kit: the driver is there again", it_comes_back),
]
