/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/wire.h"

#include <stdio.h>

#include "doors/iscsi/chap.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "os/net.h"

enum { WHO_MAX = OS_HOST_MAX + OS_PORT_MAX + ISCSI_NAME_MAX + CHAP_NAME_MAX + 64 };

static const char *initiator_of(const struct iscsi_connection *c)
{
    if (c->session)
        return c->session->initiator;
    return c->login ? c->login->claims.initiator : "";
}

/* Only for a connection with a session. The visitor points to the text in who. */
static struct spd_visitor visitor_of(const struct iscsi_connection *c, char who[WHO_MAX])
{
    const struct iscsi_session *session = c->session;
    const char *user = session->account;

    snprintf(who, WHO_MAX, "%s port %s, initiator %s%s%s", c->host, c->port, session->initiator,
        user ? ", user " : "", user ? user : "");
    return (struct spd_visitor){
        .door = iscsi_target_door(c->portal, session->target),
        .what = session->params.discovery ? "discovery session" : "session",
        .who = who,
        .peer = c->host,
        .session = session,
        .socket = &c->watch.socket,
    };
}

void iscsi_wire_begins(const struct iscsi_connection *c)
{
    char who[WHO_MAX];
    struct spd_visitor visitor = visitor_of(c, who);

    spd_session_begins(&visitor);
}

/* A connection that was no session yet. If the peer closes it, it may be a scan for open ports, and
 * a refused login already has a line. */
static void report_drop(
    const struct iscsi_connection *c, enum spd_ending ending, const char *detail)
{
    static struct spd_log_limit limit = { .kind = "iscsi: connections dropped" };
    const char *initiator = initiator_of(c);

    if (!detail)
        return;
    spd_log_limited(&limit, c->host, SPD_LOG_WARNING,
        "iscsi: %s port %s, connection dropped before a session, %s (%s)%s%s", c->host, c->port,
        spd_ending_text(ending), detail, *initiator == '\0' ? "" : "; initiator ", initiator);
}

void iscsi_wire_ends(struct iscsi_connection *c, enum spd_ending ending, const char *detail)
{
    struct spd_visitor visitor;
    char who[WHO_MAX];

    if (c->told)
        return;
    c->told = true;
    if (!c->session) {
        report_drop(c, ending, detail);
        return;
    }
    visitor = visitor_of(c, who);
    spd_session_ends(&visitor, c->portal->loop.now - c->session->began, ending, detail);
}

void iscsi_wire_drop(struct iscsi_connection *c, enum spd_ending ending, const char *detail)
{
    if (c->state == CONNECTION_DROPPED)
        return;
    iscsi_wire_ends(c, ending, detail);
    c->state = CONNECTION_DROPPED;
    /* It is closed now and freed at the end of the turn: callers up the stack may still hold it. */
    spd_loop_close_socket(&c->portal->loop, &c->watch);
    iscsi_peer_let_go(c);
    iscsi_roster_leave(c->entry);
    c->entry = NULL;
    list_remove(&c->ready);
    list_remove(&c->link);
    list_append(&c->portal->dropped, &c->link);
}

void iscsi_wire_close(struct iscsi_connection *c)
{
    if (c->state == CONNECTION_DROPPED)
        return;
    c->state = CONNECTION_CLOSING;
    c->deadline = c->portal->loop.now + ISCSI_CLOSING_SECONDS + 1;
    if (list_empty(&c->ready))
        list_append(&c->portal->ready, &c->ready);
}
