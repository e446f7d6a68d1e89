# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A DLL and a driver that speak different versions: they work together, and both say so."""

import shutil
import struct

from .programs import disk, nothing_is_left, passes_stgtest

MARK = b"SpdVersion:\0"


def with_version(dll, version):
    """The DLL as it is, but that it says another version; and the one that it said."""
    at = dll.index(MARK) + len(MARK)
    assert dll.count(MARK) == 1
    old, = struct.unpack_from("<I", dll, at)
    return dll[:at] + struct.pack("<I", version or old) + dll[at + 4:], old


def dll_that_is(newer):
    def test(machine):
        dll = (machine.package / "winspd-x64.dll").read_bytes()
        driver = with_version(dll, None)[1]
        version = driver + newer
        folder = machine.package / f"version{version}"
        folder.mkdir()
        shutil.copy(machine.package / "ramdisk-x64.exe", folder)
        (folder / "winspd-x64.dll").write_bytes(with_version(dll, version)[0])
        before = len(machine.judge_log())
        with disk(machine, f"{folder.name}/ramdisk", before=before) as (_, name):
            passes_stgtest(machine, name, "300", "WR", "*", "*")
        logged = f"its program speaks version {version}, this driver {driver}"
        assert logged in machine.judge_log()[before:], machine.judge_log()[before:]
        said = f"the driver speaks version {driver} and this DLL version {version}"
        assert said in machine.prefix.said(), machine.prefix.said()
        shutil.rmtree(folder)
        nothing_is_left(machine)
    return test


def same_versions_are_no_event(machine):
    before = len(machine.judge_log())
    with disk(machine, "ramdisk", before=before):
        pass
    assert "speaks version" not in machine.judge_log()[before:]


TESTS = [
    ("an older DLL works with the driver, and the event log has both versions", dll_that_is(-1)),
    ("a newer DLL works with the driver, and the event log has both versions", dll_that_is(1)),
    ("a DLL and a driver of one version are no event", same_versions_are_no_event),
]
