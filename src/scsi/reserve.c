/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * RESERVE and RELEASE (SPC-2 7.22, 7.17): one nexus has the unit to itself until it releases it, is
 * lost, or the unit is reset. If anybody is registered for persistent reservations, they are
 * conflicts. PERSISTENT RESERVE OUT is a conflict if the unit is reserved.
 *
 * A reservation of this kind also ends outside of exclusive tasks, by a compare and exchange.
 */

#include "scsi/internal.h"

void scsi_reservation_set(struct scsi_unit *unit, uint8_t type, uint32_t holder)
{
    uint32_t change = (atomic_load(&unit->reservation) >> SCSI_RESERVATION_CHANGE_SHIFT) + 1;

    atomic_store(&unit->reservation, change << SCSI_RESERVATION_CHANGE_SHIFT |
        holder << SCSI_RESERVATION_HOLDER_SHIFT | type);
}

void scsi_reservation_drop(struct scsi_unit *unit, uint64_t initiator)
{
    uint32_t now = atomic_load(&unit->reservation), none;

    do {
        if (scsi_reservation_type(now) != SCSI_RESERVED ||
            (initiator && atomic_load(&unit->reserver) != initiator))
            return;
        none = (now >> SCSI_RESERVATION_CHANGE_SHIFT) + 1;
        none <<= SCSI_RESERVATION_CHANGE_SHIFT;
    } while (!atomic_compare_exchange_weak(&unit->reservation, &now, none));
}

void scsi_nexus_end(struct scsi_nexus *nexus, struct scsi_unit *unit)
{
    scsi_reservation_drop(unit, nexus->initiator);
}

static bool is_anybody_registered(const struct scsi_unit *unit)
{
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++)
        if (atomic_load(&unit->registrations[i].state) & SCSI_REGISTERED)
            return true;
    return false;
}

enum scsi_step scsi_reserve(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    bool reserved;

    if (!task->phase)
        return scsi_ask(task, SCSI_ENTER, 1);
    reserved = scsi_reservation_type(atomic_load(&unit->reservation)) == SCSI_RESERVED;
    if (is_anybody_registered(unit) ||
        (reserved && atomic_load(&unit->reserver) != task->nexus->initiator))
        return scsi_fail_conflict(task);
    atomic_store(&unit->reserver, task->nexus->initiator);
    scsi_reservation_set(unit, SCSI_RESERVED, 0);
    return scsi_finish(task);
}

/* From a nexus that does not hold it, RELEASE is GOOD and does nothing. */
enum scsi_step scsi_release(struct scsi_task *task)
{
    if (!task->phase)
        return scsi_ask(task, SCSI_ENTER, 1);
    if (is_anybody_registered(task->unit))
        return scsi_fail_conflict(task);
    scsi_reservation_drop(task->unit, task->nexus->initiator);
    return scsi_finish(task);
}
