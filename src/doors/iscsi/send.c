/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * From answers to bytes. Gathers queued items into a batch of headers (in the arena) and data (in
 * place), and writes a batch with as few system calls as the socket allows.
 */

#include "doors/iscsi/send.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/digest.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/window.h"
#include "doors/iscsi/wire.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "os/net.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

enum {
    SENSE_SEGMENT_MAX = 2 + SCSI_SENSE_MAX + 2,
    /* The most that a PDU takes of the arena: header, digests, padding, sense. */
    PDU_ARENA = ISCSI_BHS + 2 * ISCSI_DIGEST + 4 + SENSE_SEGMENT_MAX,
    PDU_VECS = 3,
};

void iscsi_send_init(struct iscsi_transmit *tx)
{
    list_init(&tx->queue);
    list_init(&tx->sent);
}

void iscsi_send_queue(struct iscsi_connection *c, struct iscsi_send_item *item)
{
    /* It may wait there as an R2T whose data came before it was sent. */
    list_remove(&item->link);
    list_append(&c->tx.queue, &item->link);
    if (list_empty(&c->ready))
        list_append(&c->portal->ready, &c->ready);
}

static bool room(const struct iscsi_batch *batch)
{
    return batch->arena_used + PDU_ARENA <= ISCSI_TX_ARENA &&
        batch->count + PDU_VECS <= ISCSI_TX_VECS;
}

static uint8_t *arena_take(struct iscsi_transmit *tx, uint32_t length)
{
    struct iscsi_batch *batch = tx->batch;
    uint8_t *p = batch->arena + batch->arena_used;

    batch->arena_used += length;
    return p;
}

/* Headers that follow each other in the arena become one piece. */
static void gather(struct iscsi_transmit *tx, const void *bytes, uint32_t length)
{
    struct iscsi_batch *batch = tx->batch;
    struct os_vec *last = batch->count > 0 ? &batch->vecs[batch->count - 1] : NULL;

    if (last && (const uint8_t *)last->base + last->length == bytes)
        last->length += length;
    else
        batch->vecs[batch->count++] = (struct os_vec){ .base = (void *)(uintptr_t)bytes,
            .length = length };
    tx->built += length;
}

static uint8_t *header_new(struct iscsi_connection *c, uint8_t opcode, uint8_t flags)
{
    uint8_t *bhs = arena_take(&c->tx, ISCSI_BHS);

    memset(bhs, 0, ISCSI_BHS);
    bhs[0] = opcode;
    bhs[BHS_FLAGS] = flags;
    return bhs;
}

static void put_numbers(const struct iscsi_connection *c, uint8_t *bhs)
{
    struct iscsi_session *session = c->session;

    if (!session)
        return;
    iscsi_window_offer(session);
    be32_put(bhs + BHS_EXP_CMD_SN, session->exp_cmd_sn);
    be32_put(bhs + BHS_MAX_CMD_SN, session->max_cmd_sn);
}

/* Ends a PDU whose header is the arena's last piece: data, padding, digests. */
static void put_pdu(struct iscsi_connection *c, uint8_t *bhs, const uint8_t *data, uint32_t length,
    bool plain)
{
    struct iscsi_transmit *tx = &c->tx;
    bool header_digest = c->rx.header_digest && !plain, data_digest = c->rx.data_digest && !plain;
    uint32_t pad = -length & 3, trailer = pad + (data_digest ? ISCSI_DIGEST : 0);

    be24_put(bhs + BHS_DATA_LENGTH, length);
    if (header_digest)
        digest_put(arena_take(tx, ISCSI_DIGEST), digest_add(DIGEST_SEED, bhs, ISCSI_BHS));
    gather(tx, bhs, ISCSI_BHS + (header_digest ? ISCSI_DIGEST : 0));
    if (length == 0)
        return;
    gather(tx, data, length);
    if (trailer > 0) {
        uint8_t *p = arena_take(tx, trailer);

        memset(p, 0, pad);
        if (data_digest)
            digest_put(p + pad, digest_add(digest_add(DIGEST_SEED, data, length), p, pad));
        gather(tx, p, trailer);
    }
}

static void build_reply(struct iscsi_connection *c, struct iscsi_reply *reply)
{
    uint8_t *bhs = arena_take(&c->tx, ISCSI_BHS);

    memcpy(bhs, reply->bhs, ISCSI_BHS);
    be32_put(bhs + BHS_STAT_SN, c->stat_sn);
    c->stat_sn += reply->takes_stat_sn;
    put_numbers(c, bhs);
    put_pdu(c, bhs, reply->data, reply->length, reply->plain);
}

static void build_r2t(struct iscsi_connection *c, struct iscsi_command *command)
{
    uint8_t *bhs = header_new(c, ISCSI_R2T, ISCSI_FINAL);

    memcpy(bhs + BHS_LUN, command->bhs + BHS_LUN, 8);
    memcpy(bhs + BHS_ITT, command->bhs + BHS_ITT, 4);
    be32_put(bhs + BHS_TTT, command->ttt);
    be32_put(bhs + BHS_STAT_SN, c->stat_sn);
    be32_put(bhs + BHS_DATA_SN, command->r2t_sn++);
    be32_put(bhs + BHS_BUFFER_OFFSET, command->received);
    be32_put(bhs + R2T_LENGTH, command->burst_end - command->received);
    put_numbers(c, bhs);
    put_pdu(c, bhs, NULL, 0, false);
}

/* The status is about to go: from here on the window has its place again. */
static void put_status(struct iscsi_connection *c, struct iscsi_command *command, uint8_t *bhs)
{
    const struct scsi_task *task = &command->request.task;

    if (command->windowed) {
        command->windowed = false;
        c->session->windowed--;
    }
    bhs[BHS_STATUS] = task->status;
    if (task->overflow)
        bhs[BHS_FLAGS] |= RESPONSE_OVERFLOW;
    else if (task->underflow)
        bhs[BHS_FLAGS] |= RESPONSE_UNDERFLOW;
    if (task->overflow || task->underflow)
        be32_put(bhs + BHS_RESIDUAL,
            task->residual > UINT32_MAX ? UINT32_MAX : (uint32_t)task->residual);
    be32_put(bhs + BHS_STAT_SN, c->stat_sn++);
    put_numbers(c, bhs);
}

/* Sequences of at most MaxBurstLength, each with the F bit at its end (RFC 7143 11.7.1). */
static void build_data_in(struct iscsi_connection *c, struct iscsi_command *command,
    const uint8_t *data, uint32_t total, bool status)
{
    uint32_t burst = c->session->params.max_burst & ~3u;
    uint32_t length = total - command->sent, burst_left = burst - command->sent % burst;
    bool last;
    uint8_t *bhs = header_new(c, ISCSI_DATA_IN, 0);

    if (length > c->max_send)
        length = c->max_send;
    if (length > burst_left)
        length = burst_left;
    last = command->sent + length == total;
    if (last || length == burst_left)
        bhs[BHS_FLAGS] = ISCSI_FINAL;
    memcpy(bhs + BHS_ITT, command->bhs + BHS_ITT, 4);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    be32_put(bhs + BHS_DATA_SN, command->data_sn++);
    be32_put(bhs + BHS_BUFFER_OFFSET, command->sent);
    if (last && status) {
        bhs[BHS_FLAGS] |= DATA_IN_STATUS;
        put_status(c, command, bhs);
    } else {
        put_numbers(c, bhs);
    }
    put_pdu(c, bhs, data + command->sent, length, false);
    command->sent += length;
}

static void build_response(struct iscsi_connection *c, struct iscsi_command *command)
{
    const struct scsi_task *task = &command->request.task;
    uint32_t length = task->sense_length == 0 ? 0 : 2u + task->sense_length;
    uint8_t *segment = arena_take(&c->tx, length);
    uint8_t *bhs = header_new(c, ISCSI_SCSI_RESPONSE, ISCSI_FINAL);

    memcpy(bhs + BHS_ITT, command->bhs + BHS_ITT, 4);
    /* ExpDataSN: Data-Ins for a read, R2Ts for a write (RFC 7143 11.4.8). */
    be32_put(bhs + BHS_DATA_SN,
        task->direction == SCSI_DATA_OUT ? command->r2t_sn : command->data_sn);
    put_status(c, command, bhs);
    if (length > 0) {
        be16_put(segment, task->sense_length);
        memcpy(segment + 2, task->sense, task->sense_length);
    }
    put_pdu(c, bhs, segment, length, false);
}

/* True when all of the command's PDUs are in the batch. */
static bool build_command(struct iscsi_connection *c, struct iscsi_command *command)
{
    const struct scsi_task *task = &command->request.task;
    const uint8_t *data = task->reply ? task->reply : command->buffer.base;
    bool collapse = task->sense_length == 0;
    uint32_t total = 0;

    if (task->direction == SCSI_DATA_IN && command->bhs[BHS_FLAGS] & COMMAND_READ)
        total = (uint32_t)task->moved_length;
    while (command->sent < total) {
        if (!room(c->tx.batch))
            return false;
        build_data_in(c, command, data, total, collapse);
    }
    if (total > 0 && collapse)
        return true;
    if (!room(c->tx.batch))
        return false;
    build_response(c, command);
    return true;
}

/* Moves queued items into the empty batch. */
static void build(struct iscsi_connection *c)
{
    struct iscsi_transmit *tx = &c->tx;

    while (!list_empty(&tx->queue) && room(tx->batch)) {
        struct iscsi_send_item *item = list_entry(tx->queue.next, struct iscsi_send_item, link);

        if (item->kind == SEND_REPLY)
            build_reply(c, list_entry(item, struct iscsi_reply, item));
        else if (item->kind == SEND_R2T)
            build_r2t(c, list_entry(item, struct iscsi_command, item));
        else if (!build_command(c, list_entry(item, struct iscsi_command, item)))
            return;
        list_remove(&item->link);
        if (item->kind == SEND_R2T)
            continue;
        item->end = tx->built;
        list_append(&tx->sent, &item->link);
    }
}

/* n bytes of the batch are the kernel's now. */
static void wrote(struct iscsi_connection *c, size_t n)
{
    struct iscsi_transmit *tx = &c->tx;
    struct iscsi_batch *batch = tx->batch;

    tx->written += n;
    tx->last_moved = c->portal->loop.now;
    list_each(link, &tx->sent) {
        struct iscsi_send_item *item = list_entry(link, struct iscsi_send_item, link);

        if (item->end > tx->written)
            break;
        list_remove(&item->link);
        item->sent(c, item);
    }
    while (batch->first < batch->count && n >= batch->vecs[batch->first].length)
        n -= batch->vecs[batch->first++].length;
    if (batch->first < batch->count) {
        struct os_vec *vec = &batch->vecs[batch->first];

        vec->base = (char *)vec->base + n;
        vec->length -= n;
    } else {
        batch->first = batch->count = batch->arena_used = 0;
    }
}

static void block(struct iscsi_connection *c, bool blocked)
{
    int error;

    if (c->tx.blocked == blocked)
        return;
    c->tx.blocked = blocked;
    c->tx.last_moved = c->portal->loop.now;
    error = spd_loop_change(
        &c->portal->loop, &c->watch, blocked ? OS_POLL_IN | OS_POLL_OUT : OS_POLL_IN);
    if (error != 0)
        iscsi_wire_drop(c, SPD_END_NO_ROOM, os_net_text(error));
}

/* It is large. So before the login a connection has one only while it has something to send. */
static bool take_batch(struct iscsi_connection *c)
{
    if (c->tx.batch)
        return true;
    c->tx.batch = malloc(sizeof *c->tx.batch);
    if (!c->tx.batch) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for a reply");
        return false;
    }
    c->tx.batch->first = c->tx.batch->count = c->tx.batch->arena_used = 0;
    return true;
}

static void give_batch_back(struct iscsi_connection *c)
{
    if (c->session)
        return;
    free(c->tx.batch);
    c->tx.batch = NULL;
}

void iscsi_send_flush(struct iscsi_connection *c)
{
    struct iscsi_transmit *tx = &c->tx;
    size_t sent = 0;

    list_remove(&c->ready);
    tx->queued = 0;
    while (c->state != CONNECTION_DROPPED && take_batch(c)) {
        struct iscsi_batch *batch = tx->batch;
        ptrdiff_t n;

        if (batch->count == 0)
            build(c);
        if (batch->count == 0)
            break;
        n = os_send(c->watch.socket, batch->vecs + batch->first, batch->count - batch->first);
        if (n == -OS_NET_WOULD_BLOCK) {
            block(c, true);
            return;
        }
        if (n < 0) {
            iscsi_wire_drop(c, SPD_END_LOST, os_net_text((int)-n));
            return;
        }
        wrote(c, (size_t)n);
        sent += (size_t)n;
        /* The poller calls again, since the socket has room; others have their turn before. */
        if (sent >= ISCSI_TURN_SEND) {
            block(c, true);
            return;
        }
    }
    if (c->state == CONNECTION_DROPPED)
        return;
    block(c, false);
    give_batch_back(c);
    if (c->state == CONNECTION_CLOSING)
        os_socket_end(c->watch.socket);
}

void iscsi_send_drop(struct iscsi_connection *c)
{
    struct list *lists[] = { &c->tx.queue, &c->tx.sent };

    for (unsigned i = 0; i < 2; i++)
        list_each(link, lists[i]) {
            struct iscsi_send_item *item = list_entry(link, struct iscsi_send_item, link);

            list_remove(&item->link);
            if (item->kind == SEND_REPLY)
                free(list_entry(item, struct iscsi_reply, item));
        }
    free(c->tx.batch);
    c->tx.batch = NULL;
}

static void reply_sent(struct iscsi_connection *c, struct iscsi_send_item *item)
{
    iscsi_reply_free(c, list_entry(item, struct iscsi_reply, item));
}

static bool too_many_replies(const struct iscsi_transmit *tx, uint32_t length)
{
    return tx->replies >= ISCSI_REPLIES_MAX || tx->reply_bytes + length > ISCSI_REPLY_BYTES_MAX;
}

struct iscsi_reply *iscsi_reply_new(
    struct iscsi_connection *c, enum iscsi_opcode opcode, uint32_t length)
{
    struct iscsi_reply *reply;

    if (too_many_replies(&c->tx, length))
        iscsi_send_flush(c);
    if (too_many_replies(&c->tx, length)) {
        iscsi_wire_drop(c, SPD_END_SHARE, "it sends requests and does not read the replies");
        return NULL;
    }
    reply = malloc(sizeof *reply + length);
    if (!reply) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for a reply");
        return NULL;
    }
    memset(reply, 0, sizeof *reply);
    list_init(&reply->item.link);
    reply->item.kind = SEND_REPLY;
    reply->item.sent = reply_sent;
    reply->takes_stat_sn = true;
    reply->length = length;
    reply->bhs[0] = (uint8_t)opcode;
    reply->bhs[BHS_FLAGS] = ISCSI_FINAL;
    c->tx.replies++;
    c->tx.reply_bytes += length;
    return reply;
}

void iscsi_reply_free(struct iscsi_connection *c, struct iscsi_reply *reply)
{
    c->tx.replies--;
    c->tx.reply_bytes -= reply->length;
    free(reply);
}
