/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* PERSISTENT RESERVE IN (SPC-4 5.13). No exclusive task runs beside it, so nothing changes
 * meanwhile. */

#include "scsi/internal.h"

enum { HEADER = 8 };

static bool is_registered(const struct scsi_registration *registration)
{
    return atomic_load(&registration->state) & SCSI_REGISTERED;
}

/* PRGENERATION and ADDITIONAL LENGTH; returns the whole length. */
static uint32_t put_header(const struct scsi_unit *unit, uint8_t *reply, uint32_t additional)
{
    be32_put(reply, unit->registration_changes);
    be32_put(reply + 4, additional);
    return HEADER + additional;
}

enum scsi_step scsi_read_keys(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_unit *unit = task->unit;
    uint32_t length = 0;

    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++) {
        if (!is_registered(&unit->registrations[i]))
            continue;
        be64_put(reply + HEADER + length, unit->registrations[i].key);
        length += 8;
    }
    return scsi_reply(task, put_header(unit, reply, length));
}

static unsigned holder_of(uint32_t reservation)
{
    return (reservation >> SCSI_RESERVATION_HOLDER_SHIFT) % SCSI_REGISTRATIONS;
}

/* The key is 0 if all registrants hold the reservation. */
enum scsi_step scsi_read_reservation(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_unit *unit = task->unit;
    uint32_t reservation = atomic_load(&unit->reservation);
    uint8_t type = scsi_persistent_type(reservation);

    if (!type)
        return scsi_reply(task, put_header(unit, reply, 0));
    if (!scsi_all_registrants(type))
        be64_put(reply + HEADER, unit->registrations[holder_of(reservation)].key);
    reply[HEADER + 13] = type; /* SCOPE 0: the logical unit */
    return scsi_reply(task, put_header(unit, reply, 16));
}

enum scsi_step scsi_report_capabilities(struct scsi_task *task, uint8_t *reply)
{
    be16_put(reply, 8);
    reply[2] = 0x04; /* ATP_C, since the device has a single target port; no SIP_C, no PTPL_C */
    reply[3] = 0x80; /* TMV */
    be16_put(reply + 4, 0xea01); /* all six types */
    return scsi_reply(task, 8);
}

/* The TransportID of an initiator that has no name: no specific protocol. */
static const uint8_t nameless[24] = { 0x0f };

/* A full status descriptor; returns its length. The reply may be longer than the part that was
 * zeroed. */
static uint32_t put_full_status(const struct scsi_registration *registration, bool holder,
    uint8_t type, uint8_t *at)
{
    const uint8_t *id = registration->transport_id;
    uint32_t length = registration->transport_id_length;

    if (!length) {
        id = nameless;
        length = sizeof nameless;
    }
    memset(at, 0, 24);
    be64_put(at, registration->key);
    if (holder) {
        at[12] = 0x01; /* R_HOLDER */
        at[13] = type;
    }
    be16_put(at + 18, registration->port ? registration->port->relative_port : 0);
    be32_put(at + 20, length);
    memcpy(at + 24, id, length);
    return 24 + length;
}

enum scsi_step scsi_read_full_status(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_unit *unit = task->unit;
    uint32_t reservation = atomic_load(&unit->reservation);
    uint8_t type = scsi_persistent_type(reservation);
    uint32_t length = 0;

    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++) {
        bool holder = type && (scsi_all_registrants(type) || i == holder_of(reservation));

        if (is_registered(&unit->registrations[i]))
            length += put_full_status(
                &unit->registrations[i], holder, type, reply + HEADER + length);
    }
    return scsi_reply(task, put_header(unit, reply, length));
}
