# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Parts of the package besides files and a driver: the launcher's service, disks of its classes,
and Explorer's DLL. The tests use the DLL by COM, as Explorer would."""

import re

from harness.programs import ended

from .computer import INSTALLED

CLASSES = r"HKLM\Software\Classes"
EXTENSION = {"{62AD20C1-8F38-452A-AB7A-F281004D0283}": "WinSpd Mount",
             "{18F72BBE-CE30-4EBA-8691-911D158A883C}": "WinSpd Eject"}
BIN = r"C:\Program Files (x86)\WinSpd\bin"
IMAGE = r"C:\packages\new.rawdisk"


def service(computer):
    """Its state, or nothing."""
    _, output = computer.prefix.wine("sc", "query", "WinSpd.Launcher")
    found = re.search(r"STATE *: *\d+ *(\w+)", output)
    return found and found[1]


def launchctl(computer, *words):
    status, output = computer.prefix.wine(
        computer.prefix.drive / INSTALLED / "bin/launchctl-x64.exe", *words)
    assert status == 0 and output.startswith("OK"), f"launchctl {words}: {status} {output}"
    return output


def the_service_runs(computer):
    assert service(computer) == "RUNNING", service(computer)
    text = computer.prefix.registry(r"HKLM\SYSTEM\CurrentControlSet\Services\WinSpd.Launcher")
    assert rf"{BIN}\launcher-x64.exe" in text, text
    assert re.search(r"Start +REG_DWORD +0x2", text), text
    launchctl(computer, "list")


def explorers_dll_is_registered(computer):
    """The native one and the one of 32-bit programs, with the same keys."""
    for clsid, title in EXTENSION.items():
        for view, arch in (("", "x64"), (r"\Wow6432Node", "x86")):
            text = computer.prefix.registry(rf"{CLASSES}{view}\CLSID\{clsid}")
            for value in (title, rf"{BIN}\shellex-{arch}.dll", "Apartment"):
                assert value in text, f"no {value} in {view} {text}"
    text = computer.prefix.registry(rf"{CLASSES}\WinSpd.DiskFile")
    assert "WinSpd Disk File" in text and "Mount" in text, text


def new_disk(computer, before):
    """Its number, of one that has come since the double's log was so long."""
    computer.prefix.wait_for(lambda: "is unit" in computer.judge_log()[before:], "a disk")
    return re.search(r"disk (\d+) is unit", computer.judge_log()[before:])[1]


def is_gone(computer, before):
    computer.prefix.wait_for(lambda: "is gone" in computer.judge_log()[before:], "its end")


def files_are_disks(computer):
    """The menu New makes an empty file, which is a disk of the class in its name."""
    # Wine keeps extensions of names apart for 32-bit programs, as Windows did before 7.
    text = computer.prefix.registry(rf"{CLASSES}\Wow6432Node\.rawdisk")
    assert "WinSpd.DiskFile" in text and "NullFile" in text, text
    (computer.folder / "new.rawdisk").write_bytes(b"")
    before = len(computer.judge_log())
    launchctl(computer, "start", "rawdisk", IMAGE, IMAGE)
    number = new_disk(computer, before)
    status = ended(computer.prefix.start_wine(
        computer.prefix.drive / INSTALLED / "bin/stgtest-x64.exe", rf"\\.\PhysicalDrive{number}",
        "100", "WR", "*", "*"))
    assert status == 0, f"stgtest: {computer.prefix.why(status)}"
    assert "rawdisk" in launchctl(computer, "list")
    launchctl(computer, "stop", "rawdisk", IMAGE)
    is_gone(computer, before)


def explorer_mounts_and_ejects(computer):
    """By the installed DLL, the installed launcher and its class; shelltest plays Explorer."""
    before = len(computer.judge_log())
    status, output = computer.drive("shelltest-x64", "--mount", IMAGE)
    assert status == 0, f"mount: {computer.prefix.why(status, output)}"
    number = new_disk(computer, before)
    status, output = computer.drive("shelltest-x64", "--eject", number)
    assert status == 0 and output.startswith("offered"), f"eject: {status} {output}"
    is_gone(computer, before)


TESTS = [
    ("the service runs", the_service_runs),
    ("Explorer's DLL is registered", explorers_dll_is_registered),
]
DEVELOPER_TESTS = [
    ("files are disks by their names", files_are_disks),
    ("Explorer mounts and ejects them", explorer_mounts_and_ejects),
]
