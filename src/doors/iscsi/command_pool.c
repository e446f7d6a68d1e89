/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/nexus.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "scsi/be.h"

void iscsi_command_end(struct iscsi_command *command)
{
    struct iscsi_session *session = command->session;

    if (command->release)
        spd_request_release(&command->request);
    if (session->connection)
        iscsi_receive_forget(&session->connection->rx, command);
    if (command->nexus)
        iscsi_nexus_leave(command);
    iscsi_room_drop(command);
    session->windowed -= command->windowed;
    session->immediate -= (command->bhs[0] & ISCSI_IMMEDIATE) != 0;
    session->running--;
    if (!session->connection)
        session->portal->sessions_ended = true;
    session->portal->data_given_up |= iscsi_command_awaits_data(command);
    command->state = COMMAND_FREE;
    list_remove(&command->tag);
    list_remove(&command->link);
    /* It goes to the head: its memory is still in the cache. */
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
    for (; session->command_count < first + ISCSI_COMMANDS_CHUNK; session->command_count++) {
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
    session->tags = calloc(SESSION_TAGS, sizeof *session->tags);
    if (!session->tags)
        return false;
    for (uint32_t i = 0; i < SESSION_TAGS; i++)
        list_init(&session->tags[i]);
    return true;
}

/* A command that waits for its turn is at its CmdSN modulo the depth. */
static void hold_again(const struct iscsi_session *session, struct iscsi_command **held,
    uint32_t depth)
{
    for (uint32_t i = 0; i < session->depth; i++)
        if (session->held[i])
            held[be32_get(session->held[i]->bhs + BHS_CMD_SN) % depth] = session->held[i];
}

bool iscsi_command_pool_widen(struct iscsi_session *session, uint32_t more)
{
    uint32_t depth = session->depth + more > ISCSI_DEPTH_MAX ? ISCSI_DEPTH_MAX
                                                             : session->depth + more;
    /* There is a place more than commands can run: a command whose last byte is being sent still
     * has its place when the initiator already sees the window open. */
    uint32_t count = (depth + ISCSI_IMMEDIATE_MAX) / ISCSI_COMMANDS_CHUNK + 1;
    struct iscsi_command **chunks = realloc(session->chunks, count * sizeof *chunks);
    struct iscsi_command **held;

    if (!chunks)
        return false;
    session->chunks = chunks;
    held = calloc(depth, sizeof(struct iscsi_command *));
    if (!held)
        return false;
    hold_again(session, held, depth);
    free(session->held);
    session->held = held;
    session->depth = depth;
    session->command_most = count * ISCSI_COMMANDS_CHUNK;
    return session->command_count > 0 || grow(session);
}

void iscsi_command_pool_free(struct iscsi_session *session)
{
    for (uint32_t i = 0; i < session->command_count; i++)
        spd_request_free(&iscsi_command_at(session, i)->request);
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

