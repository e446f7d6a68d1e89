/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Room for data, and who gets it when.
 *
 * There are two kinds. ROOM_WINDOW is for data that comes unasked: a place in the command window is
 * offered only with room for it, so nothing that was offered is ever refused. ROOM_TRANSFER is for
 * all other data: a command for which there is none waits, before its R2T or its read, in the order
 * of its session. Sessions that wait get room by turns.
 *
 * A session has room of its own that nobody else can take. Room beyond that is limited for the
 * session, for its peer and for all together.
 */

#include <string.h>

#include "doors/iscsi/iscsi.h"

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

static bool has_room(const struct session *session, enum room kind, uint32_t bytes)
{
    const struct iscsi_door *door = session->door;

    return is_sure(session, kind, bytes) || (is_allowed(session, kind, bytes) &&
            !door->room_wanted && door->room[kind] + bytes <= limits[kind].all);
}

bool room_take(struct session *session, enum room kind, uint32_t bytes)
{
    if (!has_room(session, kind, bytes))
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

/* The window has room for all of its data: it came with a place there. */
static bool is_covered(const struct command *command, uint32_t length)
{
    return command->unsolicited && buffer_length(length) <= command->session->burst;
}

static bool attach(struct command *command)
{
    struct scsi_task *task = &command->request.task;
    uint32_t length = (uint32_t)task->buffer_length;

    if (!room_buffer(command, is_covered(command, length) ? ROOM_WINDOW : ROOM_TRANSFER, length)) {
        command->fault = FAULT_NO_ROOM;
        return false;
    }
    command->vec = (struct scsi_vec){ command->buffer.base, length };
    task->data = &command->vec;
    task->data_count = 1;
    if (task->direction == SCSI_DATA_OUT) {
        command->state = COMMAND_RECEIVING;
        command->moved = command->received;
        command->moved_at = command->session->door->loop.now;
    } else {
        peer_works(&command->session->door->peers, command->session->peer, length);
    }
    return true;
}

bool room_is_idle(const struct session *session, uint32_t seconds)
{
    uint32_t now = session->door->loop.now;

    list_each(link, &session->active) {
        const struct command *command = list_entry(link, struct command, link);

        if (command->state == COMMAND_RECEIVING && now - command->moved_at >= seconds)
            return true;
    }
    return false;
}

/* Whether it may have its buffer now, as the first of its session that waits. */
static bool may_begin(const struct command *command)
{
    const struct scsi_task *task = &command->request.task;
    const struct session *session = command->session;
    uint32_t length = (uint32_t)task->buffer_length;

    if (command->buffer.length >= length || is_covered(command, length))
        return true;
    /* Data may be on its way into the buffer that it has. */
    if (command->unsolicited && command->buffer.base != NULL)
        return false;
    if (task->direction != SCSI_DATA_OUT && peer_is_busy(&session->door->peers, session->peer))
        return false;
    return has_room(session, ROOM_TRANSFER, buffer_length(length));
}

bool room_map(struct command *command)
{
    struct session *session = command->session;
    const struct scsi_task *task = &command->request.task;

    if (task->direction == SCSI_DATA_OUT)
        command->want = (uint32_t)task->buffer_length;
    if (list_empty(&session->waiting) && may_begin(command))
        return attach(command) && task->direction != SCSI_DATA_OUT;
    if (command->unsolicited && !room_for_unsolicited(command, command->want)) {
        command->fault = FAULT_NO_ROOM;
        return false;
    }
    command->state = COMMAND_WAITING;
    list_append(&session->waiting, &command->item.link);
    if (list_empty(&session->hungry))
        list_append(&session->door->hungry, &session->hungry);
    return false;
}

/* Notes why the first command of a session goes on waiting. */
static void note(struct session *session, const struct command *command)
{
    const struct scsi_task *task = &command->request.task;
    uint32_t bytes = buffer_length((uint32_t)task->buffer_length);

    if (task->direction != SCSI_DATA_OUT && peer_is_busy(&session->door->peers, session->peer))
        session->door->deferred = true;
    else if (!command->unsolicited && !is_sure(session, ROOM_TRANSFER, bytes) &&
        is_allowed(session, ROOM_TRANSFER, bytes))
        /* From now on others have what is theirs alone, or a long transfer would never begin. */
        session->door->room_wanted = true;
}

static void begin(struct command *command)
{
    struct session *session = command->session;

    list_remove(&command->item.link);
    if (!attach(command)) {
        command_refuse(command);
    } else if (command->state == COMMAND_RECEIVING) {
        data_out_progress(command);
    } else {
        command->state = COMMAND_RUNNING;
        spd_request_mapped(&command->request);
    }
    /* An ORDERED command may have waited for this one. */
    session->door->data_given_up = true;
}

void room_serve(struct iscsi_door *door)
{
    door->room_wanted = door->room_freed = door->deferred = false;
    /* Begins one command of a session, then one of the next, until all that are left must go on
     * waiting. Those stay at the head: they are the first in the next turn. */
    list_each(link, &door->hungry) {
        struct session *session = list_entry(link, struct session, hungry);
        struct command *first;

        if (list_empty(&session->waiting)) {
            list_remove(&session->hungry);
            continue;
        }
        first = list_entry(session->waiting.next, struct command, item.link);
        if (!may_begin(first)) {
            note(session, first);
            continue;
        }
        list_remove(&session->hungry);
        list_append(&door->hungry, &session->hungry);
        begin(first);
    }
}
