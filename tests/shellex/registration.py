# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The keys that regsvr32 and the DLL leave in the registry, and take away."""

import re

CLASSES = r"HKLM\SOFTWARE\Classes"
NEIGHBOUR = CLASSES + r"\Drive\shellex\ContextMenuHandlers\Other"
MOUNT = "{62AD20C1-8F38-452A-AB7A-F281004D0283}"
EJECT = "{18F72BBE-CE30-4EBA-8691-911D158A883C}"
DLL = r"C:\winspd\shellex-x64.dll"
VALUES = {
    rf"CLSID\{MOUNT}\InProcServer32": {"": DLL, "ThreadingModel": "Apartment"},
    rf"CLSID\{EJECT}\InProcServer32": {"": DLL, "ThreadingModel": "Apartment"},
    "WinSpd.DiskFile": {"": "WinSpd Disk File"},
    r"WinSpd.DiskFile\shell\open": {"": "Mount", "MultiSelectModel": "Document"},
    r"WinSpd.DiskFile\shell\open\command": {"DelegateExecute": MOUNT},
    r"Drive\shellex\ContextMenuHandlers\WinSpd.Eject": {"": EJECT},
}
TREES = [rf"CLSID\{MOUNT}", rf"CLSID\{EJECT}", "WinSpd.DiskFile",
         r"Drive\shellex\ContextMenuHandlers\WinSpd.Eject"]


def regsvr32(machine, *options, expected=0):
    status, output = machine.prefix.wine("regsvr32", "/s", *options, DLL)
    assert status == expected, f"regsvr32 {options}: {machine.prefix.why(status, output)}"


def values(machine, key):
    """The values of a key, without the keys below it."""
    found, inside = {}, False
    for line in machine.prefix.registry(rf"{CLASSES}\{key}").splitlines():
        if line.startswith("HKEY"):
            inside = line.lower().endswith(f"classes\\{key}".lower())
        value = re.match(r"    (.*?)    REG_SZ    (.*)", line)
        if inside and value:
            found["" if value[1] == "(Default)" else value[1]] = value[2].rstrip()
    return found


def everything(machine):
    return machine.prefix.registry(CLASSES)


def its_keys_are_those_of_the_original(machine):
    for key, wanted in VALUES.items():
        found = values(machine, key)
        assert found == wanted, f"{key}: {found} is not {wanted}"
    icon = values(machine, r"WinSpd.DiskFile\DefaultIcon").get("", "")
    assert re.fullmatch(r".+,-?\d+", icon), f"the icon is {icon!r}"


def nothing_is_left_when_it_is_unregistered(machine):
    """And nothing else is gone: another program's handler is not."""
    machine.prefix.check(["wine", "reg", "add", NEIGHBOUR, "/ve", "/d", "x", "/f"])
    regsvr32(machine, "/u")
    assert machine.prefix.registry(NEIGHBOUR), "another program's handler is gone"
    before = everything(machine)
    for tree in TREES:
        assert not machine.prefix.registry(rf"{CLASSES}\{tree}"), tree
    regsvr32(machine)
    regsvr32(machine)  # again is no error, and changes nothing
    assert everything(machine) != before
    its_keys_are_those_of_the_original(machine)
    regsvr32(machine, "/u")
    assert everything(machine) == before
    regsvr32(machine, "/u")  # nor is this
    assert everything(machine) == before
    regsvr32(machine)


TESTS = [
    ("its keys are those of the original", its_keys_are_those_of_the_original),
    ("nothing is left when it is unregistered", nothing_is_left_when_it_is_unregistered),
]
