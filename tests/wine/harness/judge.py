# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The judge itself: a miniport with faults, each of which it must find."""

import re
import shutil

from .setup import devices

# The faults of faulty/faulty.c and faults.h, with the judge's findings in their order.
AT_LOAD = [
    ("another size", r"HwInitializationDataSize is \d+"),
    ("no HwResetBus", "a routine that a virtual miniport needs is missing"),
    ("no AutoRequestSense", "StorPort needs tagged queuing, auto request sense"),
    ("no imports", "none of the miniport's imports can be judged"),
    ("no VirtualDevice", "HwFindAdapter left a configuration without"),
    ("129 targets", "HwFindAdapter wants more targets than there can be"),
    ("one type too far", "HwAdapterControl writes past the end of a list"),
    ("no type at all", "HwAdapterControl can neither stop nor restart"),
]
PASSIVE = "%s is called where IRQL may be DISPATCH_LEVEL"
AT_ONCE = [
    ("SRB_TWICE", "twice, or too late"),
    ("SRB_WITH_A_LOCK", r"RequestComplete\) is called with a spin lock held"),
    ("SRB_PENDING", "an SRB is completed as pending"),
    ("SRB_TOO_LONG", "an SRB of 512 bytes is completed with 513"),
    ("SRB_WITHOUT_SENSE", "CHECK CONDITION without sense"),
    ("SRB_FREEZES", "a miniport freezes a queue"),
    ("IRP_TWICE", "a service IRP is completed that the miniport does not have"),
    ("IRP_PENDING", "a service IRP is completed as pending"),
    ("IRP_TOO_LONG", "a service IRP returns more than its buffer holds"),
    ("IRP_WITH_AN_ADDRESS", "a service IRP gives an address of the kernel away, at byte 0"),
    ("IRP_WITH_A_LOCK", "StorPortCompleteServiceIrp is called with a spin lock held"),
    ("IRP_KEEPS_A_LOCK", "the miniport returns with a spin lock held"),
    ("RESET_WAITS", PASSIVE % "KeDelayExecutionThread"),
    ("LOCK_KEPT", "the miniport returns with a spin lock held"),
    ("LOCK_RELEASED_TWICE", "a spin lock is released that was not held"),
    ("WAITS", PASSIVE % "KeWaitForSingleObject"),
    ("DELAYS", PASSIVE % "KeDelayExecutionThread"),
    ("DPC_DELAYS", PASSIVE % "KeDelayExecutionThread"),
    ("OPENS_A_KEY", PASSIVE % "ZwOpenKey"),
    ("QUERIES_A_KEY", PASSIVE % "ZwQueryValueKey"),
    ("CLOSES", PASSIVE % "ZwClose"),
    ("LOOKS_UP", PASSIVE % "PsLookupProcessByProcessId"),
    ("BUILDS_AN_IRP", PASSIVE % "IoBuildDeviceIoControlRequest"),
    ("FLUSHES_DPCS", PASSIVE % "KeFlushQueuedDpcs"),
    ("ASKS_THE_VERSION", PASSIVE % "RtlGetVersion"),
    ("COMPLETES_WITH_A_LOCK", "IoCompleteRequest is called with a spin lock held"),
    ("LOGS_WITH_A_LOCK", "StorPortLogSystemEvent is called with a spin lock held"),
    ("LOGS_TOO_MUCH", r"StorPortLogSystemEvent of \d+ bytes"),
    ("LOGS_ANOTHER_REVISION", "StorPortLogSystemEvent of another revision"),
    ("PAGED_POOL", PASSIVE % r"PagedPool\)"),
    ("POOL_EXECUTABLE", "pool is allocated that can be executed"),
    ("POOL_OF_NOTHING", "pool of no length is allocated"),
    ("POOL_TWICE", "pool twice is freed"),
    ("POOL_OVERRUN", "written past the end of 64 bytes of pool"),
    ("POOL_TAG", "is freed with tag"),
    ("POOL_OF_ANOTHER", "what is no pool is freed"),
    ("STRANGE_NOTIFICATION", "StorPortNotification of an unknown type"),
    ("STRANGE_FUNCTION", "StorPortExtendedFunction of an unknown code"),
    ("STRANGE_ADDRESS", "GetSystemAddress of an SRB that the miniport does not have"),
    ("STARTIO_FALSE", "HwStartIo returns FALSE"),
    ("SRB_NEVER", "an SRB is never completed"),
]
AT_THE_END = [
    ("IRP_NEVER", "1 service IRPs are not completed"),
    ("SRB_WRITTEN_LATER", "a completed SRB is written to"),
    ("DATA_WRITTEN_LATER", "the data of a completed SRB are written to"),
    ("POOL_LEAKED", "64 bytes of pool with tag 746c7546 are leaked"),
]


def compare(expected, found):
    """Exactly these, and no others."""
    wrong = [f"{name}: expected {text!r}, there is {line!r}"
             for (name, text), line in zip(expected, found) if not re.search(text, line)]
    wrong += [f"{name}: not found" for name, _ in expected[len(found):]]
    wrong += [f"without a fault: {line}" for line in found[len(expected):]]
    assert not wrong, "\n".join(wrong)


def be_windows_10(machine):
    """All pool of Windows 7, which a new prefix is, can be executed."""
    machine.prefix.check(["wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version",
                          "/d", "win10", "/f"])
    machine.restart()


def every_fault_is_found(machine):
    be_windows_10(machine)
    here = machine.build.parent.parent / "tests/wine/faulty"
    package = machine.package.parent / "faulty"
    package.mkdir()
    for path in (machine.build / "tests/wine/faulty.sys", here / "faulty.inf",
                 machine.build / "tests/wine/faults.exe"):
        shutil.copy(path, package / path.name)
    devsetup = machine.package / "devsetup-x64.exe"
    before = len(machine.judge_log())
    assert machine.new_findings() == []
    status, output = machine.prefix.wine(
        devsetup, "add", r"root\spdfaulty", r"C:\faulty\faulty.inf")
    assert status == 0, f"devsetup add: {machine.prefix.why(status, output)}"
    at_load = machine.new_findings()
    status, output = machine.prefix.wine(package / "faults.exe")
    at_once = machine.new_findings()
    removed, why = machine.prefix.wine(devsetup, "remove", r"root\spdfaulty")
    machine.prefix.wait_for(lambda: "unloaded" in machine.judge_log()[before:],
                            "the driver is unloaded")
    at_the_end = machine.new_findings()
    assert status == 0 and re.findall(r"(\w+) has not ended", output) == ["IRP_NEVER"], output
    compare(AT_LOAD, at_load)
    compare(AT_ONCE, at_once)
    compare(AT_THE_END, at_the_end)
    assert removed == 0, f"devsetup remove: {removed} {why}"
    # faulty.c has taken the next name while its adapter was made.
    assert f"adapter {devices(machine) + 1} added" in machine.judge_log()[before:]


TESTS = [("the judge finds every fault of a miniport", every_fault_is_found)]
