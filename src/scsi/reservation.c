/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Applies reservations (SPC-4 5.13) to other commands. The commands that make and break persistent
 * ones are in persistent_out.c. The older RESERVE and RELEASE (SPC-2 5.5) are in reserve.c; their
 * reservations end with the nexus.
 *
 * Reservations change only in an exclusive task, but every command reads them when it begins,
 * perhaps meanwhile. So the reservation is one atomic word, and commands read only `initiator` and
 * `state` of a registration. A command that then waits is checked again when nothing exclusive runs
 * any more (scsi_readmit). So a command that was preempted before never reaches the medium.
 */

#include "scsi/internal.h"

/* FNV-1a. The hash need not withstand a forger: an initiator that chooses its name may as well take
 * another's. */
static uint64_t hash(uint64_t value, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    while (length--)
        value = (value ^ *at++) * UINT64_C(0x100000001b3);
    return value;
}

void scsi_nexus_name(struct scsi_nexus *nexus, const uint8_t *transport_id, uint16_t length)
{
    uint64_t value = hash(UINT64_C(0xcbf29ce484222325), &nexus->port, sizeof nexus->port);

    value = hash(value, transport_id, length);
    nexus->transport_id = transport_id;
    nexus->transport_id_length = length;
    nexus->initiator = value ? value : 1; /* 0 is nobody */
}

struct scsi_registration *scsi_registration_find(
    struct scsi_unit *unit, const struct scsi_nexus *nexus)
{
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++)
        if (atomic_load(&unit->registrations[i].initiator) == nexus->initiator)
            return &unit->registrations[i];
    return NULL;
}

bool scsi_initiator_registered(struct scsi_unit *unit, uint64_t initiator)
{
    const struct scsi_nexus nexus = { .initiator = initiator };
    const struct scsi_registration *own = scsi_registration_find(unit, &nexus);

    return own && (atomic_load(&own->state) & SCSI_REGISTERED);
}

static bool is_write_exclusive(uint8_t type)
{
    return type == SCSI_WRITE_EXCLUSIVE || type == SCSI_WRITE_EXCLUSIVE_REGISTRANTS_ONLY ||
        type == SCSI_WRITE_EXCLUSIVE_ALL_REGISTRANTS;
}

/* The row's flags for initiators that have no part in the reservation. */
static bool is_allowed_to_all(const struct scsi_task *task, uint8_t type)
{
    const struct scsi_row *row = task->row;
    unsigned allowed = type == SCSI_RESERVED ? SCSI_ROW_ALLOWED_RESERVED
        : is_write_exclusive(type) ? SCSI_ROW_ALLOWED_WE : SCSI_ROW_ALLOWED_EA;

    if (row->flags & allowed)
        return true;
    return ((row->flags & SCSI_ROW_ALLOWED_START) && (task->cdb[4] & 0x01)) ||
        ((row->flags & SCSI_ROW_ALLOWED_ZERO) && !task->cdb[4]);
}

SCSI_COLD bool scsi_reservation_conflict(const struct scsi_task *task, uint32_t reservation)
{
    struct scsi_unit *unit = task->unit;
    uint8_t type = scsi_reservation_type(reservation);
    const struct scsi_registration *own;

    if (!type || is_allowed_to_all(task, type))
        return false;
    if (type == SCSI_RESERVED)
        return atomic_load(&unit->reserver) != task->nexus->initiator;
    own = scsi_registration_find(unit, task->nexus);
    if (!own || !(atomic_load(&own->state) & SCSI_REGISTERED))
        return true;
    /* Only the holder has a part in the plain types; all registered nexuses have a part in the
     * others. */
    if (type != SCSI_WRITE_EXCLUSIVE && type != SCSI_EXCLUSIVE_ACCESS)
        return false;
    return (size_t)(own - unit->registrations) !=
        (reservation >> SCSI_RESERVATION_HOLDER_SHIFT) % SCSI_REGISTRATIONS;
}

enum scsi_step scsi_fail_conflict(struct scsi_task *task)
{
    return scsi_fail_outcome(task, &(struct scsi_outcome){ .status = SCSI_RESERVATION_CONFLICT });
}

/* Whether a word is that of a later change. */
static bool is_later(uint32_t reservation, uint32_t than)
{
    uint32_t changes = (reservation >> SCSI_RESERVATION_CHANGE_SHIFT) -
        (than >> SCSI_RESERVATION_CHANGE_SHIFT);

    return (int32_t)(changes << SCSI_RESERVATION_CHANGE_SHIFT) > 0;
}

SCSI_COLD bool scsi_readmit(struct scsi_task *task, struct scsi_outcome *outcome)
{
    uint32_t reservation = atomic_load(&task->unit->reservation);
    const struct scsi_registration *own;

    /* Commands that do not touch the medium were asked once, and do not wait for exclusive ones. */
    if (!task->medium && !task->exclusive)
        return true;
    own = scsi_registration_find(task->unit, task->nexus);
    /* Aborted by PREEMPT AND ABORT: with TAS = 0 by a unit attention (SAM-5 5.6), COMMANDS CLEARED
     * BY ANOTHER INITIATOR. */
    if (own && own->aborted && is_later(own->aborted, task->reservation)) {
        *outcome = (struct scsi_outcome){
            .status = SCSI_CHECK_CONDITION, .sense_key = 0x6, .asc = 0x2f };
        return false;
    }
    if (scsi_reservation_conflict(task, reservation)) {
        *outcome = (struct scsi_outcome){ .status = SCSI_RESERVATION_CONFLICT };
        return false;
    }
    task->reservation = reservation;
    return true;
}

bool scsi_registration_attention(struct scsi_unit *unit, const struct scsi_nexus *nexus,
    uint8_t code[2])
{
    struct scsi_registration *own = scsi_registration_find(unit, nexus);
    uint32_t state, bit;

    if (!own)
        return false;
    state = atomic_load(&own->state);
    do {
        /* If the place went to another initiator meanwhile, its state differs. */
        if (atomic_load(&own->initiator) != nexus->initiator ||
            !(state & SCSI_REGISTRATION_ATTENTIONS))
            return false;
        bit = SCSI_RESERVATIONS_PREEMPTED;
        code[0] = 0x2a;
        code[1] = 0x03;
        for (; !(state & bit); bit <<= 1)
            code[1]++;
    } while (!atomic_compare_exchange_weak(&own->state, &state, state & ~bit));
    return true;
}
