# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Installs the package on a machine, uses its disks there, and checks that nothing of it stays."""

import re
from pathlib import Path

from .disks import SIZE
from .programs import disk, nothing_is_left
from .setup import INF, SERVICE, devices, is_installed, registry

CLASS = "{4D36E97B-E325-11CE-BFC1-08002BE10318}"
LAUNCHER = "S-1-5-80-388659112-1027741468-3217041468-3891421413-2522201108"  # its service


def install(machine):
    if not devices(machine):
        machine.devsetup("add", INF)
    is_installed(machine)


def values(machine, key):
    """The values of a key and of the keys below it, by name."""
    return dict(re.findall(r"^    (\S+)    REG_\w+    (.*?)\r?$", registry(machine, key), re.M))


def the_inf_is_in_the_registry(machine):
    install(machine)
    service = values(machine, r"Services\WinSpd")
    expected = {
        "Type": "0x1", "Start": "0x3", "ErrorControl": "0x1", "BusType": "0xe",
        "DisplayName": "WinSpd", "ImagePath": r"C:\windows\system32\drivers\winspd-x64.sys",
    }
    assert {name: service.get(name) for name in expected} == expected, service
    # Windows also makes that of the log System, by AddService; Wine does not.
    source = values(machine, r"Services\EventLog\Application\WinSpd")
    assert source == {"EventMessageFile": r"%SystemRoot%\System32\winspd-x64.dll",
                      "TypesSupported": "0x7"}, source
    device = values(machine, r"Enum\ROOT\SCSIADAPTER")
    expected = {
        "Class": "SCSIAdapter", "ClassGUID": CLASS, "Service": "WinSpd",
        "DeviceDesc": "Windows Storage Proxy Driver", "HardwareID": r"root\winspd",
        "Security": f"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;{LAUNCHER})",
    }
    assert {name: device.get(name) for name in expected} == expected, device
    windows = machine.prefix.drive / "windows"
    for name, built in (("system32/drivers/winspd-x64.sys", "winspd-x64.sys"),
                        ("system32/winspd-x64.dll", "winspd-x64.dll"),
                        ("syswow64/winspd-x86.dll", "winspd-x86.dll")):
        there = windows / name
        assert there.read_bytes() == (machine.package / built).read_bytes(), f"{there} is another"


def a_disk_is_a_device_with_ids(machine):
    install(machine)
    with disk(machine, "memdisk", *SIZE, "-i", "Fast, and odd", "-r", "2.17"):
        ids = values(machine, r"Enum\SCSI\DISK&VEN_WINSPD__&PROD_FAST__AND_ODD___")
    assert ids.get("HardwareID") == r"SCSI\DiskWinSpd__Fast__and_odd___2.17\0GenDisk", ids
    assert ids.get("CompatibleIds") == r"SCSI\Disk\0SCSI\RAW", ids
    nothing_is_left(machine)


def exported(machine, key):
    """All below a key, as a text with one line for each value."""
    machine.prefix.check(["wine", "reg", "export", rf"HKLM\{key}", r"C:\key.reg", "/y"])
    path = machine.prefix.drive / "key.reg"
    text = path.read_text("utf-16").replace("\\\n  ", "")
    path.unlink()
    return text


def mentions(machine):
    """Keys and values of the machine that have our name, but for those of disks that were there:
    Windows keeps them of every disk, in case it comes back."""
    found, key = [], ""
    text = exported(machine, "SYSTEM") + exported(machine, r"SOFTWARE\Microsoft\Windows")
    for line in text.splitlines():
        key = line if line.startswith("[") else key
        data = re.search(r"=hex(?:\(\w+\))?:([0-9a-f,]+)$", line)
        if data:
            line += bytes.fromhex(data[1].replace(",", "")).decode("utf-16-le", "ignore")
        of_a_disk = re.search(r"\\Enum\\SCSI\\DISK&|\\DeviceClasses\\.*#scsi#disk&", key, re.I)
        if re.search("winspd|root#scsiadapter", line, re.I) and not of_a_disk:
            found.append(f"{key} {line}")
    return found


def files(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}


def loaded(machine):
    """Processes of the machine that have one of our files in their memory."""
    return [command for command, names in machine.prefix.processes().values()
            if any("winspd" in name.lower() for name in names)]


def changed(machine, there):
    """Files that are otherwise than they should be behind an installation."""
    ours = {Path("windows") / name for name in (
        "system32/drivers/winspd-x64.sys", "system32/winspd-x64.dll", "syswow64/winspd-x86.dll",
        "inf/winspd.inf")}
    return (there - ours) ^ files(machine.prefix.drive)


def nothing_of_it_is_anywhere(machine):
    """After disks, and an unclean end of their server: no key, file, interface or process."""
    install(machine)
    before = mentions(machine)
    assert any("Services" in line for line in before), before
    assert any("DeviceClasses" in line for line in before), before
    assert loaded(machine), "the driver is in no process"
    there = files(machine.prefix.drive)
    with disk(machine, "memdisk", *SIZE):
        pass
    machine.prefix.check(["wine", "reg", "add", SERVICE, "/v", "ServerTimeout", "/t", "REG_DWORD",
                          "/d", "30", "/f"])
    length = len(machine.judge_log())
    machine.devsetup("remove")
    machine.prefix.wait_for(lambda: "unloaded" in machine.judge_log()[length:],
                            "the driver is unloaded")
    for look, *arguments in ((mentions,), (loaded,), (changed, there)):
        machine.prefix.wait_for_none(look, machine, *arguments)


TESTS = [
    ("what the INF says is in the registry", the_inf_is_in_the_registry),
    ("a disk is a device with ids", a_disk_is_a_device_with_ids),
    ("nothing of it is anywhere", nothing_of_it_is_anywhere),
]
