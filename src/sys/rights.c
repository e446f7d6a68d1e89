/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Rights of a process to a unit: its owner, its server, and the user of an owner that has gone. */

#include "sys.h"

bool sys_owner_is(const struct sys_unit *unit, PEPROCESS caller)
{
    return unit->owner && unit->owner->object == caller;
}

/* Within the grace the unit belongs to no process, but to the user of the process that has ended;
 * administrators may clean up. */
bool sys_owner_lets_remove(
    const struct sys_unit *unit, PEPROCESS caller, const struct sys_user *user, bool administrator)
{
    if (unit->owner)
        return sys_owner_is(unit, caller);
    return administrator || sys_user_is(user, &unit->user);
}

bool sys_owner_lets_serve(const struct sys_unit *unit, PEPROCESS caller)
{
    return unit->server && unit->server->object == caller;
}
