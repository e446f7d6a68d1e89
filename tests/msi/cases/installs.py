# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Packages are installed, mended, replaced and removed; what fails leaves nothing."""

import shutil

from harness.disks import SIZE
from harness.kit import sections
from harness.prefix import PATIENCE
from harness.programs import disk, ended

from . import launching, samples
from .computer import FAILED, INSTALLED, RESTART
from .expected import FILES
from .package import STAGE, built, changed, release, shipped

OLD = "0.0.9"
MARK = b"of the old release"


def places(*features):
    """The files and keys afterwards, on 64-bit Windows."""
    return {place for feature, place, condition in FILES
            if feature in features and condition != "NOT VersionNT64"}


def has(computer, *features):
    found = set(computer.files())
    assert found == places(*features), found ^ places(*features)


def has_nothing(computer, before):
    after = computer.snapshot()
    assert after == before, "\n".join(
        [f"left: {name}" for name in sorted(after - before)] +
        [f"gone: {name}" for name in sorted(before - after)])


def registry(computer, key):
    return computer.prefix.registry(rf"HKLM\{key}")


def path(computer):
    return registry(computer, r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment")


def driver_is(computer, change=lambda data: data):
    """The driver and the DLLs in the system are those of the package, changed so."""
    wanted = {name: change((STAGE / name.rpartition("/")[2]).read_bytes())
              for name in computer.driver_files()}
    assert len(wanted) == 3 and computer.driver_files() == wanted, "another driver, or another DLL"


def serves(computer):
    """A program is a disk, which the installed stgtest finds right."""
    with disk(computer, "memdisk", *SIZE) as (_, name):
        status = ended(computer.prefix.start_wine(
            computer.prefix.drive / INSTALLED / "bin/stgtest-x64.exe", name, "300", "WR", "*", "*"))
        assert status == 0, f"stgtest: {computer.prefix.why(status)}"


def core_is_installed(computer):
    computer.msiexec("/i", shipped())
    has(computer, "core")
    assert computer.products() == [f"WinSpd {release()}"], computer.products()
    assert r"InstallDir    REG_SZ    C:\Program Files (x86)\WinSpd" in registry(
        computer, r"Software\Wow6432Node\WinSpd")
    assert r"C:\Program Files (x86)\WinSpd\bin" in path(computer)
    driver_is(computer)
    serves(computer)


def the_developer_feature_is_added(computer):
    """The driver is left alone."""
    started = computer.judge_log().count("started")
    computer.msiexec("/i", shipped(), "ADDLOCAL=developer")
    has(computer, "core", "developer")
    assert computer.judge_log().count("started") == started, "the adapter was started again"


def the_developer_feature_is_removed(computer):
    started = computer.judge_log().count("started")
    computer.msiexec("/i", shipped(), "REMOVE=developer")
    has(computer, "core")
    assert computer.judge_log().count("started") == started, "the adapter was started again"


def a_repair_brings_back_what_is_missing(computer):
    computer.devsetup("remove")
    (computer.prefix.drive / INSTALLED / "bin/scsitool-x64.exe").unlink()
    computer.prefix.check(["wine", "reg", "delete", r"HKLM\Software\Wow6432Node\WinSpd", "/v",
                           "InstallDir", "/f"])
    # The meaning of /fa; Wine's takes no package.
    computer.msiexec("/i", shipped(), "REINSTALL=ALL", "REINSTALLMODE=amus")
    has(computer, "core")
    assert "InstallDir" in registry(computer, r"Software\Wow6432Node\WinSpd")
    driver_is(computer)
    serves(computer)


def a_downgrade_is_refused(computer):
    before = computer.files()
    """By the launch conditions, before anything else; Wine logs no text of theirs."""
    log = computer.msiexec("/i", computer.old, status=FAILED)
    assert "Found application" in log and "LaunchConditions" in log, log[-2000:]
    assert "CostInitialize" not in log, log[-2000:]
    assert computer.files() == before and computer.products() == [f"WinSpd {release()}"]


def this_release_built_anew_replaces_it(computer):
    computer.msiexec("/i", computer.again)
    has(computer, "core")
    assert computer.products() == [f"WinSpd {release()}"], computer.products()
    driver_is(computer)


def it_is_removed_and_nothing_is_left(computer):
    computer.msiexec("/x", computer.again)
    has_nothing(computer, computer.clean)


def failing(computer, package, *says):
    log = computer.msiexec("/i", package, status=FAILED)
    for text in says:
        assert text in log, f"no {text!r} in the log:\n{log[-3000:]}"
    assert not computer.products(), computer.products()


def what_fails_leaves_nothing(computer):
    """After the driver has come, and before."""
    failing(computer, computer.late, "exit status 7")
    failing(computer, computer.no_driver, "devsetup: ")
    has_nothing(computer, computer.clean)


def an_older_release_is_replaced(computer):
    """Driver and DLL together. Wine has no MigrateFeatureStates: features are chosen anew."""
    computer.msiexec("/i", computer.old, "ADDLOCAL=core,developer")
    driver_is(computer, lambda data: data + MARK)
    computer.msiexec("/i", shipped())
    has(computer, "core")
    assert computer.products() == [f"WinSpd {release()}"], computer.products()
    driver_is(computer)
    serves(computer)


def a_driver_in_use_asks_for_a_restart(computer):
    computer.msiexec("/i", computer.restarting, status=RESTART)
    has(computer, "core")


def a_removal_without_a_device_succeeds(computer):
    """And needs no other restart."""
    computer.msiexec("/x", computer.restarting)
    has_nothing(computer, computer.clean)


KIT = ("verify.ps1", "winspd-tests-x64.exe", "winspd-verify-x64.exe", "winspd-x64.dll",
       "rawdisk-x64.exe", "devsetup-x64.exe")
INSTANCE = "launcher: an instance is started, shown and stopped"


def the_kit_installs_tests_and_removes_it(computer):
    """winspd-verify in a folder with the package, and the launcher that comes with that."""
    kit, report = computer.prefix.drive / "the kit", computer.prefix.drive / "report.txt"
    kit.mkdir()
    for file in (*(STAGE / name for name in KIT), shipped()):
        shutil.copy(file, kit)
    status, output = computer.prefix.wine(
        kit / "winspd-verify-x64.exe", "--report", r"C:\report.txt", "--tests",
        f"ioctl_list_test;{INSTANCE}", timeout=8 * PATIENCE)
    found = sections(report.read_text())
    assert status == 0 and "PASSED: 0 steps failed" in output, output
    for line in ("the class rawdisk: yes", "the service WinSpd.Launcher runs: yes",
                 "Explorer's eject: yes", r"sys\devsetup-x64.exe: yes"):
        assert line in found["what the package has installed"], found
    for line in ("ok 1 - units are listed", f"ok 2 - {INSTANCE}"):
        assert line in found["all tests"], found
    log = found["the log of the installation"]
    assert "InstallFinalize" in log and "ComputerName" not in log, log
    assert "install the driver" not in found and "device: no" in found["what is left"], found
    shutil.rmtree(kit)
    report.unlink()
    has_nothing(computer, computer.clean)


# For the shipped package, with one change.
CMD = r'"C:\windows\system32\cmd.exe" /c exit {}'


def new_code(database):
    """As a build of another commit has it."""
    database.change("Property", lambda row: row.update(
        Value="{00000000-0000-5000-8000-00000000000A}") or True
        if row["Property"] == "ProductCode" else True)


def command(action, text):
    def change(database):
        database.change("CustomAction", lambda row: row.update(Target=text) or True
                        if row["Action"] == f"Set.{action}.x64" else True)
    return change


def fails_late(database):
    """When all is there."""
    database.add("CustomAction", [
        {"Action": "Set.Late", "Type": 51, "Source": "Late", "Target": CMD.format(7)},
        {"Action": "Late", "Type": 0xc01, "Source": "actions.x64", "Target": "RunProgram"}])
    database.add("InstallExecuteSequence", [{"Action": "Set.Late", "Sequence": 1100},
                                            {"Action": "Late", "Sequence": 5990}])


def prepare(computer, work):
    """The machine as it was, and the packages that are not the shipped one."""
    computer.old = built(work, OLD, [(name, (STAGE / name).read_bytes() + MARK) for name in (
        "winspd-x64.sys", "winspd-x64.dll", "winspd-x86.dll")])
    computer.again = changed(work, "again", new_code)
    computer.late = changed(work, "late", fails_late)
    computer.no_driver = changed(work, "no_driver", command(
        "AddDriver", r'"[folder.sys]devsetup-x64.exe" add root\winspd "[folder.sys]absent.inf"'))
    computer.restarting = changed(work, "restarting", lambda database: (
        new_code(database), command("AddDriver", CMD.format(RESTART))(database)))
    computer.clean = computer.snapshot()


TESTS = [
    ("core is installed", core_is_installed),
    *launching.TESTS,
    ("the developer feature is added", the_developer_feature_is_added),
    *launching.DEVELOPER_TESTS,
    *samples.TESTS,
    ("the developer feature is removed", the_developer_feature_is_removed),
    ("a repair brings back what is missing", a_repair_brings_back_what_is_missing),
    ("a downgrade is refused", a_downgrade_is_refused),
    ("this release built anew replaces it", this_release_built_anew_replaces_it),
    ("it is removed and nothing is left", it_is_removed_and_nothing_is_left),
    ("what fails leaves nothing", what_fails_leaves_nothing),
    ("an older release is replaced", an_older_release_is_replaced),
    ("a driver in use asks for a restart", a_driver_in_use_asks_for_a_restart),
    ("a removal without a device succeeds", a_removal_without_a_device_succeeds),
    ("the kit installs it, tests it and removes it", the_kit_installs_tests_and_removes_it),
]
