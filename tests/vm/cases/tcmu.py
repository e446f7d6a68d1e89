# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The tcmu: door alone has these: resets by the initiator, reservations, leftovers, resize."""

from complaints import BACK_ENDS, HARMLESS

# The script asks for a conflict, and grows the disk.
EXPECTED = [r"Capacity data has changed", r"reservation conflict",
            r"Received legacy SPC-2 RESERVE", r"FAILED Result: hostbyte=DID_OK",
            r"CDB: Reserve\(6\)"]


def run(lab):
    lab.boot("tcmu", modules=["target_core_user", "tcm_loop"], tools=["base", "fio"],
             programs=[lab.program("rawdisk")], allowed=HARMLESS + BACK_ENDS + EXPECTED)
