/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The adapter's table of units, and references to them. */

#include "sys.h"

struct sys_unit *sys_unit_reference(struct sys_unit *unit)
{
    if (unit)
        InterlockedIncrement(&unit->references);
    return unit;
}

struct sys_unit *sys_unit_get(struct sys_adapter *adapter, UINT32 btl)
{
    ULONG number = sys_unit_number(btl);
    struct sys_unit *unit = NULL;
    KIRQL irql;

    if (btl != sys_unit_address(number) || number >= adapter->settings.capacity)
        return NULL;
    KeAcquireSpinLock(&adapter->lock, &irql);
    unit = sys_unit_reference(adapter->units[number]);
    KeReleaseSpinLock(&adapter->lock, irql);
    return unit;
}

bool sys_unit_is_there(const struct sys_unit *unit)
{
    return unit->adapter->units[sys_unit_number(unit->btl)] == unit;
}

_No_competing_thread_
static void unit_free(struct sys_unit *unit)
{
    sys_process_put(unit->maker);
    if (unit->owner)
        sys_process_put(unit->owner);
    if (unit->late)
        sys_process_put(unit->late);
    if (unit->server)
        sys_process_put(unit->server);
    sys_free(unit);
}

void sys_unit_put(struct sys_unit *unit)
{
    if (InterlockedDecrement(&unit->references) == 0)
        unit_free(unit);
}
