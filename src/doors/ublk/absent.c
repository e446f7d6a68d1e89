/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The ublk door of a build without liburing: it says what is missing. */

#include "lib/door.h"

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **door)
{
    (void)unit;
    (void)uri;
    (void)door;
    return spd_fail(SPD_ERROR_DOOR_MISSING, "ublk: was left out, since liburing was not there when "
        "this was built: install liburing-dev and build again");
}

extern const struct spd_door_ops ublk_door_ops;
const struct spd_door_ops ublk_door_ops = {
    .scheme = "ublk",
    .synopsis = "ublk:[NUMBER][?queues=N&depth=N&recover=0]",
    .open = open_door,
};
