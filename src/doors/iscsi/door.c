/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The door: its loop, its clock and its life. */

#include "doors/iscsi/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/address.h"
#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/deliver.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/logout.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/share.h"
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
    TRIM_SECONDS = 2, /* of silence, after which free buffers go back to the system */
};

static struct iscsi_door *door_of(const struct spd_loop *loop)
{
    return list_entry(loop, struct iscsi_door, loop);
}

static void listen_again(struct iscsi_door *door)
{
    door->listening = spd_loop_add(&door->loop, &door->listener, OS_POLL_IN) == 0;
}

static void pause_listening(struct iscsi_door *door)
{
    spd_loop_remove(&door->loop, &door->listener);
    door->listening = false;
}

static enum os_accepted accept_one(struct iscsi_door *door)
{
    os_socket socket;
    enum os_accepted accepted = os_accept(door->listener.socket, &socket);

    if (accepted == OS_ACCEPTED)
        iscsi_connection_new(door, socket);
    return accepted;
}

static void make_room(struct iscsi_door *door)
{
    static struct spd_log_limit limit = { .kind = "iscsi: connections that wait" };

    if (iscsi_share_evict_login(&door->peers) && accept_one(door) != OS_ACCEPTED_EXHAUSTED)
        return;
    spd_log_limited(&limit, NULL, SPD_LOG_WARNING,
        "%s: connections wait, since this process may open no more descriptors: raise its limit",
        door->base.uri);
    /* The listener would stay readable, so look again at the next tick. */
    pause_listening(door);
}

static void accept_some(struct iscsi_door *door)
{
    for (unsigned i = 0; i < ISCSI_ACCEPTS_MAX; i++) {
        enum os_accepted accepted = accept_one(door);

        /* The system looks for a descriptor before it looks whether anybody waits. After the first
         * one only the poller knows, which tells us in the next turn. */
        if (accepted == OS_ACCEPTED_EXHAUSTED && i == 0)
            make_room(door);
        if (accepted != OS_ACCEPTED)
            return;
    }
}

static void listener_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    (void)flags;
    accept_some(list_entry(watch, struct iscsi_door, listener));
}

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    (void)loop;
    iscsi_command_mailed(request);
}

static void tick(struct spd_timer *timer)
{
    struct iscsi_door *door = list_entry(timer, struct iscsi_door, tick);

    if (!door->listening && !door->draining)
        listen_again(door);
    list_each(link, &door->connections)
        iscsi_connection_tick(list_entry(link, struct iscsi_connection, link));
    if (door->loop.now - door->last_busy >= TRIM_SECONDS)
        iscsi_buffer_trim(&door->pool);
}

static bool can_grow_old(const struct iscsi_door *door)
{
    return door->connection_count > 0 || door->pool.cached > 0 || !door->listening;
}

/* Starts what need not wait any longer, sends what is queued and buries the dead, until none of
 * these leads to more of another. */
static bool settle(struct spd_loop *loop)
{
    struct iscsi_door *door = door_of(loop);

    do {
        iscsi_task_look(door);
        iscsi_deliver_all(door);
        iscsi_transfer_serve(door);
        while (!list_empty(&door->ready))
            iscsi_send_flush(list_entry(door->ready.next, struct iscsi_connection, ready));
        iscsi_connection_reap(door);
        if (door->sessions_ended) {
            iscsi_session_reap(door);
            iscsi_login_resume(door);
        }
    } while (!list_empty(&door->ready) || !list_empty(&door->dropped) || door->tasks_ended ||
        door->data_given_up || (door->room_freed && !list_empty(&door->hungry)));
    if (can_grow_old(door) && !spd_timer_is_started(&door->tick))
        spd_timer_start(loop, &door->tick, TICK_MS);
    door->peers.turn++;
    return door->deferred;
}

static void stop(struct spd_loop *loop)
{
    struct iscsi_door *door = door_of(loop);

    if (!door->draining) {
        door->draining = true;
        if (door->listener.socket != OS_NO_SOCKET)
            pause_listening(door);
    }
    list_each(link, &door->connections) {
        struct iscsi_connection *c = list_entry(link, struct iscsi_connection, link);

        if (c->state == CONNECTION_FULL) {
            iscsi_async_drop(c);
            iscsi_send_flush(c);
        }
        iscsi_wire_drop(c, SPD_END_STOPPED, NULL);
    }
}

static bool is_empty(const struct spd_loop *loop)
{
    return list_empty(&door_of(loop)->sessions);
}

static const struct spd_loop_ops loop_ops = {
    .mailed = mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = is_empty,
};

/* What the loop needs. 0 or a spd_error. */
static int open_loop(struct iscsi_door *door)
{
    int error = spd_loop_open(&door->loop, &loop_ops);

    if (error != 0)
        return error;
    door->rx = os_pages_alloc(ISCSI_RX_BUFFER);
    return door->rx ? 0 : spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
}

/* Doors of one unit are ports, and portal groups, of one number each: sessions of different ones
 * are different nexuses even where the doors have one target name (RFC 7143 4.4.1). */
static uint16_t next_port(const struct spd_unit *unit)
{
    uint16_t number = 1;

    while (spd_unit_door_uri(unit, number - 1u))
        number++;
    return number;
}

int iscsi_door_new(struct spd_unit *unit, const struct iscsi_config *config,
    struct iscsi_door **made)
{
    struct iscsi_door *door = calloc(1, sizeof *door);
    uint16_t number = next_port(unit);
    int error;

    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
    door->base.ops = &iscsi_door_ops;
    door->base.unit = unit;
    door->config = *config;
    door->listener = (struct spd_loop_socket){ .ready = listener_ready, .socket = OS_NO_SOCKET };
    door->tick.fire = tick;
    list_init(&door->connections);
    list_init(&door->dropped);
    list_init(&door->ready);
    list_init(&door->sessions);
    list_init(&door->waits);
    list_init(&door->hungry);
    iscsi_peers_init(&door->peers);
    iscsi_share_init(&door->peers);
    door->port = (struct scsi_port){
        .designators = door->designators,
        .designators_length = iscsi_config_designators(config, number, door->designators),
        .version_descriptor = 0x0960, /* SPC-4 table 141: iSCSI, no version claimed */
        .relative_port = number, /* as in the designators */
        .task_management = { SCSI_TM_ABORT_TASK | SCSI_TM_ABORT_TASK_SET | SCSI_TM_CLEAR_TASK_SET |
                SCSI_TM_LUN_RESET | (config->resets ? SCSI_TM_TARGET_RESET : 0) },
        .luns = &door->config.lun,
        .lun_count = 1,
    };
    error = open_loop(door);
    if (error == 0) {
        *made = door;
    } else {
        door->config = (struct iscsi_config){ 0 }; /* it stays the caller's */
        iscsi_door_free(door);
    }
    return error;
}

void iscsi_door_free(struct iscsi_door *door)
{
    iscsi_buffer_trim(&door->pool);
    if (door->rx)
        os_pages_free(door->rx, ISCSI_RX_BUFFER);
    spd_loop_close(&door->loop);
    if (door->listener.socket != OS_NO_SOCKET)
        os_socket_close(door->listener.socket);
    iscsi_config_free(&door->config);
    free(door);
}

static int door_open(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **base)
{
    struct iscsi_config config;
    struct iscsi_door *door;
    bool guarded;
    int error = iscsi_config_read(uri, &config, &guarded);

    if (error != 0)
        return error;
    error = iscsi_door_new(unit, &config, &door);
    if (error != 0) {
        iscsi_config_free(&config);
        return error;
    }
    error = iscsi_address_listen(uri, guarded, &door->listener.socket);
    if (error == 0) {
        listen_again(door);
        error = iscsi_address_name(uri, door);
    }
    if (error != 0) {
        free(door->base.uri);
        free(door->base.name);
        iscsi_door_free(door);
        return error;
    }
    *base = &door->base;
    return 0;
}

/* Its driver for disks, sd, knows no longer ones. */
static void warn_of_blocks(const struct spd_door *base)
{
    enum { LINUX_BLOCK_MAX = 4096 };
    uint32_t length = spd_unit_params_here(base->unit)->block_length;

    if (length > LINUX_BLOCK_MAX)
        spd_log(SPD_LOG_WARNING, "%s: the disk has blocks of %u bytes: Linux shows a disk with "
            "longer ones than %u as one of 0 bytes", base->uri, length, LINUX_BLOCK_MAX);
}

static int door_start(struct spd_door *base)
{
    struct iscsi_door *door = (struct iscsi_door *)(void *)base;
    int error = spd_loop_start(&door->loop, "spd-iscsi");

    if (error == 0)
        warn_of_blocks(base);
    return error;
}

static void door_stop(struct spd_door *base)
{
    spd_loop_stop(&((struct iscsi_door *)(void *)base)->loop);
}

static void door_look(struct spd_door *base)
{
    spd_loop_wake(&((struct iscsi_door *)(void *)base)->loop);
}

static void door_join(struct spd_door *base)
{
    spd_loop_join(&((struct iscsi_door *)(void *)base)->loop);
}

static void door_close(struct spd_door *base)
{
    iscsi_door_free((struct iscsi_door *)(void *)base);
}

const struct spd_door_ops iscsi_door_ops = {
    .scheme = "iscsi",
    .synopsis = "iscsi://HOST[:PORT]/IQN[/LUN][?chap=FILE&mutual=FILE&allow-anonymous=1&...]",
    .open = door_open,
    .start = door_start,
    .look = door_look,
    .stop = door_stop,
    .join = door_join,
    .close = door_close,
};
