# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The example of a server inside the guest: rawdisk serves an image on tmpfs there."""


def run(lab):
    lab.boot("inside", modules=["iscsi_tcp"],
             programs=[lab.program("rawdisk"), lab.program("stgtest")])
