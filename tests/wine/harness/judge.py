# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The judge itself: a miniport with faults, each of which it must find."""

import re
import shutil

# Of faulty/faults.h: what the judge says of each, in the order in which it says so.
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
    ("LOCK_KEPT", "the miniport returns with a spin lock held"),
    ("LOCK_RELEASED_TWICE", "a spin lock is released that was not held"),
    ("WAITS", "KeWaitForSingleObject is called where IRQL may be DISPATCH_LEVEL"),
    ("DELAYS", "KeDelayExecutionThread is called where IRQL may be DISPATCH_LEVEL"),
    ("PAGED_POOL", r"PagedPool\) is called where IRQL may be DISPATCH_LEVEL"),
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


def every_fault_is_found(machine):
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
    assert status == 0, f"devsetup add: {status} {output}{machine.prefix.said()}"
    status, output = machine.prefix.wine(package / "faults.exe", timeout=90)
    at_once = machine.new_findings()
    removed, why = machine.prefix.wine(devsetup, "remove", r"root\spdfaulty")
    machine.prefix.wait_for(lambda: "unloaded" in machine.judge_log()[before:], 10,
                            "the driver is unloaded")
    at_the_end = machine.new_findings()
    assert status == 0 and re.findall(r"(\w+) has not ended", output) == ["IRP_NEVER"], output
    compare(AT_ONCE, at_once)
    compare(AT_THE_END, at_the_end)
    assert removed == 0, f"devsetup remove: {removed} {why}"


TESTS = [("the judge finds every fault of a miniport", every_fault_is_found)]
