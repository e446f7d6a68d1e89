# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A DLL and a driver that speak different versions: they work together, and both say so."""

import re
import shutil
import struct
from contextlib import contextmanager

from .programs import disk, nothing_is_left, passes_stgtest

MARK = b"SpdVersion:\0"
DRIVER = "windows/system32/drivers/winspd-x64.sys"


def version_of(image):
    assert image.count(MARK) == 1
    return struct.unpack_from("<I", image, image.index(MARK) + len(MARK))[0]


def with_version(image, version):
    """The DLL or driver as it is, but that it says another version."""
    at = image.index(MARK) + len(MARK)
    return image[:at] + struct.pack("<I", version) + image[at + 4:]


@contextmanager
def records_are_printed(machine):
    """By Wine, of the event log, for programs that start meanwhile."""
    before = machine.prefix.env["WINEDEBUG"]
    machine.prefix.env["WINEDEBUG"] = f"{before},warn+eventlog,trace+eventlog"
    try:
        yield
    finally:
        machine.prefix.env["WINEDEBUG"] = before


def work_together_and_say_so(machine, program, driver, dll):
    """The driver logs both versions; the DLL tells its program and the event log."""
    before, said_before = len(machine.judge_log()), machine.prefix.log.seek(0, 2)
    with records_are_printed(machine), disk(machine, program, before=before) as (_, name):
        passes_stgtest(machine, name, "300", "WR", "*", "*")
    logged = f"its program speaks version {dll}, this driver {driver}"
    assert logged in machine.judge_log()[before:], machine.judge_log()[before:]
    machine.prefix.log.seek(said_before)
    text = machine.prefix.log.read().decode(errors="replace")
    said = f"the driver speaks version {driver} and this DLL version {dll}"
    records = re.findall(r':eventlog:ReportEventW L"(.*)"', text)
    assert re.search(rf"^(?!.*eventlog).*: {said}", text, re.M), text
    assert any(said in record for record in records), records
    nothing_is_left(machine)


def dll_that_is(newer):
    def test(machine):
        dll = (machine.package / "winspd-x64.dll").read_bytes()
        driver = version_of((machine.prefix.drive / DRIVER).read_bytes())
        folder = machine.package / f"version{driver + newer}"
        folder.mkdir()
        shutil.copy(machine.package / "ramdisk-x64.exe", folder)
        (folder / "winspd-x64.dll").write_bytes(with_version(dll, driver + newer))
        work_together_and_say_so(machine, f"{folder.name}/ramdisk", driver, driver + newer)
        shutil.rmtree(folder)
    return test


def restart_with(machine, image):
    installed = machine.prefix.drive / DRIVER
    installed.unlink()  # the running one is another file from now on
    installed.write_bytes(image)
    machine.restart()


@contextmanager
def driver_is(machine, image):
    """Replaces the present one, which comes back afterwards, whatever happens."""
    ours = (machine.prefix.drive / DRIVER).read_bytes()
    try:
        restart_with(machine, image)
        yield
    finally:
        restart_with(machine, ours)


def driver_that_is(newer):
    def test(machine):
        dll = version_of((machine.package / "winspd-x64.dll").read_bytes())
        image = (machine.prefix.drive / DRIVER).read_bytes()
        with driver_is(machine, with_version(image, dll + newer)):
            work_together_and_say_so(machine, "ramdisk", dll + newer, dll)
    return test


def same_versions_are_no_event(machine):
    before = len(machine.judge_log())
    with disk(machine, "ramdisk", before=before):
        pass
    assert "speaks version" not in machine.judge_log()[before:]


TESTS = [
    ("an older DLL works with the driver, and both log both versions", dll_that_is(-1)),
    ("a newer DLL works with the driver, and both log both versions", dll_that_is(1)),
    ("an older driver works with the DLL, and both log both versions", driver_that_is(-1)),
    ("a newer driver works with the DLL, and both log both versions", driver_that_is(1)),
    ("a DLL and a driver of one version are no event", same_versions_are_no_event),
]
