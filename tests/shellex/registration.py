# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The keys that regsvr32 and the DLL leave in the registry, and take away."""

import re

CLASSES = r"HKLM\SOFTWARE\Classes"
NEIGHBOUR = CLASSES + r"\Drive\shellex\ContextMenuHandlers\Other"
MOUNT = "{62AD20C1-8F38-452A-AB7A-F281004D0283}"
EJECT = "{18F72BBE-CE30-4EBA-8691-911D158A883C}"
# arch: what registers the DLL, and where its class ids are. Both kinds of program share the rest.
REGSVR32 = {"x64": "regsvr32", "x86": r"C:\windows\syswow64\regsvr32.exe"}
CLASS_IDS = {"x64": "CLSID", "x86": r"Wow6432Node\CLSID"}
VALUES = {
    rf"CLSID\{MOUNT}\InProcServer32": {"": "DLL", "ThreadingModel": "Apartment"},
    rf"CLSID\{EJECT}\InProcServer32": {"": "DLL", "ThreadingModel": "Apartment"},
    "WinSpd.DiskFile": {"": "WinSpd Disk File"},
    r"WinSpd.DiskFile\shell\open": {"": "Mount", "MultiSelectModel": "Document"},
    r"WinSpd.DiskFile\shell\open\command": {"DelegateExecute": MOUNT},
    r"Drive\shellex\ContextMenuHandlers\WinSpd.Eject": {"": EJECT},
}
TREES = [rf"CLSID\{MOUNT}", rf"CLSID\{EJECT}", "WinSpd.DiskFile",
         r"Drive\shellex\ContextMenuHandlers\WinSpd.Eject"]


def dll_of(machine):
    return rf"C:\winspd\shellex-{machine.arch}.dll"


def regsvr32(machine, *options, expected=0):
    status, output = machine.prefix.wine(
        REGSVR32[machine.arch], "/s", *options, dll_of(machine))
    assert status == expected, f"regsvr32 {options}: {machine.prefix.why(status, output)}"


def place(machine, key):
    return CLASSES + "\\" + key.replace("CLSID", CLASS_IDS[machine.arch])


def values(machine, key):
    """The values of a key, without the keys below it."""
    found, inside = {}, False
    for line in machine.prefix.registry(place(machine, key)).splitlines():
        if line.startswith("HKEY"):
            inside = line.lower().endswith(place(machine, key)[len("HKLM"):].lower())
        value = re.match(r"    (.*?)    REG_SZ    (.*)", line)
        if inside and value:
            found["" if value[1] == "(Default)" else value[1]] = value[2].rstrip()
    return found


def everything(machine):
    return machine.prefix.registry(CLASSES)


def its_keys_are_those_of_the_original(machine):
    for key, expected in VALUES.items():
        wanted = {name: dll_of(machine) if text == "DLL" else text
                  for name, text in expected.items()}
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
        assert not machine.prefix.registry(place(machine, tree)), tree
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
