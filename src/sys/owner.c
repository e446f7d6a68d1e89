/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Whose a unit is, and what becomes of it when its owner ends.
 *
 * A unit tells the process id of its owner: programs ask this process for an eject. Windows may
 * remember the first id for as long as the disk is there. The system gives the id to no other
 * process while the process is referenced. So the unit keeps references to its maker, and
 * within the grace to the owner that has gone.
 */

#include "sys.h"

/* The unit lives on, for its grace. */
_Requires_lock_held_(unit->adapter->lock)
_Requires_lock_not_held_(unit->lock)
static struct sys_process *orphan(struct sys_unit *unit, PLIST_ENTRY irps)
{
    KIRQL irql;

    unit->late = unit->owner;
    unit->owner = NULL;
    unit->grace_end = unit->adapter->ticks + SPD_IOCTL_PARAMS_GRACE(&unit->params) + 1;
    KeAcquireSpinLock(&unit->lock, &irql);
    unit->orphan = true;
    KeReleaseSpinLock(&unit->lock, irql);
    return sys_transact_redirect(unit, NULL, irps);
}

/* The unit may have been removed, or abandoned and taken over, since it was looked for. */
_Requires_lock_not_held_(unit->adapter->lock)
static void abandon(struct sys_unit *unit, struct sys_process *owner)
{
    struct sys_adapter *adapter = unit->adapter;
    UINT32 grace = SPD_IOCTL_PARAMS_GRACE(&unit->params);
    struct sys_process *server = NULL;
    LIST_ENTRY irps;
    KIRQL irql;
    bool own;

    InitializeListHead(&irps);
    KeAcquireSpinLock(&adapter->lock, &irql);
    own = unit->owner == owner && sys_unit_is_there(unit);
    if (own && grace)
        server = orphan(unit, &irps);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!own)
        return;
    if (!grace) {
        if (sys_unit_remove(adapter, unit))
            sys_log(adapter, SYS_EVENT_DIED, unit->btl, 0);
        return;
    }
    sys_transact_complete_all(&irps);
    if (server)
        sys_process_put(server);
    sys_log(adapter, SYS_EVENT_ORPHANED, unit->btl, grace);
}

/* Abandons a unit whose owner is about to end, since the owner may be unable to end before the unit
 * has gone. The timer calls this each second. So does a cancelled transaction, since the system
 * cancels those of a thread that ends. */
void sys_owner_check(struct sys_unit *unit)
{
    struct sys_adapter *adapter = unit->adapter;
    struct sys_process *dying = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    if (unit->owner && !sys_lifetime_held(unit->owner))
        dying = sys_process_hold(unit->owner);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!dying)
        return;
    abandon(unit, dying);
    sys_process_put(dying);
}

/* The process has ended. The caller has a reference to it. */
void sys_owner_gone(struct sys_adapter *adapter, struct sys_process *owner)
{
    for (ULONG i = 0; i < adapter->settings.capacity; i++) {
        struct sys_unit *unit = sys_unit_get(adapter, sys_unit_address(i));

        if (!unit)
            continue;
        abandon(unit, owner);
        sys_unit_put(unit);
    }
}
