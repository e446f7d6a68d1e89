/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A connection's begin and end, and its clock. */

#include "doors/iscsi/connection.h"

#include <stdio.h>
#include <stdlib.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/nop.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/share.h"
#include "doors/iscsi/transfer.h"
#include "doors/iscsi/waiting.h"
#include "doors/iscsi/wire.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "os/net.h"

static void connection_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    struct connection *c = list_entry(watch, struct connection, watch);

    if (flags & OS_POLL_OUT && list_empty(&c->ready))
        list_append(&c->door->ready, &c->ready);
    if (flags & (OS_POLL_IN | OS_POLL_GONE))
        receive_ready(c);
}

struct connection *connection_new(struct iscsi_door *door, os_socket socket)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        os_socket_close(socket);
        return NULL;
    }
    c->door = door;
    c->watch = (struct spd_loop_socket){ .ready = connection_ready, .socket = socket };
    os_socket_peer(socket, c->host, c->port);
    c->state = CONNECTION_LOGIN;
    c->login = login_new();
    c->peer = peer_of(&door->peers, socket);
    c->hold = HOLDS;
    c->last_heard = door->loop.now;
    c->deadline = door->loop.now + door->config.login_timeout;
    receive_init(&c->rx);
    send_init(&c->tx);
    list_init(&c->ready);
    list_init(&c->hold_link);
    /* A batch is complete when it is written, so there is nothing to wait for. */
    os_socket_no_delay(socket);
    if (c->login == NULL || c->peer == NULL ||
        !share_admit(&door->peers, c->peer, SHARE_LOGINS) ||
        spd_loop_add(&door->loop, &c->watch, OS_POLL_IN) != 0) {
        login_free(c->login);
        if (c->peer != NULL)
            peer_leave(c->peer);
        os_socket_close(socket);
        free(c);
        return NULL;
    }
    peer_hold(c, HOLD_SILENT);
    list_append(&door->connections, &c->link);
    door->connection_count++;
    return c;
}

static void connection_free(struct connection *c)
{
    struct iscsi_door *door = c->door;

    list_remove(&c->link);
    list_remove(&c->ready);
    door->connection_count--;
    login_free(c->login);
    send_drop(c);
    if (c->session != NULL)
        session_end(c->session);
    peer_leave(c->peer);
    buffer_put(&door->pool, &c->rx.buffer);
    free(c->text);
    free(c);
}

void connection_reap(struct iscsi_door *door)
{
    while (!list_empty(&door->dropped))
        connection_free(list_entry(door->dropped.next, struct connection, link));
}

/* In full feature phase: whether it is still there, and does its part. */
static void look_after(struct connection *c)
{
    const struct iscsi_config *config = &c->door->config;
    uint32_t now = c->door->loop.now, silent = now - c->last_heard;
    uint32_t patience = config->nop_interval + config->nop_timeout;

    if (c->pinged && silent >= patience) {
        wire_drop(c, SPD_END_TIMEOUT, "no answer to a NOP-In");
    } else if (c->tx.blocked && now - c->tx.last_moved >= patience) {
        wire_drop(c, SPD_END_TIMEOUT, "it does not read what it asked for");
    } else if (c->door->room_wanted && transfer_is_idle(c->session, patience)) {
        wire_drop(
            c, SPD_END_SHARE, "others wait for the room of data that it does not send");
    } else if (c->hold == HOLD_DISCOVERY && now - c->held_since >= patience) {
        wire_drop(c, SPD_END_TIMEOUT, "a discovery session that asks nothing");
    } else if (!c->pinged && silent >= config->nop_interval) {
        c->pinged = true;
        nop_ping(c);
    }
}

/* Once a second. */
static void look_at_waiting(struct connection *c)
{
    char why[WAITING_TEXT_MAX];
    uint16_t status = waiting_tick(c, why);

    if (status != LOGIN_SUCCESS)
        login_refuse(c, status, why);
}

void connection_tick(struct connection *c)
{
    uint32_t now = c->door->loop.now;

    switch (c->state) {
    case CONNECTION_DELAYED:
        if ((int32_t)(now - c->deadline) >= 0)
            login_refuse_late(c);
        break;
    case CONNECTION_WAITING:
        look_at_waiting(c);
        break;
    case CONNECTION_LOGIN:
        if ((int32_t)(now - c->deadline) >= 0)
            wire_drop(c, SPD_END_TIMEOUT, "its login took too long");
        break;
    case CONNECTION_CLOSING:
        if ((int32_t)(now - c->deadline) >= 0)
            wire_drop(c, SPD_END_TIMEOUT, NULL);
        break;
    case CONNECTION_FULL:
        look_after(c);
        break;
    default:
        break;
    }
}
