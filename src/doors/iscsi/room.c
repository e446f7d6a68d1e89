/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * There are two kinds of room. ROOM_WINDOW is for data that comes unasked: a place in the command
 * window is offered only with room for it, so nothing that was offered is ever refused.
 * ROOM_TRANSFER is for all other data: a command for which there is none waits (transfer.c).
 *
 * A session has room of its own that nobody else can take. Room beyond that is limited for the
 * session, for its peer and for all together.
 */

#include "doors/iscsi/room.h"

#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/session.h"

static const struct {
    uint32_t sure;    /* of each session, whatever others take */
    uint32_t session; /* at most; beyond what is sure these count together with it */
    uint32_t peer;
    uint32_t all;
} limits[ROOMS] = {
    [ROOM_WINDOW] = { ISCSI_SESSION_WINDOW_SURE, ISCSI_WINDOW_MAX / 2, ISCSI_WINDOW_MAX / 2,
        ISCSI_WINDOW_MAX },
    [ROOM_TRANSFER] = { ISCSI_SESSION_DATA_SURE, ISCSI_SESSION_DATA_MAX, ISCSI_DATA_MAX / 2,
        ISCSI_DATA_MAX },
};

static void count(struct session *session, enum room kind, uint32_t bytes)
{
    session->room[kind] += bytes;
    session->peer->room[kind] += bytes;
    session->door->room[kind] += bytes;
}

void room_give(struct session *session, enum room kind, uint32_t bytes)
{
    count(session, kind, 0 - bytes);
    session->door->room_freed = true;
}

static bool is_sure(const struct session *session, enum room kind, uint32_t bytes)
{
    return session->room[kind] + bytes <= limits[kind].sure;
}

/* Within the session's and its peer's limits. */
static bool is_allowed(const struct session *session, enum room kind, uint32_t bytes)
{
    return session->room[kind] + bytes <= limits[kind].session &&
        session->peer->room[kind] + bytes <= limits[kind].peer;
}

bool room_is_there(const struct session *session, enum room kind, uint32_t bytes)
{
    const struct iscsi_door *door = session->door;

    return is_sure(session, kind, bytes) || (is_allowed(session, kind, bytes) &&
            !door->room_wanted && door->room[kind] + bytes <= limits[kind].all);
}

bool room_is_shared(const struct session *session, enum room kind, uint32_t bytes)
{
    return !is_sure(session, kind, bytes) && is_allowed(session, kind, bytes);
}

bool room_take(struct session *session, enum room kind, uint32_t bytes)
{
    if (!room_is_there(session, kind, bytes))
        return false;
    count(session, kind, bytes);
    return true;
}

/* A greater buffer with the data that has come so far. */
bool room_buffer(struct command *command, enum room kind, uint32_t length)
{
    struct session *session = command->session;
    struct buffer grown;

    if (command->buffer.length >= length)
        return true;
    if (!buffer_get(&session->door->pool, length, &grown))
        return false;
    if (command->received > 0)
        memcpy(grown.base, command->buffer.base, command->received);
    room_drop(command);
    command->buffer = grown;
    command->room = (uint8_t)kind;
    count(session, kind, grown.length);
    return true;
}

void room_drop(struct command *command)
{
    if (command->buffer.base == NULL)
        return;
    room_give(command->session, command->room, command->buffer.length);
    buffer_put(&command->session->door->pool, &command->buffer);
}

/* RFC 7143 13.14: what may come before an R2T. */
bool room_for_unsolicited(struct command *command, uint32_t length)
{
    uint32_t burst = command->session->params.first_burst;

    return room_buffer(command, ROOM_WINDOW, length < burst ? length : burst);
}

