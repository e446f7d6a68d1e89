# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Who may do what: users who are no administrators.

Their tokens are real, and so is AccessCheck(). Only the launcher's way to the token is not: Wine
impersonates the server instead of the client, so that the service here is launcher-test, the
shipped one but for src/launcher/token.c.
"""

from disks import ANYBODY_STARTS, add_rawdisk, disk_number
from harness.programs import nothing_is_left, passes_stgtest

SYSTEMS = "O:SYG:SYD:P(A;;RPWPLC;;;SY)(A;;RPWPLC;;;BA)"


def begin(launcher):
    launcher.use("launcher-test")
    launcher.add_class("open", CommandLine=r"C:\winspd\open.log run", Security=ANYBODY_STARTS)
    launcher.add_class("closed", CommandLine=r"C:\winspd\closed.log run", Security=None)


def start_of_another_user(launcher):
    """All who start here have the same name: so this one comes out of the registry."""
    launcher.control("stop")
    launcher.prefix.check(["wine", "reg", "add", r"HKLM\SOFTWARE\WinSpd\Services\closed\Instances",
                           "/v", "there", "/t", "REG_MULTI_SZ", "/d", SYSTEMS, "/f", "/reg:32"])
    launcher.control("start")
    launcher.wait_for_list("closed there")


def administrators_may_all_by_default(launcher):
    begin(launcher)
    for words in (["start", "closed", "x"], ["info", "closed", "x"], ["stop", "closed", "x"]):
        status, output, _ = launcher.ctl(*words)
        assert (status, output.split("\n")[0]) == (0, "OK"), (words, output)
    launcher.wait_for_list()


def users_may_nothing_by_default(launcher):
    """And it is the same to them whether there is such an instance."""
    begin(launcher)
    start_of_another_user(launcher)
    for name in ("there", "absent"):
        for command in ("start", "info", "stop", "stopForced"):
            launcher.says("KO launcher: error 5\n", command, "closed", name, user=True)
    for name in ("0", "x", "999999"):
        launcher.says("KO launcher: error 5\n", "stop", ".pid.", name, user=True)
    launcher.says("KO launcher: error 5\n", "stop", "none", "x", user=True)
    launcher.says("OK\n", "list", user=True)
    launcher.says("OK\nclosed there\n", "list")
    launcher.says("KO launcher: error 2\n", "start", "none", "x", user=True)


def who_starts_may_ask_and_stop(launcher):
    begin(launcher)
    launcher.says("OK\n", "start", "open", "mine", user=True)
    launcher.says("KO launcher: error 183\n", "start", "open", "mine", user=True)
    launcher.says("OK\nopen mine\n", "list", user=True)
    status, output, _ = launcher.run(launcher.program("user"), launcher.program("launchctl"),
                                     "info", "open", "mine")
    assert status == 0 and output.startswith("OK\nopen mine\n"), output
    launcher.says("OK\n", "stop", "open", "mine", user=True)
    launcher.wait_for_list()


def a_user_creates_mounts_and_ejects_a_disk(launcher):
    begin(launcher)
    add_rawdisk(launcher, Security=ANYBODY_STARTS)
    path = r"C:\winspd\user.rawdisk"
    launcher.says("OK\n", "start", "rawdisk", path, path, user=True)
    number = disk_number(launcher, path, user=True)
    passes_stgtest(launcher.machine, rf"\\.\PhysicalDrive{number}", "20", "WR", "*", "*")
    launcher.says("OK\n", "stop", "rawdisk", path, user=True)
    launcher.wait_for_list()
    nothing_is_left(launcher.machine)


TESTS = [
    ("administrators may all by default", administrators_may_all_by_default),
    ("users may nothing by default, and learn nothing", users_may_nothing_by_default),
    ("who starts an instance may ask for it and stop it", who_starts_may_ask_and_stop),
    ("a user who is no administrator creates, mounts and ejects a disk",
     a_user_creates_mounts_and_ejects_a_disk),
]
