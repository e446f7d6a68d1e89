/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The door: its loop, its clock and its life. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/iscsi.h"
#include "lib/uri.h"

enum {
    EVENTS_MAX = 256,
    TICK_MS = 1000,
    TRIM_SECONDS = 2, /* of silence, after which free buffers go back to the system */
};

/* Which door's loop runs on this thread. */
static _Thread_local struct iscsi_door *here __attribute__((tls_model("initial-exec")));

bool iscsi_door_here(const struct iscsi_door *door)
{
    return here == door;
}

static void listen_again(struct iscsi_door *door)
{
    door->listening =
        os_poller_add(&door->poller, door->listener, OS_POLL_IN, &door->listener) == 0;
}

static void pause_listening(struct iscsi_door *door)
{
    os_poller_remove(&door->poller, door->listener);
    door->listening = false;
}

static enum os_accepted accept_one(struct iscsi_door *door)
{
    os_socket socket;
    enum os_accepted accepted = os_accept(door->listener, &socket);

    if (accepted == OS_ACCEPTED)
        connection_new(door, socket);
    return accepted;
}

static void make_room(struct iscsi_door *door)
{
    static struct spd_log_limit limit = { .kind = "iscsi: connections that wait" };

    if (peer_evict_login(&door->peers) && accept_one(door) != OS_ACCEPTED_EXHAUSTED)
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

static void read_mail(struct iscsi_door *door)
{
    for (struct spd_request *r = spd_mailbox_take(&door->mailbox), *next; r != NULL; r = next) {
        next = r->next;
        if (!spd_request_go_on(r))
            command_mailed(r);
    }
}

static void dispatch(struct iscsi_door *door, const os_poll_event *event)
{
    void *what = os_poll_data(event);
    struct connection *c = what;

    if (what == &door->listener) {
        accept_some(door);
    } else if (what == &door->mailbox) {
        read_mail(door);
    } else {
        if (os_poll_flags(event) & OS_POLL_OUT && list_empty(&c->ready))
            list_append(&door->ready, &c->ready);
        if (os_poll_flags(event) & (OS_POLL_IN | OS_POLL_GONE))
            receive_ready(c);
    }
}

/* Once a second while there is anything that can grow old. */
static void tick(struct iscsi_door *door)
{
    if (door->now == door->last_tick)
        return;
    door->last_tick = door->now;
    if (!door->listening && !door->draining)
        listen_again(door);
    list_each(link, &door->connections)
        connection_tick(list_entry(link, struct connection, link));
    if (door->now - door->last_busy >= TRIM_SECONDS)
        buffer_trim(&door->pool);
}

/* Starts what need not wait any longer, sends what is queued and buries the dead, until none of
 * these leads to more of another. */
static void settle(struct iscsi_door *door)
{
    do {
        task_look(door);
        session_deliver_all(door);
        room_serve(door);
        while (!list_empty(&door->ready))
            send_flush(list_entry(door->ready.next, struct connection, ready));
        connection_reap(door);
        session_reap(door);
    } while (!list_empty(&door->ready) || !list_empty(&door->dropped) || door->data_given_up ||
        (door->room_freed && !list_empty(&door->hungry)));
}

static int patience(const struct iscsi_door *door)
{
    bool idle = door->connection_count == 0 && door->pool.cached == 0 && door->listening;

    return idle ? -1 : TICK_MS;
}

void iscsi_door_turn(struct iscsi_door *door, int timeout)
{
    os_poll_event events[EVENTS_MAX];
    int most = patience(door), n;

    here = door;
    if (door->deferred)
        most = 0;
    n = os_poller_wait(&door->poller, events, EVENTS_MAX,
        timeout < 0 || (most >= 0 && most < timeout) ? most : timeout);
    door->peers.turn++;
    door->now = (uint32_t)(os_now_ns() / 1000000000u);
    /* Not always from the first: it might use up all that its peer has of a turn. */
    for (int i = 0; i < n; i++)
        dispatch(door, &events[(door->peers.turn + (uint32_t)i) % (uint32_t)n]);
    tick(door);
    settle(door);
    here = NULL;
}

bool iscsi_door_drain(struct iscsi_door *door)
{
    here = door;
    if (!door->draining) {
        door->draining = true;
        if (door->listener != OS_NO_SOCKET)
            pause_listening(door);
    }
    list_each(link, &door->connections) {
        struct connection *c = list_entry(link, struct connection, link);

        if (c->state == CONNECTION_FULL) {
            async_drop(c);
            send_flush(c);
        }
        connection_drop(c, SPD_END_STOPPED, NULL);
    }
    settle(door);
    here = NULL;
    return list_empty(&door->sessions);
}

static void run(void *argument)
{
    struct iscsi_door *door = argument;

    while (!atomic_load(&door->stopping) || !iscsi_door_drain(door))
        iscsi_door_turn(door, -1);
}

/* What the loop needs. 0 or a spd_error. */
static int open_loop(struct iscsi_door *door)
{
    int error = spd_mailbox_open(&door->mailbox);

    if (error != 0) {
        door->mailbox.event = -1;
        return error;
    }
    error = os_poller_open(&door->poller);
    door->polling = error == 0;
    if (error == 0)
        error = os_poller_add(
            &door->poller, (os_socket)door->mailbox.event, OS_POLL_IN, &door->mailbox);
    if (error != 0)
        return spd_fail(SPD_ERROR_SYSTEM, "the iSCSI door: %s", os_net_text(error));
    door->rx = os_pages_alloc(ISCSI_RX_BUFFER);
    return door->rx == NULL ? spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door") : 0;
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
    struct iscsi_door *door = calloc(1, sizeof(*door));
    uint16_t number = next_port(unit);
    int error;

    if (door == NULL)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
    door->base.ops = &iscsi_door_ops;
    door->base.unit = unit;
    door->config = *config;
    door->listener = OS_NO_SOCKET;
    door->mailbox.event = -1;
    list_init(&door->connections);
    list_init(&door->dropped);
    list_init(&door->ready);
    list_init(&door->sessions);
    list_init(&door->waits);
    list_init(&door->hungry);
    peers_init(&door->peers);
    door->port = (struct scsi_port){
        .designators = door->designators,
        .designators_length = config_designators(config, number, door->designators),
        .version_descriptor = 0x0960, /* SPC-4 table 141: iSCSI, no version claimed */
        .relative_port = number, /* as in the designators */
        .task_management = { SCSI_TM_ABORT_TASK | SCSI_TM_ABORT_TASK_SET | SCSI_TM_CLEAR_TASK_SET |
                SCSI_TM_LUN_RESET | (config->resets ? SCSI_TM_TARGET_RESET : 0) },
        .luns = &door->config.lun,
        .lun_count = 1,
    };
    door->now = (uint32_t)(os_now_ns() / 1000000000u);
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
    buffer_trim(&door->pool);
    if (door->rx != NULL)
        os_pages_free(door->rx, ISCSI_RX_BUFFER);
    if (door->mailbox.event != -1)
        spd_mailbox_close(&door->mailbox);
    if (door->polling)
        os_poller_free(&door->poller);
    if (door->listener != OS_NO_SOCKET)
        os_socket_close(door->listener);
    config_free(&door->config);
    free(door);
}

static int door_open(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **base)
{
    struct iscsi_config config;
    struct iscsi_door *door;
    bool guarded;
    int error = config_read(uri, &config, &guarded);

    if (error != 0)
        return error;
    error = iscsi_door_new(unit, &config, &door);
    if (error != 0) {
        config_free(&config);
        return error;
    }
    error = address_listen(uri, guarded, &door->listener);
    if (error == 0) {
        listen_again(door);
        error = address_name(uri, door);
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
    uint32_t length = spd_unit_params(base->unit)->block_length;

    if (length > LINUX_BLOCK_MAX)
        spd_log(SPD_LOG_WARNING, "%s: the disk has blocks of %u bytes: Linux shows a disk with "
            "longer ones than %u as one of 0 bytes", base->uri, length, LINUX_BLOCK_MAX);
}

static int door_start(struct spd_door *base)
{
    struct iscsi_door *door = (struct iscsi_door *)(void *)base;
    int error = os_thread_create(&door->thread, "spd-iscsi", run, door);

    if (error != 0)
        return spd_fail(SPD_ERROR_THREADS, "the iSCSI door: %s", strerror(error));
    warn_of_blocks(base);
    return 0;
}

static void door_stop(struct spd_door *base)
{
    struct iscsi_door *door = (struct iscsi_door *)(void *)base;

    atomic_store(&door->stopping, true);
    spd_mailbox_wake(&door->mailbox);
}

static void door_look(struct spd_door *base)
{
    spd_mailbox_wake(&((struct iscsi_door *)(void *)base)->mailbox);
}

static void door_join(struct spd_door *base)
{
    os_thread_join(((struct iscsi_door *)(void *)base)->thread);
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
