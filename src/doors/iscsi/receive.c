/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* From bytes to PDUs. */

#include "doors/iscsi/receive.h"

#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/digest.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/request.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "os/net.h"
#include "scsi/be.h"

enum {
    PHASE_HEADER,
    PHASE_DATA,
    PHASE_TRAILER,

    DIRECT_MIN = 4096,     /* a rest of a segment that gets its own piece in a read */
    LARGE_SEGMENT = 32768,
    BESIDE_LARGE = 4096,   /* bytes of headers to read when large segments come */
    ROUNDS_MAX = 16,       /* reads of one connection in one turn of the loop */
};

void iscsi_receive_init(struct iscsi_receive *rx)
{
    rx->phase = PHASE_HEADER;
    rx->have = 0;
    rx->need = ISCSI_BHS;
}

static bool listening(const struct iscsi_connection *c)
{
    return c->state == CONNECTION_LOGIN || c->state == CONNECTION_FULL;
}

/* The whole PDU is there. */
static void finish(struct iscsi_connection *c, bool intact)
{
    struct iscsi_receive *rx = &c->rx;
    uint32_t length = be24_get(rx->header + BHS_DATA_LENGTH);

    iscsi_peer_works(&c->portal->peers, c->peer, ISCSI_PDU_WORK);
    if (intact)
        iscsi_request_end(c, length);
    else
        iscsi_request_damaged(c, length);
    rx->command = NULL;
    iscsi_buffer_put(&c->portal->pool, &rx->buffer);
    iscsi_receive_init(rx);
    if (c->tx.queued >= ISCSI_TX_EARLY && !c->tx.blocked && listening(c))
        iscsi_send_flush(c);
}

static uint32_t padding(uint32_t length)
{
    return -length & 3;
}

/* The header is whole: checks its digest and finds the place for its data. */
static void header_done(struct iscsi_connection *c)
{
    struct iscsi_receive *rx = &c->rx;
    uint32_t length = be24_get(rx->header + BHS_DATA_LENGTH);
    uint32_t header = rx->need - (rx->header_digest ? ISCSI_DIGEST : 0);

    if (rx->header_digest &&
        digest_add(DIGEST_SEED, rx->header, header) != digest_get(rx->header + header)) {
        /* RFC 7143 7.8: nothing in the header can be trusted, so it gets no answer. */
        iscsi_wire_drop(c, SPD_END_LOST, "header digest error");
        return;
    }
    rx->command = NULL;
    rx->data = NULL;
    rx->keep = 0;
    rx->left = length;
    rx->crc = DIGEST_SEED;
    rx->have = 0;
    if (length > 0)
        rx->large = length >= LARGE_SEGMENT;
    if (!iscsi_request_begin(c, length))
        return;
    rx->phase = PHASE_DATA;
    rx->need = length == 0 ? 0 : padding(length) + (rx->data_digest ? ISCSI_DIGEST : 0);
    if (length == 0)
        finish(c, true);
}

/* AHS length is known only from the BHS: the header is taken in two steps. */
static size_t take_header(struct iscsi_connection *c, const uint8_t *bytes, size_t length)
{
    struct iscsi_receive *rx = &c->rx;
    size_t taken = 0;

    for (;;) {
        size_t n = rx->need - rx->have;

        if (n > length - taken)
            n = length - taken;
        memcpy(rx->header + rx->have, bytes + taken, n);
        rx->have += (uint32_t)n;
        taken += n;
        if (rx->have < rx->need)
            return taken;
        if (rx->need == ISCSI_BHS) {
            rx->need += rx->header[BHS_AHS_LENGTH] * 4u + (rx->header_digest ? ISCSI_DIGEST : 0);
            if (rx->need > ISCSI_BHS)
                continue;
        }
        header_done(c);
        return taken;
    }
}

static void trailer_done(struct iscsi_connection *c)
{
    struct iscsi_receive *rx = &c->rx;
    uint32_t pad = rx->need - (rx->data_digest ? ISCSI_DIGEST : 0);

    finish(c, !rx->data_digest ||
            digest_add(rx->crc, rx->trailer, pad) == digest_get(rx->trailer + pad));
}

static void segment_took(struct iscsi_connection *c, uint32_t n)
{
    struct iscsi_receive *rx = &c->rx;

    rx->left -= n;
    if (rx->left > 0)
        return;
    rx->phase = PHASE_TRAILER;
    rx->have = 0;
    if (rx->need == 0)
        finish(c, true);
}

static size_t take_data(struct iscsi_connection *c, const uint8_t *bytes, size_t length)
{
    struct iscsi_receive *rx = &c->rx;
    uint32_t n = length < rx->left ? (uint32_t)length : rx->left;
    uint32_t keep = n < rx->keep ? n : rx->keep;

    if (rx->data_digest)
        rx->crc = digest_add(rx->crc, bytes, n);
    if (keep > 0) {
        memcpy(rx->data, bytes, keep);
        rx->data += keep;
        rx->keep -= keep;
    }
    segment_took(c, n);
    return n;
}

static size_t take_trailer(struct iscsi_connection *c, const uint8_t *bytes, size_t length)
{
    struct iscsi_receive *rx = &c->rx;
    size_t n = rx->need - rx->have;

    if (n > length)
        n = length;
    memcpy(rx->trailer + rx->have, bytes, n);
    rx->have += (uint32_t)n;
    if (rx->have == rx->need)
        trailer_done(c);
    return n;
}

static void take(struct iscsi_connection *c, const uint8_t *bytes, size_t length)
{
    while (length > 0 && listening(c)) {
        size_t n;

        switch (c->rx.phase) {
        case PHASE_HEADER:
            n = take_header(c, bytes, length);
            break;
        case PHASE_DATA:
            n = take_data(c, bytes, length);
            break;
        default:
            n = take_trailer(c, bytes, length);
            break;
        }
        bytes += n;
        length -= n;
    }
    if (length > 0 && c->state == CONNECTION_WAITING)
        iscsi_login_refuse(
            c, LOGIN_INVALID_DURING_LOGIN, "it sent more before its login was answered");
}

/* Counts bytes that were read straight into place. */
static void take_direct(struct iscsi_connection *c, uint32_t n)
{
    struct iscsi_receive *rx = &c->rx;

    if (rx->data_digest)
        rx->crc = digest_add(rx->crc, rx->data, n);
    rx->data += n;
    rx->keep -= n;
    segment_took(c, n);
}

/* A read; false when the socket has no more for now. */
static bool receive_once(struct iscsi_connection *c)
{
    struct iscsi_receive *rx = &c->rx;
    struct os_vec vecs[2];
    uint32_t direct = 0, beside = ISCSI_RX_BUFFER;
    size_t got;
    ptrdiff_t n;

    if (listening(c) && rx->phase == PHASE_DATA && rx->keep >= DIRECT_MIN) {
        direct = rx->keep;
        vecs[0] = (struct os_vec){ .base = rx->data, .length = direct };
    }
    if (direct > 0 || rx->large)
        beside = BESIDE_LARGE;
    vecs[1] = (struct os_vec){ .base = c->portal->rx, .length = beside };
    n = direct > 0 ? os_receive(c->watch.socket, vecs, 2)
                   : os_receive(c->watch.socket, vecs + 1, 1);
    if (n <= 0) {
        if (n != -OS_NET_WOULD_BLOCK)
            iscsi_wire_drop(c, n == 0 ? SPD_END_CLOSED : SPD_END_LOST,
                n == 0 ? NULL : os_net_text((int)-n));
        return false;
    }
    c->last_heard = c->portal->last_busy = c->portal->loop.now;
    c->pinged = false;
    got = (size_t)n;
    iscsi_peer_works(&c->portal->peers, c->peer, (uint32_t)got);
    if (direct > 0) {
        size_t straight = got < direct ? got : direct;

        take_direct(c, (uint32_t)straight);
        take(c, c->portal->rx, got - straight);
    } else {
        take(c, c->portal->rx, got);
    }
    return got == direct + beside || rx->phase == PHASE_DATA;
}

void iscsi_receive_ready(struct iscsi_connection *c)
{
    /* The poller is level-triggered: remaining bytes come again in the next turn. */
    for (unsigned round = 0; round < ROUNDS_MAX && c->state != CONNECTION_DROPPED &&
        !iscsi_peer_is_busy(&c->portal->peers, c->peer); round++)
        if (!receive_once(c))
            return;
}
