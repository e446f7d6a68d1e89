/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/serve.h"

#include "lib/unit.h"

_Thread_local struct spd_unit *spd_lent_to;

bool spd_unit_is_lent(const struct spd_unit *unit)
{
    return unit->kind == SPD_DEVICE_LENT;
}

void *spd_unit_native(const struct spd_unit *unit)
{
    return unit->native;
}

void spd_unit_serve(spd_unit *unit)
{
    struct spd_door *door = unit->doors[0];
    bool running;

    os_mutex_lock(&unit->lock);
    running = unit->state == SPD_UNIT_RUNNING;
    unit->serving += running;
    os_mutex_unlock(&unit->lock);
    if (!running)
        return;
    spd_lent_to = unit;
    if (door->ops->serve)
        door->ops->serve(door);
    else
        spd_dispatchers_serve(unit);
    spd_lent_to = NULL;
    os_mutex_lock(&unit->lock);
    unit->serving--;
    os_cond_broadcast(&unit->changed);
    os_mutex_unlock(&unit->lock);
}
