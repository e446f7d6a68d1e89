# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Values of classes: what they do, and what is said of bad ones."""

import re

from disks import add_rawdisk, rawdisk
from harness.package import values
from harness.programs import passes_stgtest

BAD = 1610
LONGEST = 1024 * 1024  # bytes of a file of standard errors


def bad_values_are_told(launcher):
    """Each by a record that names the class, the value and what is allowed."""
    bad = (
            ("Executable", 7, "the full path of a program"),
            ("Executable", "x" * 260, "the full path of a program"),
            ("CommandLine", "x" * 509, "at most 508 characters"),
            ("WorkDirectory", 1, "the path of a folder"),
            ("Security", "D:(A;;RP;;;nobody)", "a security descriptor in SDDL"),
            ("RunAs", "Administrator", "LocalSystem, LocalService or NetworkService"),
            ("StandardError", 1, "the full path of a file"),
            ("JobControl", "1", "a number"),
            ("Persistent", "yes", "a number"),
            ("Restart", 2, "the number 0 or 1"),
            ("RestartDelay", 0, "a number from 1 to 3600"),
            ("RestartLimit", 1001, "a number from 1 to 1000"),
            ("Credentials", 1, "only 0: the launcher hands no passwords to programs"))
    launcher.add_classes({f"bad{i}": {name: value} for i, (name, value, _) in enumerate(bad)})
    for i, (name, _, allowed) in enumerate(bad):
        with launcher.recorded(f"class bad{i}: the value {name} is bad; allowed is .*{allowed}"):
            launcher.says(f"KO launcher: error {BAD}\n", "start", f"bad{i}", "x")
    assert launcher.list() == []


def the_longest_command_line_is_taken(launcher):
    template = r"C:\winspd\longest.log run "
    launcher.add_class("t", CommandLine=template + "x" * (508 - len(template)))
    launcher.says("OK\n", "start", "t", "x")
    launcher.wait_for_log("longest", "x" * (508 - len(template)))


def a_server_works_in_its_folder(launcher):
    for number, (folder, wanted) in enumerate(((".", r"C:\winspd"),
                                               (r"C:\windows", r"C:\windows"))):
        launcher.add_class("t", CommandLine=rf"C:\winspd\folder{number}.log run",
                           WorkDirectory=folder)
        launcher.says("OK\n", "start", "t", str(number))
        launcher.wait_for_log(f"folder{number}", f"folder {wanted}")


def standard_errors_are_in_a_file(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\errors.log run %1",
                       StandardError=r"C:\winspd\errors.txt")
    launcher.says("OK\n", "start", "t", "one")
    launcher.says("OK\n", "start", "t", "two")
    launcher.wait_for_log("errors", "ready", 2)
    launcher.clear()
    lines = (launcher.files / "errors.txt").read_text().splitlines()
    assert sorted(re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in lines) == [
        "t one: hello", "t two: hello"], lines


def a_file_of_errors_is_set_aside_when_it_is_full(launcher):
    path = launcher.files / "noise.txt"
    path.write_bytes(b"old\r\n" + b"x" * (LONGEST - 500))
    launcher.add_class("t", CommandLine=r"C:\winspd\noise.log noise 200",
                       StandardError=r"C:\winspd\noise.txt")
    launcher.says("OK\n", "start", "t", "x")
    launcher.wait_for_log("noise", "ready")
    launcher.clear()
    aside = launcher.files / "noise.txt.1"
    both = aside.read_text() + path.read_text()
    assert both.startswith("old\n") and both.count(" t x: line ") == 200, both[-2000:]
    assert LONGEST - 500 < aside.stat().st_size <= LONGEST and path.stat().st_size < 100000
    aside.unlink()


def errors_that_cannot_be_written_stop_no_server(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\nowhere.log noise 200",
                       StandardError=r"C:\none\noise.txt")
    with launcher.recorded(r"t x: StandardError: C:.*noise.txt cannot be written: error 3"):
        launcher.says("OK\n", "start", "t", "x")
    launcher.wait_for_log("nowhere", "ready")


def an_account_is_asked_for(launcher):
    """Wine lacks LogonUserExExW(): what is left is that the server runs as nobody else."""
    launcher.add_class("t", CommandLine=r"C:\winspd\account.log run", RunAs="LocalService")
    with launcher.recorded("t x: cannot be started: error"):
        status, output, _ = launcher.ctl("start", "t", "x")
    assert status == 0 and output.startswith("KO launcher: error"), output
    assert launcher.list() == [] and launcher.log_of("account") == []
    launcher.add_class("t", CommandLine=r"C:\winspd\account.log run", RunAs="LocalSystem")
    launcher.says("OK\n", "start", "t", "x")


def a_server_of_another_account_serves_a_disk(launcher):
    """That of the test is one without the administrators' rights."""
    launcher.use("launcher-test")
    for account, wanted in (("LocalSystem", "administrator"), ("NetworkService", "user")):
        launcher.add_class("t", CommandLine=rf"C:\winspd\{account}.log who", RunAs=account,
                           StandardError=r"C:\winspd\who.txt")
        launcher.says("OK\n", "start", "t", account)
        launcher.wait_for_log(account, "ready")
        assert wanted in launcher.log_of(account), launcher.log_of(account)
        launcher.clear()
    said = (launcher.files / "who.txt").read_text()
    assert "t NetworkService: hello\n" in said, said
    add_rawdisk(launcher, RunAs="LocalService")
    with rawdisk(launcher, "account") as (_, number):
        passes_stgtest(launcher.machine, rf"\\.\PhysicalDrive{number}", "20", "WR", "*", "*")


def the_drivers_descriptor_admits_no_user(launcher):
    """That of the INF, as the system reads it: a class that has it may be started by whom it lets
    open the driver."""
    launcher.use("launcher-test")
    text = values(launcher.machine, r"Enum\ROOT\SCSIADAPTER")["Security"]
    assert text.count("(A;") == 3, text
    launcher.add_class("t", CommandLine=r"C:\winspd\inf.log run", Security=text)
    launcher.says("KO launcher: error 5\n", "start", "t", "x", user=True)
    launcher.says("OK\n", "start", "t", "x")


TESTS = [
    ("bad values are told", bad_values_are_told),
    ("the longest command line is taken", the_longest_command_line_is_taken),
    ("a server works in its folder", a_server_works_in_its_folder),
    ("standard errors are in a file", standard_errors_are_in_a_file),
    ("a file of errors is set aside when it is full",
     a_file_of_errors_is_set_aside_when_it_is_full),
    ("errors that cannot be written stop no server", errors_that_cannot_be_written_stop_no_server),
    ("a server runs as another account or not at all", an_account_is_asked_for),
]
# Tests of the launcher with what Wine lacks.
TESTS_OF_DOUBLE = [
    ("a server of another account serves a disk", a_server_of_another_account_serves_a_disk),
    ("the driver's descriptor admits no user", the_drivers_descriptor_admits_no_user),
]
