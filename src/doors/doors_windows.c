/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The doors of the Windows build. */

#include "lib/door.h"

extern const struct spd_door_ops iscsi_door_ops;
extern const struct spd_door_ops windows_door_ops;

const struct spd_door_ops *const spd_doors[] = {
    &windows_door_ops,
    &iscsi_door_ops,
    NULL,
};
