/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/command_pool.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/session.h"
#include "lib/door.h"
#include "scsi/be.h"

void iscsi_command_end(struct iscsi_command *command)
{
    struct iscsi_session *session = command->session;

    if (command->release)
        spd_request_release(&command->request);
    if (session->connection)
        iscsi_receive_forget(&session->connection->rx, command);
    iscsi_room_drop(command);
    session->windowed -= command->windowed;
    session->immediate -= (command->bhs[0] & ISCSI_IMMEDIATE) != 0;
    session->running--;
    if (session->barrier == command)
        session->barrier = NULL;
    if (!session->connection)
        session->door->sessions_ended = true;
    session->door->data_given_up |= iscsi_command_awaits_data(command);
    command->state = COMMAND_FREE;
    list_remove(&command->tag);
    list_remove(&command->link);
    /* At the head: its memory is still in the cache. */
    list_append(session->free.next, &command->link);
}

static void command_sent(struct iscsi_connection *c, struct iscsi_send_item *item)
{
    (void)c;
    iscsi_command_end(list_entry(item, struct iscsi_command, item));
}

static bool grow(struct iscsi_session *session)
{
    uint32_t first = session->command_count;
    struct iscsi_command *chunk;

    if (first >= session->command_most)
        return false;
    chunk = calloc(ISCSI_COMMANDS_CHUNK, sizeof *chunk);
    if (!chunk)
        return false;
    session->chunks[first / ISCSI_COMMANDS_CHUNK] = chunk;
    for (; session->command_count < first + ISCSI_COMMANDS_CHUNK &&
        session->command_count < session->command_most; session->command_count++) {
        struct iscsi_command *command = iscsi_command_at(session, session->command_count);

        command->session = session;
        command->index = (uint16_t)session->command_count;
        list_init(&command->item.link);
        command->item.sent = command_sent;
        list_append(&session->free, &command->link);
    }
    return true;
}

bool iscsi_command_pool_make(struct iscsi_session *session)
{
    uint32_t chunks;

    /* One more than can be under way: a command whose last byte is being sent still has its place
     * here when the initiator already sees the window open. */
    session->command_most = session->depth + ISCSI_IMMEDIATE_MAX + 1;
    chunks = (session->command_most + ISCSI_COMMANDS_CHUNK - 1) / ISCSI_COMMANDS_CHUNK;
    session->chunks = calloc(chunks, sizeof(struct iscsi_command *));
    session->held = calloc(session->depth, sizeof(struct iscsi_command *));
    session->tags = calloc(SESSION_TAGS, sizeof *session->tags);
    if (!session->chunks || !session->held || !session->tags)
        return false;
    for (uint32_t i = 0; i < SESSION_TAGS; i++)
        list_init(&session->tags[i]);
    return grow(session);
}

void iscsi_command_pool_free(struct iscsi_session *session)
{
    for (uint32_t i = 0; i < session->command_count; i += ISCSI_COMMANDS_CHUNK)
        free(session->chunks[i / ISCSI_COMMANDS_CHUNK]);
    free(session->chunks);
    free(session->held);
    free(session->tags);
}

struct iscsi_command *iscsi_command_new(
    struct iscsi_session *session, const uint8_t *bhs, uint32_t length)
{
    bool immediate = bhs[0] & ISCSI_IMMEDIATE;
    struct iscsi_command *command;

    if (!session->chunks || (immediate && session->immediate == ISCSI_IMMEDIATE_MAX))
        return NULL;
    if (list_empty(&session->free) && !grow(session))
        return NULL;
    command = list_entry(session->free.next, struct iscsi_command, link);
    list_remove(&command->link);
    list_append(&session->active, &command->link);
    /* At the head, for iscsi_command_find(). */
    list_append(iscsi_command_tags(session, be32_get(bhs + BHS_ITT))->next, &command->tag);
    session->running++;
    session->immediate += immediate;
    command->state = COMMAND_RUNNING;
    command->aborted = false;
    command->unsolicited = length > 0 || !(bhs[BHS_FLAGS] & ISCSI_FINAL);
    command->fault = FAULT_NONE;
    command->done = false;
    command->release = false;
    command->windowed = false;
    command->want = 0;
    command->received = 0;
    command->burst_end = 0;
    command->ttt = ISCSI_NO_TAG;
    command->r2t_sn = 0;
    command->data_sn = 0;
    command->sent = 0;
    memcpy(command->bhs, bhs, ISCSI_BHS);
    return command;
}

