/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/session.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/nexus.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/target.h"
#include "doors/iscsi/task.h"
#include "doors/iscsi/wire.h"
#include "lib/door.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

/* The session's tasks can no longer change the medium. */
static void leave(struct iscsi_session *session)
{
    session->left = true;
    iscsi_roster_let_go(session->entry);
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (session->nexuses[i])
            iscsi_nexus_lose(session->nexuses[i]);
}

static void free_nexuses(struct iscsi_session *session)
{
    for (unsigned i = 0; i < ISCSI_LUNS && session->nexus_count > 0; i++)
        if (session->nexuses[i]) {
            iscsi_roster_keep_claim(session->nexuses[i]);
            iscsi_nexus_free(session->nexuses[i]);
        }
}

static void session_free(struct iscsi_session *session)
{
    list_remove(&session->link);
    iscsi_peer_leave(session->peer);
    free_nexuses(session);
    iscsi_roster_leave(session->entry);
    iscsi_command_pool_free(session);
    session->portal->units_left = true;
    free(session);
}

/* The initiator port is name and ISID (SPC-4 7.6.4.6). */
static void name(struct iscsi_session *session, const char *initiator, const uint8_t isid[6])
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
    session->transport_id_length = (uint16_t)(HEADER + length);
}

bool iscsi_session_add(struct iscsi_session *session, struct iscsi_door *door)
{
    const struct iscsi_nexus *nexus = iscsi_nexus_new(session, door);

    return nexus && iscsi_command_pool_widen(session, nexus->depth);
}

static bool add_all(struct iscsi_session *session)
{
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (session->target->units[i] && !iscsi_session_add(session, session->target->units[i]))
            return false;
    return true;
}

struct iscsi_session *iscsi_session_new(
    struct iscsi_connection *c, const struct iscsi_login *login)
{
    struct iscsi_portal *portal = c->portal;
    struct iscsi_session *session = calloc(1, sizeof *session);
    const struct iscsi_params *params = &login->params;

    if (!session)
        return NULL;
    session->portal = portal;
    session->target = login->target;
    session->began = portal->loop.now;
    session->peer = c->peer;
    session->peer->users++;
    session->params = *params;
    name(session, login->claims.initiator, login->isid);
    session->depth = params->discovery ? ISCSI_WINDOW_START : 0; /* each unit adds its own */
    list_init(&session->free);
    list_init(&session->active);
    if (!params->discovery && (params->immediate_data || !params->initial_r2t))
        session->burst = iscsi_buffer_length(params->first_burst);
    session->entry = c->entry;
    session->tsih = c->entry->tsih;
    c->entry = NULL;
    list_append(&portal->sessions, &session->link);
    if (!params->discovery && !(iscsi_command_pool_make(session) && add_all(session))) {
        session_free(session);
        return NULL;
    }
    return session;
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
        iscsi_roster_end(session->entry);
        for (unsigned i = 0; i < ISCSI_LUNS; i++)
            if (session->nexuses[i])
                iscsi_nexus_uncount(session->nexuses[i]);
    }
    iscsi_task_forget(session);
    iscsi_room_give(session, ROOM_WINDOW,
        (session->max_cmd_sn + 1 - session->exp_cmd_sn) * session->burst);
    session->burst = 0;
    /* It goes by index: the end of a command may end others, which the unit had parked behind
     * it. */
    for (uint32_t i = 0; i < session->command_count; i++)
        discard(iscsi_command_at(session, i));
    session->portal->sessions_ended = true;
}

/* A discovery session is no I_T nexus, so there is nothing to reinstate. */
static bool is_named(const struct iscsi_session *session, const char *initiator)
{
    return !session->params.discovery && strcmp(session->initiator, initiator) == 0;
}

bool iscsi_session_is(const struct iscsi_session *session, const struct iscsi_target *target,
    const char *initiator, const uint8_t isid[6])
{
    return session->target == target && is_named(session, initiator) &&
        memcmp(session->isid, isid, 6) == 0;
}

struct iscsi_session *iscsi_session_find(
    const struct iscsi_target *target, const char *initiator, const uint8_t isid[6])
{
    list_each(link, &target->portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection && iscsi_session_is(session, target, initiator, isid))
            return session;
    }
    return NULL;
}

void iscsi_session_reap(struct iscsi_portal *portal)
{
    portal->sessions_ended = false;
    list_each(link, &portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection)
            continue;
        if (!session->left && !iscsi_task_any_changes(session))
            leave(session);
        if (session->running == 0)
            session_free(session);
    }
}

void iscsi_session_drop_doomed(struct iscsi_portal *portal)
{
    struct iscsi_doom doom;

    if (!atomic_exchange(&portal->doomed, false))
        return;
    list_each(link, &portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection && iscsi_roster_is_doomed(session->entry, &doom))
            iscsi_wire_drop(session->connection, doom.ending, doom.detail);
    }
}
