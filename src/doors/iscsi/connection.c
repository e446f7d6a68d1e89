/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A connection's begin and end, and its clock. */

#include "doors/iscsi/connection.h"

#include <stdio.h>
#include <stdlib.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/nop.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/share.h"
#include "doors/iscsi/waiting.h"
#include "doors/iscsi/wire.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "os/net.h"

static void connection_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    struct iscsi_connection *c = list_entry(watch, struct iscsi_connection, watch);

    if (flags & OS_POLL_OUT && list_empty(&c->ready))
        list_append(&c->portal->ready, &c->ready);
    if (flags & (OS_POLL_IN | OS_POLL_GONE))
        iscsi_receive_ready(c);
}

struct iscsi_connection *iscsi_connection_new(struct iscsi_portal *portal, os_socket socket)
{
    struct iscsi_connection *c = calloc(1, sizeof *c);

    if (!c) {
        os_socket_close(socket);
        return NULL;
    }
    c->portal = portal;
    c->watch = (struct spd_loop_socket){ .ready = connection_ready, .socket = socket };
    os_socket_peer(socket, c->host, c->port);
    c->state = CONNECTION_LOGIN;
    c->login = iscsi_login_new();
    c->peer = iscsi_peer_of(&portal->peers, socket);
    c->hold = HOLDS;
    c->last_heard = portal->loop.now;
    c->deadline = portal->loop.now + portal->times.login;
    iscsi_receive_init(&c->rx);
    iscsi_send_init(&c->tx);
    list_init(&c->ready);
    list_init(&c->hold_link);
    /* A batch is complete when it is written, so a delay gains nothing. */
    os_socket_no_delay(socket);
    if (!c->login || !c->peer ||
        !iscsi_share_admit(&portal->peers, c->peer, SHARE_LOGINS) ||
        spd_loop_add(&portal->loop, &c->watch, OS_POLL_IN) != 0) {
        iscsi_login_free(c->login);
        if (c->peer)
            iscsi_peer_leave(c->peer);
        os_socket_close(socket);
        free(c);
        return NULL;
    }
    iscsi_peer_hold(c, HOLD_SILENT);
    list_append(&portal->connections, &c->link);
    portal->connection_count++;
    return c;
}

static void connection_free(struct iscsi_connection *c)
{
    struct iscsi_portal *portal = c->portal;

    list_remove(&c->link);
    list_remove(&c->ready);
    portal->connection_count--;
    iscsi_login_free(c->login);
    iscsi_send_drop(c);
    if (c->session)
        iscsi_session_end(c->session);
    iscsi_peer_leave(c->peer);
    iscsi_buffer_put(&portal->pool, &c->rx.buffer);
    free(c->text);
    free(c->answer);
    free(c);
}

void iscsi_connection_reap(struct iscsi_portal *portal)
{
    while (!list_empty(&portal->dropped))
        connection_free(list_entry(portal->dropped.next, struct iscsi_connection, link));
}

/* In full feature phase: checks that the peer is still there, and does its part. */
static void look_after(struct iscsi_connection *c)
{
    const struct iscsi_times *times = &c->portal->times;
    uint32_t now = c->portal->loop.now, silent = now - c->last_heard;
    uint32_t patience = times->nop_interval + times->nop_timeout;

    if (c->pinged && silent >= patience) {
        iscsi_wire_drop(c, SPD_END_TIMEOUT, "no answer to a NOP-In");
    } else if (c->tx.blocked && now - c->tx.last_moved >= patience) {
        iscsi_wire_drop(c, SPD_END_TIMEOUT, "it does not read what it asked for");
    } else if (c->portal->room_wanted && iscsi_room_is_idle(c->session, patience)) {
        iscsi_wire_drop(
            c, SPD_END_SHARE, "others wait for the room of data that it does not send");
    } else if (c->hold == HOLD_DISCOVERY && now - c->held_since >= patience) {
        iscsi_wire_drop(c, SPD_END_TIMEOUT, "a discovery session that asks nothing");
    } else if (!c->pinged && silent >= times->nop_interval) {
        c->pinged = true;
        iscsi_nop_ping(c);
    }
}

/* Once a second. */
static void look_at_waiting(struct iscsi_connection *c)
{
    char why[WAITING_TEXT_MAX];
    uint16_t status = iscsi_waiting_tick(c, why);

    if (status != LOGIN_SUCCESS)
        iscsi_login_refuse(c, status, why);
}

void iscsi_connection_tick(struct iscsi_connection *c)
{
    uint32_t now = c->portal->loop.now;

    switch (c->state) {
    case CONNECTION_DELAYED:
        if ((int32_t)(now - c->deadline) >= 0)
            iscsi_login_refuse_late(c);
        break;
    case CONNECTION_WAITING:
        look_at_waiting(c);
        break;
    case CONNECTION_LOGIN:
        if ((int32_t)(now - c->deadline) >= 0)
            iscsi_wire_drop(c, SPD_END_TIMEOUT, "its login took too long");
        break;
    case CONNECTION_CLOSING:
        if ((int32_t)(now - c->deadline) >= 0)
            iscsi_wire_drop(c, SPD_END_TIMEOUT, NULL);
        break;
    case CONNECTION_FULL:
        look_after(c);
        break;
    default:
        break;
    }
}
