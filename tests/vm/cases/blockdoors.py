# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The doors to block devices of the same system, whose servers run inside the guest."""

from complaints import BACK_ENDS, HARMLESS

DOORS = {"ublk": ["ublk_drv"], "tcmu": ["target_core_user", "tcm_loop"]}


def run(lab):
    lab.boot("blockdoors", modules=[name for modules in DOORS.values() for name in modules],
             tools=["base", "fio"], programs=[lab.program("rawdisk")],
             allowed=HARMLESS + BACK_ENDS, parameters={"DOORS": " ".join(DOORS)})
