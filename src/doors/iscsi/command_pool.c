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

void command_end(struct command *command)
{
    struct session *session = command->session;

    if (command->release)
        spd_request_release(&command->request);
    if (session->connection != NULL)
        receive_forget(&session->connection->rx, command);
    room_drop(command);
    session->windowed -= command->windowed;
    session->immediate -= (command->bhs[0] & ISCSI_IMMEDIATE) != 0;
    session->running--;
    if (session->barrier == command)
        session->barrier = NULL;
    if (session->connection == NULL)
        session->door->sessions_ended = true;
    session->door->data_given_up |= command_awaits_data(command);
    command->state = COMMAND_FREE;
    list_remove(&command->tag);
    list_remove(&command->link);
    /* At the head: its memory is still in the cache. */
    list_append(session->free.next, &command->link);
}

static void command_sent(struct connection *c, struct send_item *item)
{
    (void)c;
    command_end(list_entry(item, struct command, item));
}

static bool grow(struct session *session)
{
    uint32_t first = session->command_count;
    struct command *chunk;

    if (first >= session->command_most)
        return false;
    chunk = calloc(ISCSI_COMMANDS_CHUNK, sizeof(*chunk));
    if (chunk == NULL)
        return false;
    session->chunks[first / ISCSI_COMMANDS_CHUNK] = chunk;
    for (; session->command_count < first + ISCSI_COMMANDS_CHUNK &&
        session->command_count < session->command_most; session->command_count++) {
        struct command *command = command_at(session, session->command_count);

        command->session = session;
        command->index = (uint16_t)session->command_count;
        list_init(&command->item.link);
        command->item.sent = command_sent;
        list_append(&session->free, &command->link);
    }
    return true;
}

bool command_pool_make(struct session *session)
{
    uint32_t chunks;

    /* One more than can be under way: a command whose last byte is being sent still has its place
     * here when the initiator already sees the window open. */
    session->command_most = session->depth + ISCSI_IMMEDIATE_MAX + 1;
    chunks = (session->command_most + ISCSI_COMMANDS_CHUNK - 1) / ISCSI_COMMANDS_CHUNK;
    session->chunks = calloc(chunks, sizeof(struct command *));
    session->held = calloc(session->depth, sizeof(struct command *));
    session->tags = calloc(SESSION_TAGS, sizeof(*session->tags));
    if (session->chunks == NULL || session->held == NULL || session->tags == NULL)
        return false;
    for (uint32_t i = 0; i < SESSION_TAGS; i++)
        list_init(&session->tags[i]);
    return grow(session);
}

void command_pool_free(struct session *session)
{
    for (uint32_t i = 0; i < session->command_count; i += ISCSI_COMMANDS_CHUNK)
        free(session->chunks[i / ISCSI_COMMANDS_CHUNK]);
    free(session->chunks);
    free(session->held);
    free(session->tags);
}

/* Initiators count tags up, shift them, or use addresses: the product's high bits depend on all. */
static struct list *tags_of(const struct session *session, uint32_t itt)
{
    return &session->tags[itt * 0x9e3779b1u >> (32 - SESSION_TAGS_SHIFT)];
}

struct command *command_new(struct session *session, const uint8_t *bhs, uint32_t length)
{
    bool immediate = bhs[0] & ISCSI_IMMEDIATE;
    struct command *command;

    if (session->chunks == NULL || (immediate && session->immediate == ISCSI_IMMEDIATE_MAX))
        return NULL;
    if (list_empty(&session->free) && !grow(session))
        return NULL;
    command = list_entry(session->free.next, struct command, link);
    list_remove(&command->link);
    list_append(&session->active, &command->link);
    /* At the head, for command_find(). */
    list_append(tags_of(session, be32_get(bhs + BHS_ITT))->next, &command->tag);
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

struct command *command_find(struct session *session, uint32_t itt)
{
    list_each(link, tags_of(session, itt)) {
        struct command *command = list_entry(link, struct command, tag);

        if (be32_get(command->bhs + BHS_ITT) == itt)
            return command;
    }
    return NULL;
}
