# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The tcmu: door alone has these: resets by the initiator, reservations, leftovers, resize."""

from complaints import HARMLESS

# The target looks for back ends that the guest does not have. The script asks for a conflict, and
# grows the disk.
EXPECTED = [r"Capacity data has changed", r"Unable to load target_core_\w+",
            r"reservation conflict", r"Received legacy SPC-2 RESERVE",
            r"FAILED Result: hostbyte=DID_OK", r"CDB: Reserve\(6\)"]


def run(lab):
    lab.boot("tcmu", modules=["target_core_user", "tcm_loop"], tools=["base", "fio"],
             programs=[lab.program("rawdisk")], allowed=HARMLESS + EXPECTED)
