/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/claim.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/task.h"
#include "lib/door.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

/* Whatever the session was at can no longer change the medium. */
static void leave(struct iscsi_session *session)
{
    session->left = true;
    scsi_nexus_end(&session->nexus, spd_unit_scsi(session->door->base.unit));
}

static void session_free(struct iscsi_session *session)
{
    list_remove(&session->link);
    list_remove(&session->hungry);
    if (session->ended)
        iscsi_peer_count_ended(session->door, session->peer, -1);
    iscsi_peer_leave(session->peer);
    iscsi_claim_keep(session);
    iscsi_command_pool_free(session);
    free(session);
}

static bool tsih_taken(struct iscsi_door *door, uint16_t tsih)
{
    list_each(link, &door->sessions)
        if (list_entry(link, struct iscsi_session, link)->tsih == tsih)
            return true;
    return false;
}

struct iscsi_session *iscsi_session_new(
    struct iscsi_connection *c, const struct iscsi_params *params)
{
    struct iscsi_door *door = c->door;
    struct iscsi_session *session = calloc(1, sizeof *session);

    if (!session)
        return NULL;
    session->door = door;
    session->began = door->loop.now;
    session->peer = c->peer;
    session->peer->users++;
    session->params = *params;
    session->depth = spd_unit_params_here(door->base.unit)->queue_depth;
    scsi_nexus_init(&session->nexus, spd_unit_scsi(door->base.unit), &door->port);
    list_init(&session->free);
    list_init(&session->active);
    list_init(&session->waiting);
    list_init(&session->hungry);
    if (!params->discovery && (params->immediate_data || !params->initial_r2t))
        session->burst = iscsi_buffer_length(params->first_burst);
    do
        session->tsih = ++door->next_tsih; /* 0 means none (RFC 7143 11.13.3) */
    while (session->tsih == 0 || tsih_taken(door, session->tsih));
    list_append(&door->sessions, &session->link);
    if (!params->discovery && !iscsi_command_pool_make(session)) {
        session_free(session);
        return NULL;
    }
    atomic_fetch_add(&door->base.nexuses, !params->discovery);
    return session;
}

/* The initiator port is name and ISID (SPC-4 7.6.4.6). */
void iscsi_session_name(struct iscsi_session *session, const char *initiator, const uint8_t isid[6])
{
    enum { HEADER = 4, FORMAT_WITH_ISID = 0x40, ISCSI = 0x05 };
    uint8_t *id = session->transport_id;
    int length;

    strcpy(session->initiator, initiator);
    memcpy(session->isid, isid, 6);
    length = snprintf((char *)id + HEADER, sizeof session->transport_id - HEADER,
        "%s,i,0x%02x%02x%02x%02x%02x%02x", initiator, isid[0], isid[1], isid[2], isid[3], isid[4],
        isid[5]);
    length = (length + 1 + 3) & ~3; /* with its NUL; the session was zeroed */
    id[0] = FORMAT_WITH_ISID | ISCSI;
    be16_put(id + 2, (uint16_t)length);
    scsi_nexus_name(&session->nexus, id, (uint16_t)(HEADER + length));
}

static void discard(struct iscsi_command *command)
{
    if (command->state == COMMAND_HELD || (command->state != COMMAND_FREE && !command->aborted))
        iscsi_command_abort(command);
}

void iscsi_session_end(struct iscsi_session *session)
{
    session->connection = NULL;
    if (!session->params.discovery) {
        session->ended = true;
        iscsi_peer_count_ended(session->door, session->peer, 1);
        atomic_fetch_sub(&session->door->base.nexuses, 1);
    }
    iscsi_task_forget(session);
    iscsi_room_give(session, ROOM_WINDOW,
        (session->max_cmd_sn + 1 - session->exp_cmd_sn) * session->burst);
    session->burst = 0;
    /* By index: ending one command may end others, which the unit had parked behind it. */
    for (uint32_t i = 0; i < session->command_count; i++)
        discard(iscsi_command_at(session, i));
    session->door->sessions_ended = true;
}

/* A discovery session is no I_T nexus, so there is nothing to reinstate. */
static bool is_named(const struct iscsi_session *session, const char *initiator)
{
    return !session->params.discovery && strcmp(session->initiator, initiator) == 0;
}

uint32_t iscsi_session_count(const struct iscsi_door *door, const char *initiator)
{
    uint32_t count = 0;

    list_each(link, &door->sessions) {
        const struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        count += !session->left && is_named(session, initiator);
    }
    return count;
}

bool iscsi_session_is(
    const struct iscsi_session *session, const char *initiator, const uint8_t isid[6])
{
    return is_named(session, initiator) && memcmp(session->isid, isid, 6) == 0;
}

struct iscsi_session *iscsi_session_find(
    struct iscsi_door *door, const char *initiator, const uint8_t isid[6])
{
    list_each(link, &door->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection && iscsi_session_is(session, initiator, isid))
            return session;
    }
    return NULL;
}

void iscsi_session_reap(struct iscsi_door *door)
{
    door->sessions_ended = false;
    list_each(link, &door->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection)
            continue;
        if (!session->left && !iscsi_task_any_changes(session))
            leave(session);
        if (session->running == 0)
            session_free(session);
    }
}
