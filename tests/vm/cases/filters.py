# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Filters and growth, as a kernel meets them: ext4 on bad blocks, md raid1 with a leg that fails, a
mounted ext4 that grows."""

from complaints import CONNECTION_LOST, HARMLESS

# The faults that the case asks for.
FAULTS = [r"Sense Key : (Medium|Hardware) Error", r"Add\. Sense: ",
          r"critical (medium|target) error", r"I/O error", r"\[sd\w+\] tag#", r"md/raid1",
          r"lost async page write", r"Disk failure on sd", r"detected capacity change",
          r"Capacity data has changed", r"Write Protect is on"]


def run(lab):
    lab.boot("filters", modules=["iscsi_tcp", "raid1"],
             programs=[lab.program("rawdisk"), lab.program("memdisk")],
             allowed=HARMLESS + CONNECTION_LOST + FAULTS)
