/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The portal: its loop, its clock and its life. */

#include "doors/iscsi/portal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/deliver.h"
#include "doors/iscsi/handover.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/member.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/share.h"
#include "doors/iscsi/target.h"
#include "doors/iscsi/task.h"
#include "doors/iscsi/transfer.h"
#include "doors/iscsi/wire.h"
#include "lib/door.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "lib/uri.h"
#include "os/net.h"
#include "os/os.h"
#include "scsi/scsi.h"

enum {
    TICK_MS = 1000,
    TRIM_SECONDS = 2, /* after this silence free buffers go back to the system */
};

static struct iscsi_portal *portal_of(const struct spd_loop *loop)
{
    return list_entry(loop, struct iscsi_portal, loop);
}

static void listen_again(struct iscsi_portal *portal)
{
    portal->listening = spd_loop_add(&portal->loop, &portal->listener, OS_POLL_IN) == 0;
}

static void pause_listening(struct iscsi_portal *portal)
{
    spd_loop_remove(&portal->loop, &portal->listener);
    portal->listening = false;
}

/* Initiators can connect while a unit serves. */
static void listen_if(struct iscsi_portal *portal)
{
    bool wanted = !list_empty(&portal->targets) && portal->listener.socket != OS_NO_SOCKET;

    if (wanted && !portal->listening)
        listen_again(portal);
    else if (!wanted && portal->listening)
        pause_listening(portal);
}

static enum os_accepted accept_one(struct iscsi_portal *portal)
{
    os_socket socket;
    enum os_accepted accepted = os_accept(portal->listener.socket, &socket);

    if (accepted == OS_ACCEPTED)
        iscsi_connection_new(portal, socket);
    return accepted;
}

static void make_room(struct iscsi_portal *portal)
{
    static struct spd_log_limit limit = { .kind = "iscsi: connections that wait" };

    if (iscsi_share_evict_login(&portal->peers) && accept_one(portal) != OS_ACCEPTED_EXHAUSTED)
        return;
    spd_log_limited(&limit, NULL, SPD_LOG_WARNING,
        "%s: connections wait, since this process may open no more descriptors: raise its limit",
        iscsi_target_door(portal, NULL)->uri);
    /* The listener would stay readable, so look again at the next tick. */
    pause_listening(portal);
}

static void accept_some(struct iscsi_portal *portal)
{
    for (unsigned i = 0; i < ISCSI_ACCEPTS_MAX; i++) {
        enum os_accepted accepted = accept_one(portal);

        /* The system takes a descriptor before it checks for a waiting client. After the first one
         * only the poller knows, and tells in the next turn. */
        if (accepted == OS_ACCEPTED_EXHAUSTED && i == 0)
            make_room(portal);
        if (accepted != OS_ACCEPTED)
            return;
    }
}

static void listener_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    (void)flags;
    accept_some(list_entry(watch, struct iscsi_portal, listener));
}

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    (void)loop;
    iscsi_command_mailed(request);
}

static void tick(struct spd_timer *timer)
{
    struct iscsi_portal *portal = list_entry(timer, struct iscsi_portal, tick);

    listen_if(portal);
    list_each(link, &portal->connections)
        iscsi_connection_tick(list_entry(link, struct iscsi_connection, link));
    if (portal->loop.now - portal->last_busy >= TRIM_SECONDS)
        iscsi_buffer_trim(&portal->pool);
}

static bool can_grow_old(const struct iscsi_portal *portal)
{
    return portal->connection_count > 0 || portal->pool.cached > 0 ||
        (portal == portal->first && !portal->listening && !list_empty(&portal->targets));
}

static bool is_doomed(const struct iscsi_portal *portal)
{
    return atomic_load_explicit(&portal->doomed, memory_order_relaxed);
}

/* Starts work that need not wait any longer, sends queues and frees ended connections, until none
 * of these leads to more of another. */
static bool settle(struct spd_loop *loop)
{
    struct iscsi_portal *portal = portal_of(loop);

    do {
        if (portal->handovers)
            iscsi_handover_send(portal);
        if (iscsi_member_is_due(portal))
            iscsi_member_look(portal);
        if (is_doomed(portal))
            iscsi_session_drop_doomed(portal);
        iscsi_task_look(portal);
        iscsi_deliver_all(portal);
        iscsi_transfer_serve(portal);
        while (!list_empty(&portal->ready))
            iscsi_send_flush(list_entry(portal->ready.next, struct iscsi_connection, ready));
        iscsi_connection_reap(portal);
        if (portal->sessions_ended) {
            iscsi_session_reap(portal);
            iscsi_login_resume(portal);
        }
    } while (!list_empty(&portal->ready) || !list_empty(&portal->dropped) ||
        portal->tasks_ended || portal->data_given_up || iscsi_member_is_due(portal) ||
        portal->handovers || is_doomed(portal) ||
        (portal->room_freed && !list_empty(&portal->hungry)));
    if (portal->units_changed) {
        portal->units_changed = false;
        listen_if(portal);
    }
    if (can_grow_old(portal) && !spd_timer_is_started(&portal->tick))
        spd_timer_start(loop, &portal->tick, TICK_MS);
    portal->peers.turn++;
    return portal->deferred;
}

/* Its last unit has gone, so only connections before their login are left. */
static void stop(struct spd_loop *loop)
{
    list_each(link, &portal_of(loop)->connections)
        iscsi_wire_drop(
            list_entry(link, struct iscsi_connection, link), SPD_END_STOPPED, NULL);
}

static bool is_empty(const struct spd_loop *loop)
{
    return list_empty(&portal_of(loop)->sessions);
}

static const struct spd_loop_ops loop_ops = {
    .mailed = mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = is_empty,
};

/* Life. */

static void loop_free(struct iscsi_portal *portal)
{
    iscsi_buffer_trim(&portal->pool);
    if (portal->rx)
        os_pages_free(portal->rx, ISCSI_RX_BUFFER);
    spd_loop_close(&portal->loop);
    if (portal->listener.socket != OS_NO_SOCKET)
        os_socket_close(portal->listener.socket);
    iscsi_roster_destroy(&portal->roster);
    os_mutex_destroy(&portal->life);
    os_cond_destroy(&portal->moved);
    os_mutex_destroy(&portal->lock);
    free(portal);
}

/* threads: the number of the portal's loops. first: NULL, or the portal's first loop. */
static struct iscsi_portal *loop_new(
    const struct iscsi_times *times, uint32_t threads, struct iscsi_portal *first)
{
    struct iscsi_portal *portal = calloc(1, sizeof *portal);

    if (!portal) {
        spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
        return NULL;
    }
    portal->first = first ? first : portal;
    portal->threads = threads;
    portal->times = *times;
    portal->listener = (struct spd_loop_socket){ .ready = listener_ready, .socket = OS_NO_SOCKET };
    portal->tick.fire = tick;
    list_init(&portal->targets);
    list_init(&portal->doors);
    list_init(&portal->connections);
    list_init(&portal->dropped);
    list_init(&portal->ready);
    list_init(&portal->sessions);
    list_init(&portal->waits);
    list_init(&portal->hungry);
    list_init(&portal->moving);
    list_init(&portal->arriving);
    list_init(&portal->link);
    list_init(&portal->members);
    os_mutex_init(&portal->lock);
    os_cond_init(&portal->moved);
    os_mutex_init(&portal->life);
    iscsi_peers_init(&portal->peers);
    /* The first loop has all logins, save those that wait on the loop of a former session. */
    iscsi_share_init(&portal->peers, first ? threads : 1);
    iscsi_room_init(portal, threads);
    iscsi_roster_init(&portal->roster);
    portal->rx = os_pages_alloc(ISCSI_RX_BUFFER);
    if (!portal->rx) {
        loop_free(portal);
        spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
        return NULL;
    }
    if (spd_loop_open(&portal->loop, &loop_ops) != 0) {
        loop_free(portal);
        return NULL;
    }
    return portal;
}

struct iscsi_portal *iscsi_portal_new(const struct iscsi_times *times, uint32_t threads)
{
    struct iscsi_portal *first = loop_new(times, threads, NULL), *last = first;

    for (uint32_t i = 1; last && i < threads; i++)
        last = last->next = loop_new(times, threads, first);
    if (first && !last) {
        iscsi_portal_free(first);
        return NULL;
    }
    return first;
}

void iscsi_portal_free(struct iscsi_portal *portal)
{
    while (portal) {
        struct iscsi_portal *next = portal->next;

        loop_free(portal);
        portal = next;
    }
}

int iscsi_portal_listen(struct iscsi_portal *portal, os_socket listener)
{
    portal->listener.socket = listener;
    return os_socket_here(listener, portal->host, portal->port)
        ? 0
        : spd_fail(SPD_ERROR_SYSTEM, "the iSCSI door: its address is not known");
}

/* From the first one to the one before `end`: no loop sends a connection to one that has ended. */
static void stop_loops(struct iscsi_portal *portal, const struct iscsi_portal *end)
{
    for (; portal != end; portal = portal->next) {
        spd_loop_stop(&portal->loop);
        spd_loop_join(&portal->loop);
    }
}

static int start_loops(struct iscsi_portal *portal)
{
    int error = 0;

    for (struct iscsi_portal *at = portal; at && error == 0; at = at->next) {
        error = spd_loop_start(&at->loop, "spd-iscsi");
        if (error != 0)
            stop_loops(portal, at);
    }
    return error;
}

int iscsi_portal_start(struct iscsi_portal *portal)
{
    int error = 0;

    os_mutex_lock(&portal->life);
    if (portal->serving == 0)
        error = start_loops(portal);
    portal->serving += error == 0;
    os_mutex_unlock(&portal->life);
    return error;
}

void iscsi_portal_stop(struct iscsi_portal *portal)
{
    os_mutex_lock(&portal->life);
    if (--portal->serving == 0)
        stop_loops(portal, NULL);
    os_mutex_unlock(&portal->life);
}
