/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/handover.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/refusal.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/share.h"
#include "doors/iscsi/target.h"
#include "lib/loop.h"
#include "os/net.h"
#include "os/os.h"

static void send_one(struct iscsi_connection *c)
{
    struct iscsi_portal *portal = c->portal, *other = c->entry->portal;

    spd_loop_remove(&portal->loop, &c->watch);
    iscsi_peer_let_go(c);
    iscsi_peer_leave(c->peer);
    c->peer = NULL;
    list_remove(&c->ready);
    list_remove(&c->link);
    portal->connection_count--;
    os_mutex_lock(&other->lock);
    list_append(&other->arriving, &c->link);
    atomic_store(&other->mail, true);
    os_mutex_unlock(&other->lock);
    spd_loop_wake(&other->loop);
}

void iscsi_handover_send(struct iscsi_portal *portal)
{
    portal->handovers = false;
    list_each(link, &portal->connections) {
        struct iscsi_connection *c = list_entry(link, struct iscsi_connection, link);

        if (c->state == CONNECTION_WAITING && c->entry->portal != portal)
            send_one(c);
    }
}

/* The loop has no room for it, and never knew it, so the initiator gets no response. */
static void discard(struct iscsi_connection *c)
{
    iscsi_refusal_report(c, LOGIN_OUT_OF_RESOURCES, "the thread of its session has no memory");
    if (c->peer)
        iscsi_peer_leave(c->peer);
    iscsi_roster_leave(c->entry);
    iscsi_login_free(c->login);
    iscsi_send_drop(c);
    os_socket_close(c->watch.socket);
    free(c);
}

void iscsi_handover_take(struct iscsi_portal *portal, struct iscsi_connection *c)
{
    c->portal = portal;
    c->peer = iscsi_peer_of(&portal->peers, c->watch.socket);
    if (!c->peer || !iscsi_share_admit(&portal->peers, c->peer, SHARE_LOGINS) ||
        spd_loop_add(&portal->loop, &c->watch, c->watch.flags) != 0) {
        discard(c);
        return;
    }
    c->last_heard = portal->last_busy = portal->loop.now;
    list_append(&portal->connections, &c->link);
    portal->connection_count++;
    iscsi_peer_hold(c, HOLD_LOGIN);
    if (!list_empty(&c->tx.queue))
        list_append(&portal->ready, &c->ready);
    c->login->target = iscsi_target_at(c->login->target, portal);
    iscsi_login_seat(c);
}
