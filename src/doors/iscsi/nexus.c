/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/nexus.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "scsi/scsi.h"

struct iscsi_nexus *iscsi_nexus_new(struct iscsi_session *session, struct iscsi_door *door)
{
    struct iscsi_nexus *nexus = calloc(1, sizeof *nexus);

    if (!nexus)
        return NULL;
    nexus->session = session;
    nexus->door = door;
    nexus->depth = spd_unit_params_here(door->base.unit)->queue_depth;
    scsi_nexus_init(&nexus->scsi, spd_unit_scsi(door->base.unit), door->target->port);
    scsi_nexus_name(&nexus->scsi, session->transport_id, session->transport_id_length);
    list_init(&nexus->waiting);
    list_init(&nexus->hungry);
    nexus->counted = true;
    atomic_fetch_add(&door->base.nexuses, 1);
    session->nexuses[door->lun] = nexus;
    session->nexus_count++;
    return nexus;
}

void iscsi_nexus_free(struct iscsi_nexus *nexus)
{
    struct iscsi_session *session = nexus->session;

    iscsi_nexus_uncount(nexus);
    list_remove(&nexus->hungry);
    session->nexuses[nexus->door->lun] = NULL;
    session->nexus_count--;
    free(nexus);
}

void iscsi_nexus_uncount(struct iscsi_nexus *nexus)
{
    if (nexus->counted)
        atomic_fetch_sub(&nexus->door->base.nexuses, 1);
    nexus->counted = false;
}

void iscsi_nexus_lose(struct iscsi_nexus *nexus)
{
    if (!nexus->lost)
        scsi_nexus_end(&nexus->scsi, spd_unit_scsi(nexus->door->base.unit));
    nexus->lost = true;
}

void iscsi_nexus_leave(struct iscsi_command *command)
{
    struct iscsi_nexus *nexus = command->nexus;

    if (command->buffer.base && command->room == ROOM_TRANSFER)
        nexus->room -= command->buffer.length;
    if (nexus->barrier == command) {
        nexus->barrier = NULL;
        nexus->session->barriers--;
    }
    nexus->running--;
    nexus->windowed -= command->windowed;
    if (nexus->door->leaving)
        nexus->session->portal->units_left = true;
    command->nexus = NULL;
}

struct iscsi_nexus *iscsi_nexus_find(const struct iscsi_session *session, const uint8_t *lun)
{
    uint64_t number = scsi_lun_decode(lun) >> 48;

    struct iscsi_nexus *nexus = number < ISCSI_LUNS ? session->nexuses[number] : NULL;

    return nexus && !nexus->door->leaving ? nexus : NULL;
}

struct iscsi_nexus *iscsi_nexus_first(const struct iscsi_session *session)
{
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (session->nexuses[i] && !session->nexuses[i]->door->leaving)
            return session->nexuses[i];
    return NULL;
}

void iscsi_nexus_luns_changed(struct iscsi_session *session)
{
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (session->nexuses[i])
            scsi_nexus_attention(&session->nexuses[i]->scsi,
                spd_unit_scsi(session->nexuses[i]->door->base.unit), SCSI_UA_LUNS);
}

/* SPC-4 6.33: then no unit of the target reports it any more. */
void iscsi_nexus_luns_reported(struct iscsi_session *session)
{
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (session->nexuses[i])
            scsi_nexus_forget(&session->nexuses[i]->scsi,
                spd_unit_scsi(session->nexuses[i]->door->base.unit), SCSI_UA_LUNS);
}
