# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""libiscsi's iscsi-test-cu, one test a process."""

import re
import subprocess

from report import call

TIMEOUT = 60

# What needs a write-protected disk.
READ_ONLY = ["ReadOnly.ReadOnlySBC"]

# Suites of commands that are not implemented, with what their tests would need.
MISSING = {
    "ExtendedCopy": "EXTENDED COPY is not implemented",
    "ReceiveCopyResults": "EXTENDED COPY is not implemented",
    "PrinReadKeys": "persistent reservations are not implemented",
    "PrinServiceactionRange": "persistent reservations are not implemented",
    "PrinReportCapabilities": "persistent reservations are not implemented",
    "ProutRegister": "persistent reservations are not implemented",
    "ProutReserve": "persistent reservations are not implemented",
    "ProutClear": "persistent reservations are not implemented",
    "ProutPreempt": "persistent reservations are not implemented",
    "Reserve6": "RESERVE and RELEASE are not implemented",
    "ReadDefectData10": "READ DEFECT DATA is not implemented",
    "ReadDefectData12": "READ DEFECT DATA is not implemented",
    "Sanitize": "SANITIZE is not implemented",
    "WriteAtomic16": "WRITE ATOMIC is not implemented",
    "NoMedia": "our disks always have their medium",
}

# Elsewhere a test that skips is a failure: the tool skips a command that it takes for missing. Save
# these, whose condition a fixed disk with its medium in place does not meet.
MAY_SKIP = {
    "PreventAllow": "not removable",
    "StartStopUnit.Simple": "not removable",
}


def listed():
    """Every test as Suite.Test."""
    done = subprocess.run(["iscsi-test-cu", "--list"], stdin=subprocess.DEVNULL, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return re.findall(r"^ALL\.(\w+\.[\w-]+)$", done.stdout, re.MULTILINE)


def judge(output, status):
    """('passed' | 'failed' | 'skipped', reason) of one test's output."""
    totals = re.search(r"^\s+tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", output, re.MULTILINE)
    if not totals:
        return "failed", f"iscsi-test-cu ended with status {status}"
    _, ran, passed, failed = map(int, totals.groups())
    if status or failed or ran != 1 or passed != 1:
        return "failed", f"{ran} test ran, {failed} failed"
    # Around every test the tool looks for reservations to clear, and says when it cannot.
    skip = re.search(r"\[SKIPPED\] (?!PERSISTENT RESERVE IN)(.*)", output)
    if skip:
        return "skipped", skip[1].strip()
    return "passed", ""


def run_one(test, url):
    """(outcome, reason, output)."""
    # Two sessions with the same portal are two paths.
    urls = [url, url] if test.startswith("MultipathIO.") else [url]
    try:
        status, output = call("iscsi-test-cu", "--dataloss", "--test", f"ALL.{test}", *urls,
                              timeout=TIMEOUT)
    except subprocess.TimeoutExpired as expired:
        said = (expired.output or b"").decode(errors="replace")
        return "failed", f"timed out after {TIMEOUT} s", said
    outcome, reason = judge(output, status)
    may_skip = MAY_SKIP.get(test) or MAY_SKIP.get(test.split(".")[0])
    if outcome == "skipped" and not (may_skip and may_skip in reason):
        return "failed", f"skipped, yet it should run: {reason}", output
    return outcome, reason, output


def run(tap, disk, tests, pattern, query=""):
    for test in tests:
        name = f"{disk.name}: {test}"
        missing = MISSING.get(test.split(".")[0])
        if not pattern.search(name):
            continue
        if missing:
            tap.say(name, "skipped", missing)
        else:
            tap.say(name, *run_one(test, disk.url + query))
