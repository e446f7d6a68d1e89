# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""libiscsi's iscsi-test-cu, one test a process."""

import re
import subprocess

from report import call

TIMEOUT = 1200  # the OrWrite suite takes 40 to 55 s of a disk built with ThreadSanitizer

# Tests that need a write-protected disk.
READ_ONLY = ["ReadOnly.ReadOnlySBC"]

# Suites of commands that are not implemented, with what their tests would need.
MISSING = {
    "ExtendedCopy": "EXTENDED COPY is not implemented",
    "ReceiveCopyResults": "EXTENDED COPY is not implemented",
    "ReadDefectData10": "READ DEFECT DATA is not implemented",
    "ReadDefectData12": "READ DEFECT DATA is not implemented",
    "Sanitize": "SANITIZE is not implemented",
    "WriteAtomic16": "WRITE ATOMIC is not implemented",
    "NoMedia": "our disks always have their medium",
}

# Elsewhere a test that skips is a failure: the tool skips a command that it takes for missing. Save
# where the tool wants another kind of disk; what it says in that case.
MAY_SKIP = {
    "PreventAllow": "not removable",
    "StartStopUnit.Simple": "not removable",
    # After it has seen that they are refused, as WSNZ of VPD page B0h announces.
    "WriteSame10.ZeroBlocks": "does not support 0-blocks",
    "WriteSame16.ZeroBlocks": "does not support 0-blocks",
}
# Tests of disks whose physical blocks hold several logical ones; such a disk may not skip them.
LARGE_PHYSICAL_BLOCKS = "LBPPB < 2"
# It asks for the status of one LBA and expects that of another where physical blocks are larger
# than logical ones; SBC-3 5.4 has the answer begin with the LBA that was asked for.
SMALL_PHYSICAL_BLOCKS = ["GetLBAStatus.UnmapSingle"]

# Tests that no target can pass, and their only complaint when it did its part.
BROKEN = {
    # Seen in a debugger, this complaint is made before the reset's PDU is handed to send(), so what
    # the target answers, and when, has no part in it. tgtd meets with the same one.
    "iSCSITMF.LUNResetSimpleAsync": "CU_ASSERT_EQUAL(reconnect_succeeded,1)",
}
# Data-out that is not as long as the CDB says. We write nothing of what is announced too short, say
# 5/0E/03 and send the residual; more than that is GOOD, with the residual, and left where it is
# (RFC 7143 11.4.5.1). These tests want a part written, or more refused. They may complain of
# nothing else, in this order, as libiscsi 1.19 has it.
SHORT = [r"CU_ASSERT_EQUAL\(task->status,SCSI_STATUS_GOOD\)"] * 3 + [
    r'CU_FAIL\("Block was not written correctly"\)']
LENGTHS = {
    r"iSCSIResiduals\.Write(Verify)?(10|12|16)Residuals": SHORT,
    # 256 blocks in a field of one byte: none, and data for 256.
    r"CompareAndWrite\.Simple": [r"simple\.c:71 .*_r,0", r"simple\.c:123 .*_r,0"],
    r"CompareAndWrite\.Miscompare": [r"miscompare\.c:73 .*_r,0", r"miscompare\.c:128 .*_r,0"],
    r"CompareAndWrite\.InvalidDataOutSize": [r"dataout_size\.c:81 .*_r,0"],
    r"WriteSame1[06]\.InvalidDataOutSize": [r"dataout_size\.c:51 .*_r,0"],
}

# These announce 512 bytes for a block of whatever length, and accept GOOD alone: the same, on disks
# with longer blocks. However often they complain, it is of nothing else.
ALWAYS_512 = {
    r"ProutReserve\.Access\w+": r"prout_reserve_access\.c:(77|91) .*\(0,ret\)",
    r"Write10\.Async": r"async_write\.c:45 .*status,SCSI_STATUS_CHECK_CONDITION",
    r"iSCSITMF\.AbortTaskSimpleAsync":
        r"abort_simple\.c:(54 .*SCSI_STATUS_CHECK_CONDITION|198 .*wr_good,1)",
    r"iSCSITMF\.LUNResetSimpleAsync":
        r"reset_simple\.c:(55 .*SCSI_STATUS_CHECK_CONDITION|157 .*reconnect_succeeded,1)",
}
# It writes zeros to blocks 0 to 255 and compares blocks 0 to 256 with them, on both paths.
ONE_MORE = {
    r"MultipathIO\.CompareAndWrite": [r"compareandwrite\.c:84 .*_r,0"] * 2,
}


def complains_of(table, test, complaints):
    for name, expected in table.items():
        if re.fullmatch(name, test):
            if isinstance(expected, str):
                expected = [expected] * len(complaints)
            return complaints and len(complaints) == len(expected) and all(
                map(re.search, expected, complaints))
    return False


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
    skip = re.search(r"\[SKIPPED\] (.*)", output)
    if skip:
        return "skipped", skip[1].strip()
    return "passed", ""


def may_skip(test, reason, large):
    wanted = MAY_SKIP.get(test) or MAY_SKIP.get(test.split(".")[0])
    return wanted and wanted in reason or LARGE_PHYSICAL_BLOCKS in reason and not large


def run_one(test, url, large):
    """(outcome, reason, output); large: whether its physical blocks hold several logical ones."""
    if large and test in SMALL_PHYSICAL_BLOCKS:
        return "skipped", "the test is wrong where physical blocks are larger than logical ones", ""
    # Two sessions with the same portal are two paths.
    urls = [url, url] if test.startswith("MultipathIO.") else [url]
    try:
        status, output = call("iscsi-test-cu", "--dataloss", "--test", f"ALL.{test}", *urls,
                              timeout=TIMEOUT)
    except subprocess.TimeoutExpired as expired:
        said = (expired.output or b"").decode(errors="replace")
        return "failed", f"timed out after {TIMEOUT} s", said
    outcome, reason = judge(output, status)
    complaints = re.findall(r"^ +\d+\. (.*)", output, re.MULTILINE)
    if test in BROKEN and len(complaints) == 1 and BROKEN[test] in complaints[0]:
        return "skipped", "the test looks for the answer before it sends the request", output
    if complains_of(ONE_MORE, test, complaints):
        return "skipped", "the test compares a block that it has not written", output
    if complains_of(LENGTHS, test, complaints) or (
            not large and complains_of(ALWAYS_512, test, complaints)):
        return "skipped", "the test wants other lengths of data-out refused, or a part done", output
    if outcome == "skipped" and not may_skip(test, reason, large):
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
            tap.say(name, *run_one(test, disk.url + query, disk.large_physical_blocks))
