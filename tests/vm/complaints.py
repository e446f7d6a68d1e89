# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Finds in a kernel's log the messages about disks in trouble."""

import re

# A kernel's messages about a disk in trouble, at any level.
TROUBLE = re.compile(r"error|fail|tim(ed|ing) ?out|timeout|abort|reset|offlin|corrupt|sense", re.I)
DISK = re.compile(r"scsi|\bsd |\bsd[a-z]\d?\b|connection\d|session\d|EXT4-fs|JBD2")

# And what it says about a healthy one that looks like trouble.
HARMLESS = [
    r"Power-on or device reset occurred",
    r"Mode Sense:",
]
# The kernel's target looks for all its back ends, and a guest has one.
BACK_ENDS = [r"Unable to load target_core_\w+"]
# The log has a line for each read that needed recovery.
RECOVERED = [r"Sense Key : Recovered Error", r"Add\. Sense: Recovered data with retries"]
# A server that dies or refuses a login costs the connection, and nothing else.
CONNECTION_LOST = [r"detected conn error \(10\d\d\)"]
# Debian's 6.1 kernel warns about its own work queues when a logout meets power management.
LOGOUT_WARNING = r"workqueue: WQ_MEM_RECLAIM iscsi_ctrl_\S+ \[scsi_transport_iscsi\] is flushing"


def without_traces(messages, reason):
    """Kernel messages without the traces (from 'cut here' to 'end trace') that give this reason."""
    kept, trace = [], None
    for message in messages:
        if "[ cut here ]" in message:
            kept += trace or []
            trace = []
        if trace is None:
            kept.append(message)
            continue
        trace.append(message)
        if "[ end trace" in message:
            if not any(re.search(reason, one) for one in trace):
                kept += trace
            trace = None
    return kept + (trace or [])


def of(messages, allowed):
    """Those of raw kernel messages `<LEVEL>[TIME] TEXT` that tell of trouble with the disk."""
    found = []
    for message in without_traces(messages, LOGOUT_WARNING):
        level, _, text = message[1:].partition(">")
        if DISK.search(text) and (int(level) % 8 <= 4 or TROUBLE.search(text)):
            if not any(re.search(one, text) for one in allowed):
                found.append(message)
    return found
