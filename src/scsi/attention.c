/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Unit attentions (SAM-5 5.14), without a list of nexuses and without a lock.
 *
 * The unit counts how often each was raised, a nexus how many of them it has seen; it has one
 * pending while it is behind. `attention` counts all of them together, so that a command compares
 * one number when there is nothing to report, which is nearly always. Attentions about reservations
 * concern single nexuses: they wait in the registrations (reservation.c).
 */

#include "scsi/internal.h"

/* In the order in which they are reported: a reset explains what follows. A new nexus gets POWER
 * ON, RESET, OR BUS DEVICE RESET OCCURRED, and not POWER ON OCCURRED (SPC-4 table F.2). Both are
 * true, but initiators such as libiscsi's try again after the former only. */
static const uint8_t codes[SCSI_UA_COUNT][2] = {
    [SCSI_UA_POWER_ON] = { 0x29, 0x00 },
    [SCSI_UA_RESET] = { 0x29, 0x02 },
    [SCSI_UA_LUN_RESET] = { 0x29, 0x03 },
    [SCSI_UA_CAPACITY] = { 0x2a, 0x09 },
    [SCSI_UA_MODE] = { 0x2a, 0x01 },
    [SCSI_UA_CLEARED] = { 0x2f, 0x00 },
    [SCSI_UA_LUNS] = { 0x3f, 0x0e },
};

void scsi_nexus_init(struct scsi_nexus *nexus, struct scsi_unit *unit, const struct scsi_port *port)
{
    nexus->port = port;
    nexus->no_attentions = false;
    memset(nexus->flows, 0, sizeof nexus->flows);
    scsi_nexus_name(nexus, NULL, 0);
    for (unsigned i = 0; i < SCSI_UA_COUNT; i++) {
        uint32_t raised = unit ? atomic_load(&unit->attentions[i]) : 0;

        atomic_init(&nexus->attentions_seen[i], i == SCSI_UA_POWER_ON ? raised - 1 : raised);
    }
    atomic_init(&nexus->attention_seen, unit ? atomic_load(&unit->attention) - 1 : 0);
}

void scsi_unit_attention(struct scsi_unit *unit, enum scsi_attention attention,
    struct scsi_nexus *except)
{
    if (attention <= SCSI_UA_LUN_RESET) {
        atomic_store(&unit->mode, scsi_mode_default(&unit->params));
        scsi_reservation_drop(unit, 0);
    }
    /* The exempt nexus is first, so that it runs ahead and this attention never leaves it
     * behind. */
    if (except)
        atomic_fetch_add(&except->attentions_seen[attention], 1);
    atomic_fetch_add(&unit->attentions[attention], 1);
    atomic_fetch_add(&unit->attention, 1);
}

/* The sum last: a command that has looked at the nexus before looks again. */
void scsi_nexus_attention(struct scsi_nexus *nexus, struct scsi_unit *unit,
    enum scsi_attention attention)
{
    atomic_fetch_sub(&nexus->attentions_seen[attention], 1);
    atomic_fetch_add(&unit->attention, 1);
}

void scsi_nexus_forget(struct scsi_nexus *nexus, struct scsi_unit *unit,
    enum scsi_attention attention)
{
    atomic_store(&nexus->attentions_seen[attention], atomic_load(&unit->attentions[attention]));
}

static struct scsi_outcome attention(const uint8_t code[2])
{
    return (struct scsi_outcome){
        .status = SCSI_CHECK_CONDITION,
        .sense_key = 0x6,
        .asc = code[0],
        .ascq = code[1],
    };
}

bool scsi_attention_take(struct scsi_task *task, struct scsi_outcome *outcome)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_nexus *nexus = task->nexus;
    /* It is read before the single counters, so a later attention makes it differ again. */
    uint32_t all = atomic_load(&unit->attention);
    uint8_t code[2];

    for (unsigned i = 0; i < SCSI_UA_COUNT && !nexus->no_attentions; i++) {
        uint32_t raised = atomic_load(&unit->attentions[i]);
        uint32_t seen = atomic_load(&nexus->attentions_seen[i]);

        /* The exchange lets only one of several threads report it. */
        while ((int32_t)(raised - seen) > 0) {
            if (atomic_compare_exchange_weak(&nexus->attentions_seen[i], &seen, raised)) {
                *outcome = attention(codes[i]);
                return true;
            }
        }
    }
    if (!nexus->no_attentions && scsi_registration_attention(unit, nexus, code)) {
        *outcome = attention(code);
        return true;
    }
    atomic_store(&nexus->attention_seen, all);
    return false;
}
