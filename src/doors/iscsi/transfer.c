/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * When a command gets the room for its data.
 *
 * A command for which there is none waits, before its R2T or its read, in the order of its session.
 * Sessions that wait get room by turns.
 */

#include "doors/iscsi/transfer.h"

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/progress.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/session.h"
#include "lib/door.h"
#include "scsi/scsi.h"

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

bool transfer_is_idle(const struct session *session, uint32_t seconds)
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
    return room_is_there(session, ROOM_TRANSFER, buffer_length(length));
}

bool transfer_map(struct command *command)
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
    else if (!command->unsolicited && room_is_shared(session, ROOM_TRANSFER, bytes))
        /* From now on others have what is theirs alone, or a long transfer would never begin. */
        session->door->room_wanted = true;
}

static void begin(struct command *command)
{
    struct session *session = command->session;

    list_remove(&command->item.link);
    if (!attach(command)) {
        progress_refuse(command);
    } else if (command->state == COMMAND_RECEIVING) {
        progress(command);
    } else {
        command->state = COMMAND_RUNNING;
        spd_request_mapped(&command->request);
    }
    /* An ORDERED command may have waited for this one. */
    session->door->data_given_up = true;
}

void transfer_serve(struct iscsi_door *door)
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
