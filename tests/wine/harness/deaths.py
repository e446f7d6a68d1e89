# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Servers that end, are interrupted, die or do not answer; and what dies in the machine itself."""

import io
import os
import re
import signal
from pathlib import Path

from .disks import SIZE
from .prefix import ADDR_NO_RANDOMIZE
from .programs import disk, ended, nothing_is_left, passes_stgtest, server, stgtest
from .report import Report


def the_example_serves_and_ends(machine):
    """deferdisk, made against winspd/winspd.h alone, answers later and from other threads."""
    with disk(machine, "deferdisk") as (process, name):
        passes_stgtest(machine, name, "1000", "WR", "*", "*")
        process.stdin.write("\n")
        process.stdin.flush()
        assert ended(process) == 0, f"its dispatcher's error is {process.returncode}"
    nothing_is_left(machine)


def the_example_ends_before_its_disk_is_there(machine):
    for _ in range(5):
        with server(machine, "deferdisk") as process:
            process.stdin.close()
            process.stdin = None
            assert ended(process) == 0, f"its dispatcher's error is {process.returncode}"
    nothing_is_left(machine)


def interrupted(program, *options):
    """The exit status is 0 after Ctrl-C, and the unit is gone."""
    def test(machine):
        machine.drvtest("--interrupt", " ".join([rf"C:\winspd\{program}-x64.exe", *options]))
        nothing_is_left(machine)
    return test


def busy_client(machine, name):
    """Would go on for hours."""
    client = stgtest(machine, name, "100000000", "WR", "*", "*")
    assert client.stdout.readline().startswith("stgtest"), "stgtest does not start"
    return client


def killed_in_mid_io(program, *options):
    """More than once: the next server finds target 0 free."""
    def test(machine):
        for _ in range(3):
            with disk(machine, program, *options) as (process, name):
                targets = re.findall(r"disk \d+ is unit (\d+)", machine.judge_log())
                assert targets[-1] == "0", f"the unit is at target {targets[-1]}"
                clients = [busy_client(machine, name) for _ in range(3)]
                process.kill()
                ends = [ended(client) for client in clients]
                assert 0 not in ends, f"stgtest has not noticed: {ends}"
            nothing_is_left(machine)
    return test


def a_disk_survives_its_server(machine):
    """Within its grace: stgtest, which verifies all it reads, does not notice."""
    image = machine.package / "survivor"
    options = (*SIZE, "-f", r"C:\winspd\survivor", "--grace", "60")
    before = len(machine.judge_log())
    client = None
    for _ in range(3):
        with disk(machine, "rawdisk", *options, before=before) as (_, name):
            client = client or stgtest(machine, name, "3000", "WR", "*", "*")
            written = image.stat().st_mtime_ns
            machine.prefix.wait_for(lambda: image.stat().st_mtime_ns != written, "a write")
            assert client.poll() is None, f"stgtest has ended: {machine.prefix.said()}"
    with server(machine, "rawdisk", *options):
        status = ended(client)
        assert status == 0, f"stgtest: {status} {machine.prefix.said()}"
    notes = machine.judge_log()[before:]
    assert notes.count("is unit") == 1 and "gone" not in notes, f"not the same disk: {notes}"
    interrupted("rawdisk", *options)(machine)


def a_finding_is_noticed(machine):
    machine.drvtest("--find", "x")
    found = machine.new_findings()
    assert found == ["FINDING: a test asked for this"], found


def fails(machine, test, text):
    """And says so."""
    out = io.StringIO()
    report = Report(out, pattern="")
    report.run("a test", test, machine)
    assert report.failed == 1 and text in out.getvalue(), out.getvalue()
    nothing_is_left(machine)


def a_death_is_noticed(how, text):
    """A test during which the emulated kernel dies fails with what Wine says of it."""
    return lambda machine: fails(
        machine, lambda machine: machine.drive("drvtest", "--die", how), text)


def a_death_of_others_is_noticed(machine):
    """A death need not come from our programs."""
    program = machine.package / "drvtest.exe"
    fails(machine, lambda machine: machine.prefix.wine(program, "--fault", "x"),
          "Unhandled page fault on write access to 0000000000000000")


def kill_a_kernel(driver):
    def test(machine):
        victim, = [process for process, drivers in machine.prefix.kernels().items()
                   if driver in drivers]
        os.kill(victim, signal.SIGKILL)
        machine.prefix.wait_for(lambda: victim not in machine.prefix.kernels(), "its end")
    return test


def a_silent_death_is_noticed(machine):
    for driver in ("winspd-x64.sys", "mountmgr.sys"):
        nothing_is_left(machine)
        assert machine.new_wrongs() == []
        fails(machine, kill_a_kernel(driver), "a process of the emulated kernel has gone: ")


def a_question_that_fails_is_no_answer(machine):
    """A check for a missing key must not succeed because reg.exe did not run."""
    assert machine.prefix.registry(r"HKLM\SYSTEM\CurrentControlSet\Services\Absent") == ""
    try:
        machine.prefix.registry(r"HKNOWHERE\Absent")
        raise RuntimeError("it is taken for a key that is not there")
    except AssertionError as error:
        assert "status 1" in str(error), error


def addresses_are_fixed(machine):
    """See prefix.fix_addresses(): where the system allows it, no process is left to chance."""
    nothing_is_left(machine)
    found = {int(Path(f"/proc/{process}/personality").read_text(), 16) & ADDR_NO_RANDOMIZE
             for process in machine.prefix.kernels()}
    assert found == {ADDR_NO_RANDOMIZE} or not machine.prefix.steady, found


def there_are_no_input_devices(machine):
    """Nor drivers of them: what does not run does not die."""
    nothing_is_left(machine)
    drivers = {name for names in machine.prefix.kernels().values() for name in names}
    assert "winspd-x64.sys" in drivers and not [n for n in drivers if "hid" in n or "usb" in n], \
        drivers


def a_program_that_ends_at_once_is_explained(machine):
    """It prints nothing: one of its DLLs is not there."""
    program = (machine.package / "deferdisk-x64.exe").read_bytes()
    (machine.package / "lonely-x64.exe").write_bytes(
        program.replace(b"winspd-x64.dll", b"absent-x64.dll"))
    try:
        with server(machine, "lonely"):
            raise AssertionError("it serves")
    except AssertionError as error:
        for part in ("status 53", "it printed nothing", "the wineserver runs",
                     "Library absent-x64.dll"):
            assert part in str(error), f"no {part} in: {error}"


TESTS = [
    ("the example serves and ends", the_example_serves_and_ends),
    ("the example ends before its disk is there", the_example_ends_before_its_disk_is_there),
    ("the example is interrupted", interrupted("deferdisk")),
    ("memdisk is interrupted", interrupted("memdisk", *SIZE)),
    ("rawdisk is interrupted", interrupted("rawdisk", *SIZE, "-f", r"C:\winspd\image")),
    ("the example is killed in mid-I/O", killed_in_mid_io("deferdisk")),
    ("memdisk is killed in mid-I/O", killed_in_mid_io("memdisk", *SIZE)),
    ("rawdisk is killed in mid-I/O",
     killed_in_mid_io("rawdisk", *SIZE, "-f", r"C:\winspd\image")),
    ("a disk survives its server", a_disk_survives_its_server),
    ("a finding is noticed", a_finding_is_noticed),
    ("the kernel dies of a call", a_death_is_noticed(
        "call", "Unimplemented function ntoskrnl.exe.ExGetPreviousMode")),
    ("the kernel dies of a write", a_death_is_noticed(
        "write", "Unhandled page fault on write access to 0000000000000000")),
    ("a program dies", a_death_of_others_is_noticed),
    ("the kernel dies without a word", a_silent_death_is_noticed),
    ("a question that fails is no answer", a_question_that_fails_is_no_answer),
    ("addresses are fixed", addresses_are_fixed),
    ("there are no input devices", there_are_no_input_devices),
    ("a program that ends at once is explained", a_program_that_ends_at_once_is_explained),
]
