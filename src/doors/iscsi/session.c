/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sessions: the command window and the order of requests (RFC 7143 4.2.2.1), begin and end. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doors/iscsi/iscsi.h"

/* Serial number arithmetic (RFC 1982). */
static int32_t serial_distance(uint32_t from, uint32_t to)
{
    return (int32_t)(to - from);
}

/* Twice as much as it uses and some more, so that idle ones leave room to others, and busy ones
 * have all places after a few answers. A place that was offered stays so (RFC 7143 11.4.10). */
void session_offer(struct session *session)
{
    uint32_t offered = session->max_cmd_sn + 1 - session->exp_cmd_sn;
    uint32_t most = session->depth - session->windowed;
    uint32_t want = session->windowed + ISCSI_WINDOW_START;

    if (want > most)
        want = most;
    while (offered < want && room_take(session, ROOM_WINDOW, session->burst)) {
        session->max_cmd_sn++;
        offered++;
    }
}

static bool is_receiving(const struct session *session)
{
    list_each(link, &session->active)
        if (command_awaits_data(list_entry(link, struct command, link)))
            return true;
    return false;
}

/* SAM-5 8.7.3: an ORDERED command waits for all before it, also for those whose data is still to
 * come, and those after it wait for its own. They do so as if they had not come yet. */
static bool barred(const struct session *session, const uint8_t *bhs)
{
    if ((bhs[0] & ISCSI_OPCODE_MASK) != ISCSI_SCSI_COMMAND)
        return false;
    if (session->barrier != NULL && command_awaits_data(session->barrier))
        return true;
    return (bhs[BHS_FLAGS] & COMMAND_ATTRIBUTE) == COMMAND_ORDERED && is_receiving(session);
}

enum order session_order(const struct session *session, const uint8_t *bhs)
{
    uint32_t cmd_sn = be32_get(bhs + BHS_CMD_SN);

    if (serial_distance(session->exp_cmd_sn, cmd_sn) < 0 ||
        serial_distance(cmd_sn, session->max_cmd_sn) < 0)
        return ORDER_NEVER;
    if (cmd_sn == session->exp_cmd_sn && !barred(session, bhs))
        return ORDER_NOW;
    if (session->held != NULL && session->held[cmd_sn % session->depth] != NULL)
        return ORDER_NEVER;
    return ORDER_LATER;
}

void session_advance(struct session *session, const uint8_t *bhs)
{
    session->exp_cmd_sn = be32_get(bhs + BHS_CMD_SN) + 1;
    room_give(session, ROOM_WINDOW, session->burst);
}

void session_deliver(struct connection *c)
{
    struct session *session = c->session;

    if (session == NULL || session->held == NULL)
        return;
    while (c->state == CONNECTION_FULL) {
        struct command **slot = &session->held[session->exp_cmd_sn % session->depth];
        struct command *command = *slot;

        if (command == NULL || (!command->aborted && barred(session, command->bhs)))
            return;
        *slot = NULL;
        session_advance(session, command->bhs);
        if (command->aborted) {
            command_end(command);
        } else if ((command->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_COMMAND) {
            session->windowed++;
            command->windowed = true;
            command_start(command);
        } else {
            pdu_deliver(c, command->bhs, command->buffer.base,
                be24_get(command->bhs + BHS_DATA_LENGTH));
            command_end(command);
        }
    }
}

void session_deliver_all(struct iscsi_door *door)
{
    if (!door->data_given_up)
        return;
    door->data_given_up = false;
    list_each(link, &door->sessions) {
        struct session *session = list_entry(link, struct session, link);

        if (session->connection != NULL)
            session_deliver(session->connection);
    }
}

static bool make_commands(struct session *session)
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
    return session_grow(session);
}

bool session_grow(struct session *session)
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
        struct command *command = session_command(session, session->command_count);

        command->session = session;
        command->index = (uint16_t)session->command_count;
        list_init(&command->item.link);
        list_append(&session->free, &command->link);
    }
    return true;
}

/* Whatever the session was at can no longer change the medium. */
static void leave(struct session *session)
{
    session->left = true;
    scsi_nexus_end(&session->nexus, spd_unit_scsi(session->door->base.unit));
}

static void free_commands(struct session *session)
{
    for (uint32_t i = 0; i < session->command_count; i += ISCSI_COMMANDS_CHUNK)
        free(session->chunks[i / ISCSI_COMMANDS_CHUNK]);
    free(session->chunks);
}

static void session_free(struct session *session)
{
    list_remove(&session->link);
    list_remove(&session->hungry);
    if (session->ended)
        peer_count_ended(session->door, session->peer, -1);
    peer_leave(session->peer);
    claim_keep(session);
    free_commands(session);
    free(session->held);
    free(session->tags);
    free(session);
}

static bool tsih_taken(struct iscsi_door *door, uint16_t tsih)
{
    list_each(link, &door->sessions)
        if (list_entry(link, struct session, link)->tsih == tsih)
            return true;
    return false;
}

struct session *session_new(struct connection *c, const struct iscsi_params *params)
{
    struct iscsi_door *door = c->door;
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->door = door;
    session->began = door->loop.now;
    session->peer = c->peer;
    session->peer->users++;
    session->params = *params;
    session->depth = spd_unit_params(door->base.unit)->queue_depth;
    scsi_nexus_init(&session->nexus, spd_unit_scsi(door->base.unit), &door->port);
    list_init(&session->free);
    list_init(&session->active);
    list_init(&session->waiting);
    list_init(&session->hungry);
    if (!params->discovery && (params->immediate_data || !params->initial_r2t))
        session->burst = buffer_length(params->first_burst);
    do
        session->tsih = ++door->next_tsih; /* 0 means none (RFC 7143 11.13.3) */
    while (session->tsih == 0 || tsih_taken(door, session->tsih));
    list_append(&door->sessions, &session->link);
    if (!params->discovery && !make_commands(session)) {
        session_free(session);
        return NULL;
    }
    atomic_fetch_add(&door->base.nexuses, !params->discovery);
    return session;
}

/* The initiator port is name and ISID (SPC-4 7.6.4.6). */
void session_name(struct session *session, const char *initiator, const uint8_t isid[6])
{
    enum { HEADER = 4, FORMAT_WITH_ISID = 0x40, ISCSI = 0x05 };
    uint8_t *id = session->transport_id;
    int length;

    strcpy(session->initiator, initiator);
    memcpy(session->isid, isid, 6);
    length = snprintf((char *)id + HEADER, sizeof(session->transport_id) - HEADER,
        "%s,i,0x%02x%02x%02x%02x%02x%02x", initiator, isid[0], isid[1], isid[2], isid[3], isid[4],
        isid[5]);
    length = (length + 1 + 3) & ~3; /* with its NUL; the session was zeroed */
    id[0] = FORMAT_WITH_ISID | ISCSI;
    be16_put(id + 2, (uint16_t)length);
    scsi_nexus_name(&session->nexus, id, (uint16_t)(HEADER + length));
}

static void discard(struct command *command)
{
    if (command->state == COMMAND_HELD || (command->state != COMMAND_FREE && !command->aborted))
        command_abort(command);
}

void session_end(struct session *session)
{
    session->connection = NULL;
    if (!session->params.discovery) {
        session->ended = true;
        peer_count_ended(session->door, session->peer, 1);
        atomic_fetch_sub(&session->door->base.nexuses, 1);
    }
    task_forget(session);
    room_give(session, ROOM_WINDOW,
        (session->max_cmd_sn + 1 - session->exp_cmd_sn) * session->burst);
    session->burst = 0;
    /* By index: ending one command may end others, which the unit had parked behind it. */
    for (uint32_t i = 0; i < session->command_count; i++)
        discard(session_command(session, i));
    session->door->sessions_ended = true;
}

/* A discovery session is no I_T nexus, so there is nothing to reinstate. */
static bool is_named(const struct session *session, const char *initiator)
{
    return !session->params.discovery && strcmp(session->initiator, initiator) == 0;
}

uint32_t session_count(const struct iscsi_door *door, const char *initiator)
{
    uint32_t count = 0;

    list_each(link, &door->sessions) {
        const struct session *session = list_entry(link, struct session, link);

        count += !session->left && is_named(session, initiator);
    }
    return count;
}

bool session_is(const struct session *session, const char *initiator, const uint8_t isid[6])
{
    return is_named(session, initiator) && memcmp(session->isid, isid, 6) == 0;
}

struct session *session_find(struct iscsi_door *door, const char *initiator, const uint8_t isid[6])
{
    list_each(link, &door->sessions) {
        struct session *session = list_entry(link, struct session, link);

        if (session->connection != NULL && session_is(session, initiator, isid))
            return session;
    }
    return NULL;
}

/* One login that waited. Since it may drop another connection, the list is walked anew for the
 * next one: we are called again as long as there are answers to send or connections to bury. */
static void resume_login(struct iscsi_door *door)
{
    list_each(link, &door->connections) {
        struct connection *c = list_entry(link, struct connection, link);

        if (c->state == CONNECTION_WAITING && waiting_is_over(c)) {
            login_resume(c);
            door->sessions_ended = true;
            return;
        }
    }
}

void session_reap(struct iscsi_door *door)
{
    if (!door->sessions_ended)
        return;
    door->sessions_ended = false;
    list_each(link, &door->sessions) {
        struct session *session = list_entry(link, struct session, link);

        if (session->connection != NULL)
            continue;
        if (!session->left && !task_any_changes(session))
            leave(session);
        if (session->running == 0)
            session_free(session);
    }
    resume_login(door);
}
