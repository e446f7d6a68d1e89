/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The doors of the Windows build. */

#include "lib/door.h"

const struct spd_door_ops *const spd_doors[] = {
    NULL,
};
