# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Classes and the driver, by the launcher with what Wine lacks."""

from disks import add_rawdisk, rawdisk
from harness.package import values
from harness.programs import passes_stgtest


def a_server_of_another_account_serves_a_disk(launcher):
    """The test's token is one without the administrators' rights."""
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
    """The descriptor of the INF, as the system reads it. A class that has it may be started by
    users whom it lets open the driver."""
    launcher.use("launcher-test")
    text = values(launcher.machine, r"Enum\ROOT\SCSIADAPTER")["Security"]
    assert text.count("(A;") == 3, text
    launcher.add_class("t", CommandLine=r"C:\winspd\inf.log run", Security=text)
    launcher.says("KO launcher: error 5\n", "start", "t", "x", user=True)
    launcher.says("OK\n", "start", "t", "x")


TESTS = [
    ("a server of another account serves a disk", a_server_of_another_account_serves_a_disk),
    ("the driver's descriptor admits no user", the_drivers_descriptor_admits_no_user),
]
