/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A connection's begin and end, and its clock. */

#include <stdio.h>
#include <stdlib.h>

#include "doors/iscsi/iscsi.h"

enum { WHO_MAX = OS_HOST_MAX + OS_PORT_MAX + ISCSI_NAME_MAX + CHAP_NAME_MAX + 64 };

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
        !peer_admit(&door->peers, c->peer, SHARE_LOGINS) ||
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

static const char *initiator_of(const struct connection *c)
{
    if (c->session != NULL)
        return c->session->initiator;
    return c->login == NULL ? "" : login_claims(c->login)->initiator;
}

/* Only for a connection with a session. The visitor points to the text in who. */
static struct spd_visitor visitor_of(const struct connection *c, char who[WHO_MAX])
{
    const struct session *session = c->session;
    const char *user = session->account;

    snprintf(who, WHO_MAX, "%s port %s, initiator %s%s%s", c->host, c->port, session->initiator,
        user != NULL ? ", user " : "", user != NULL ? user : "");
    return (struct spd_visitor){
        .door = &c->door->base,
        .what = session->params.discovery ? "discovery session" : "session",
        .who = who,
        .peer = c->host,
    };
}

void connection_begins(const struct connection *c)
{
    char who[WHO_MAX];
    struct spd_visitor visitor = visitor_of(c, who);

    spd_session_begins(&visitor);
}

/* A connection that was no session yet. If a peer closes it, it may be anybody's who looks which
 * ports are open, and a refused login has a line already. */
static void report_drop(const struct connection *c, enum spd_ending ending, const char *detail)
{
    static struct spd_log_limit limit = { .kind = "iscsi: connections dropped" };
    const char *initiator = initiator_of(c);

    if (detail == NULL)
        return;
    spd_log_limited(&limit, c->host, SPD_LOG_WARNING,
        "iscsi: %s port %s, connection dropped before a session, %s (%s)%s%s", c->host, c->port,
        spd_ending_text(ending), detail, *initiator == '\0' ? "" : "; initiator ", initiator);
}

void connection_ends(struct connection *c, enum spd_ending ending, const char *detail)
{
    struct spd_visitor visitor;
    char who[WHO_MAX];

    if (c->told)
        return;
    c->told = true;
    if (c->session == NULL) {
        report_drop(c, ending, detail);
        return;
    }
    visitor = visitor_of(c, who);
    spd_session_ends(&visitor, c->door->loop.now - c->session->began, ending, detail);
}

void connection_drop(struct connection *c, enum spd_ending ending, const char *detail)
{
    if (c->state == CONNECTION_DROPPED)
        return;
    connection_ends(c, ending, detail);
    c->state = CONNECTION_DROPPED;
    /* Closed now, freed at the end of the turn: callers up the stack may still hold it. */
    spd_loop_close_socket(&c->door->loop, &c->watch);
    peer_let_go(c);
    list_remove(&c->ready);
    list_remove(&c->link);
    list_append(&c->door->dropped, &c->link);
}

void connection_close_after_send(struct connection *c)
{
    if (c->state == CONNECTION_DROPPED)
        return;
    c->state = CONNECTION_CLOSING;
    c->deadline = c->door->loop.now + ISCSI_CLOSING_SECONDS + 1;
    if (list_empty(&c->ready))
        list_append(&c->door->ready, &c->ready);
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
        connection_drop(c, SPD_END_TIMEOUT, "no answer to a NOP-In");
    } else if (c->tx.blocked && now - c->tx.last_moved >= patience) {
        connection_drop(c, SPD_END_TIMEOUT, "it does not read what it asked for");
    } else if (c->door->room_wanted && room_is_idle(c->session, patience)) {
        connection_drop(
            c, SPD_END_SHARE, "others wait for the room of data that it does not send");
    } else if (c->hold == HOLD_DISCOVERY && now - c->held_since >= patience) {
        connection_drop(c, SPD_END_TIMEOUT, "a discovery session that asks nothing");
    } else if (!c->pinged && silent >= config->nop_interval) {
        c->pinged = true;
        nop_ping(c);
    }
}

/* Once a second. */
void connection_tick(struct connection *c)
{
    uint32_t now = c->door->loop.now;

    switch (c->state) {
    case CONNECTION_DELAYED:
        if ((int32_t)(now - c->deadline) >= 0)
            login_refuse_late(c);
        break;
    case CONNECTION_WAITING:
        waiting_tick(c);
        break;
    case CONNECTION_LOGIN:
        if ((int32_t)(now - c->deadline) >= 0)
            connection_drop(c, SPD_END_TIMEOUT, "its login took too long");
        break;
    case CONNECTION_CLOSING:
        if ((int32_t)(now - c->deadline) >= 0)
            connection_drop(c, SPD_END_TIMEOUT, NULL);
        break;
    case CONNECTION_FULL:
        look_after(c);
        break;
    default:
        break;
    }
}
