/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * There are two kinds of room. ROOM_WINDOW is for data that comes unasked: a place in the command
 * window is offered only with room for it, so an offered place is never refused.
 * ROOM_TRANSFER is for all other data: a command for which there is none waits (transfer.c).
 *
 * A session has room of its own that nobody else can take. Room beyond that is limited for the
 * session, for its peer and for all together. Each loop of a portal has a part of the latter, since
 * a count that all loops share would slow down every command. The units of a target divide a
 * session's room for transfers. So a unit whose device gives nothing back does not shut the others
 * out.
 */

#include "doors/iscsi/nexus.h"
#include "doors/iscsi/room.h"

#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"

static const struct {
    uint32_t sure;    /* for each session, whatever others take */
    uint32_t session; /* at most; beyond the session's own room these count together with it */
    uint32_t all;     /* for all loops; a peer has at most half of a loop's part */
} limits[ROOMS] = {
    [ROOM_WINDOW] = { ISCSI_SESSION_WINDOW_SURE, ISCSI_WINDOW_MAX / 2, ISCSI_WINDOW_MAX },
    [ROOM_TRANSFER] = { ISCSI_SESSION_DATA_SURE, ISCSI_SESSION_DATA_MAX, ISCSI_DATA_MAX },
};

void iscsi_room_init(struct iscsi_portal *portal, uint32_t threads)
{
    for (unsigned i = 0; i < ROOMS; i++) {
        uint32_t part = limits[i].all / threads;

        portal->room_most[i] = part < ISCSI_LOOP_ROOM_MIN ? ISCSI_LOOP_ROOM_MIN : part;
    }
}

static void count(struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes)
{
    session->room[kind] += bytes;
    session->peer->room[kind] += bytes;
    session->portal->room[kind] += bytes;
}

void iscsi_room_give(struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes)
{
    count(session, kind, 0 - bytes);
    session->portal->room_freed = true;
}

static bool is_sure(const struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes)
{
    return session->room[kind] + bytes <= limits[kind].sure;
}

/* Within the session's and its peer's limits. */
static bool is_allowed(const struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes)
{
    return session->room[kind] + bytes <= limits[kind].session &&
        session->peer->room[kind] + bytes <= session->portal->room_most[kind] / 2;
}

/* Beyond what is sure. */
static bool has_shared(const struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes)
{
    const struct iscsi_portal *portal = session->portal;

    return is_allowed(session, kind, bytes) && !portal->room_wanted &&
        portal->room[kind] + bytes <= portal->room_most[kind];
}

/* A unit's part of the session's room. */
static uint32_t part(const struct iscsi_nexus *nexus, uint32_t whole)
{
    return whole / nexus->session->nexus_count;
}

static bool is_sure_for(const struct iscsi_nexus *nexus, uint32_t bytes)
{
    return is_sure(nexus->session, ROOM_TRANSFER, bytes) ||
        nexus->room + bytes <= part(nexus, limits[ROOM_TRANSFER].sure);
}

/* The first command of a unit may be longer than its part. */
static bool is_in_part(const struct iscsi_nexus *nexus, uint32_t bytes)
{
    return nexus->room == 0 ||
        nexus->room + bytes <= part(nexus, limits[ROOM_TRANSFER].session);
}

bool iscsi_room_is_shared(const struct iscsi_nexus *nexus, uint32_t bytes)
{
    return !is_sure_for(nexus, bytes) && is_in_part(nexus, bytes) &&
        is_allowed(nexus->session, ROOM_TRANSFER, bytes);
}

bool iscsi_room_take(struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes)
{
    if (!is_sure(session, kind, bytes) && !has_shared(session, kind, bytes))
        return false;
    count(session, kind, bytes);
    return true;
}

/* A larger buffer with the data that has come so far. */
bool iscsi_room_buffer(struct iscsi_command *command, enum iscsi_room kind, uint32_t length)
{
    struct iscsi_session *session = command->session;
    struct iscsi_buffer grown;

    if (command->buffer.length >= length)
        return true;
    grown = iscsi_buffer_get(&session->portal->pool, length);
    if (!grown.base)
        return false;
    if (command->received > 0)
        memcpy(grown.base, command->buffer.base, command->received);
    iscsi_room_drop(command);
    command->buffer = grown;
    command->room = (uint8_t)kind;
    count(session, kind, grown.length);
    if (kind == ROOM_TRANSFER && command->nexus)
        command->nexus->room += grown.length;
    return true;
}

void iscsi_room_drop(struct iscsi_command *command)
{
    if (!command->buffer.base)
        return;
    iscsi_room_give(command->session, command->room, command->buffer.length);
    if (command->room == ROOM_TRANSFER && command->nexus)
        command->nexus->room -= command->buffer.length;
    iscsi_buffer_put(&command->session->portal->pool, &command->buffer);
}

/* RFC 7143 13.14: bytes that may come before an R2T. */
bool iscsi_room_for_unsolicited(struct iscsi_command *command, uint32_t length)
{
    uint32_t burst = command->session->params.first_burst;

    return iscsi_room_buffer(command, ROOM_WINDOW, length < burst ? length : burst);
}

/* The window has room for all of its data: it came with a place there. */
static bool is_covered(const struct iscsi_command *command, uint32_t length)
{
    return command->unsolicited && iscsi_buffer_length(length) <= command->session->burst;
}

bool iscsi_room_attach(struct iscsi_command *command)
{
    struct scsi_task *task = &command->request.task;
    uint32_t length = (uint32_t)task->buffer_length;

    if (!iscsi_room_buffer(
            command, is_covered(command, length) ? ROOM_WINDOW : ROOM_TRANSFER, length)) {
        command->fault = FAULT_NO_ROOM;
        return false;
    }
    command->vec = (struct scsi_vec){ command->buffer.base, length };
    task->data = &command->vec;
    task->data_count = 1;
    if (task->direction == SCSI_DATA_OUT) {
        command->state = COMMAND_RECEIVING;
        command->moved = command->received;
        command->moved_at = command->session->portal->loop.now;
    } else {
        iscsi_peer_works(&command->session->portal->peers, command->session->peer, length);
    }
    return true;
}

bool iscsi_room_is_idle(const struct iscsi_session *session, uint32_t seconds)
{
    uint32_t now = session->portal->loop.now;

    list_each(link, &session->active) {
        const struct iscsi_command *command = list_entry(link, struct iscsi_command, link);

        if (command->state == COMMAND_RECEIVING && now - command->moved_at >= seconds)
            return true;
    }
    return false;
}

/* Whether it may have its buffer now, as the first waiting command of its nexus. */
bool iscsi_room_may_begin(const struct iscsi_command *command)
{
    const struct scsi_task *task = &command->request.task;
    const struct iscsi_session *session = command->session;
    uint32_t length = (uint32_t)task->buffer_length;

    if (command->buffer.length >= length || is_covered(command, length))
        return true;
    /* Data may be on its way into the buffer that it has. */
    if (command->unsolicited && command->buffer.base)
        return false;
    if (task->direction != SCSI_DATA_OUT &&
        iscsi_peer_is_busy(&session->portal->peers, session->peer))
        return false;
    length = iscsi_buffer_length(length);
    return is_in_part(command->nexus, length) && (is_sure_for(command->nexus, length) ||
            has_shared(session, ROOM_TRANSFER, length));
}

bool iscsi_room_map(struct iscsi_command *command)
{
    struct iscsi_nexus *nexus = command->nexus;
    const struct scsi_task *task = &command->request.task;

    if (task->direction == SCSI_DATA_OUT)
        command->want = (uint32_t)task->buffer_length;
    if (list_empty(&nexus->waiting) && iscsi_room_may_begin(command))
        return iscsi_room_attach(command) && task->direction != SCSI_DATA_OUT;
    if (command->unsolicited && !iscsi_room_for_unsolicited(command, command->want)) {
        command->fault = FAULT_NO_ROOM;
        return false;
    }
    command->state = COMMAND_WAITING;
    list_append(&nexus->waiting, &command->item.link);
    if (list_empty(&nexus->hungry))
        list_append(&command->session->portal->hungry, &nexus->hungry);
    return false;
}
