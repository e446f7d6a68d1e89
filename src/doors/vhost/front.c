/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The connection of a front end, on the first loop. */

#include <string.h>

#include "doors/vhost/door.h"

static struct vhost_door *door_of_watch(struct spd_loop_socket *watch)
{
    return (struct vhost_door *)(void *)((char *)watch - offsetof(struct vhost_door, front.watch));
}

static struct spd_loop *loop_of(struct vhost_door *door)
{
    return &door->workers[0].loop;
}

static struct spd_visitor visitor_of(const struct vhost_door *door)
{
    return (struct spd_visitor){
        .door = &door->workers[0].door,
        .what = "front end",
        .who = door->front.who,
        .peer = door->front.user,
        .session = door,
        .socket = &door->front.watch.socket,
    };
}

void vhost_front_kill(struct vhost_door *door, enum spd_ending ending, const char *detail)
{
    struct vhost_front *front = &door->front;
    struct spd_visitor visitor = visitor_of(door);

    if (front->watch.socket == OS_NO_SOCKET)
        return;
    spd_session_ends(&visitor, (os_now_ns() - front->began) / 1000000000u, ending, detail);
    spd_loop_close_socket(loop_of(door), &front->watch);
    spd_timer_stop(loop_of(door), &front->patience);
    atomic_fetch_sub(&door->workers[0].door.nexuses, 1);
    front->ending = true;
    vhost_order(door, NULL, VHOST_END);
}

static void ready(struct spd_loop_socket *watch, uint32_t flags)
{
    (void)flags;
    door_of_watch(watch)->front.readable = true;
}

static void lose_patience(struct spd_timer *timer)
{
    struct vhost_door *door =
        (struct vhost_door *)(void *)((char *)timer - offsetof(struct vhost_door, front.patience));

    vhost_front_kill(door, SPD_END_TIMEOUT, "the rest of a message has not come");
}

void vhost_front_begin(struct vhost_door *door, int socket)
{
    struct vhost_front *front = &door->front;
    struct spd_visitor visitor;

    front->watch = (struct spd_loop_socket){ .ready = ready, .socket = socket };
    front->patience.fire = lose_patience;
    front->readable = front->executing = false;
    front->began = os_now_ns();
    vhost_message_begin(&front->message);
    scsi_nexus_init(&door->nexus, spd_unit_scsi(vhost_unit(door)), &door->port);
    /* A guest with a block device is no initiator. */
    door->nexus.no_attentions = true;
    spd_local_peer(socket, front->who, front->user);
    atomic_fetch_add(&door->workers[0].door.nexuses, 1);
    visitor = visitor_of(door);
    spd_session_begins(&visitor);
    if (spd_loop_add(loop_of(door), &front->watch, OS_POLL_IN))
        vhost_front_kill(door, SPD_END_NO_ROOM, "this process may wait for no more sockets");
}

/* Answers. */

static void send_answer(struct vhost_door *door, const void *payload, uint32_t size)
{
    struct vhost_front *front = &door->front;
    struct vhost_header header = {
        .request = front->message.header.request,
        .flags = VHOST_VERSION | VHOST_REPLY,
        .size = size,
    };
    const char *why =
        vhost_message_send(front->watch.socket, &header, payload, front->answer);

    if (front->answer >= 0)
        os_socket_close(front->answer);
    front->answer = -1;
    if (why)
        vhost_front_kill(door, SPD_END_LOST, why);
}

static void report_failure(const struct vhost_door *door)
{
    static struct spd_log_limit limit = { .kind = "vhost-user: messages that failed" };

    spd_log_limited(&limit, door->front.user, SPD_LOG_WARNING,
        "%s: message %u of a front end is refused: %s", door->workers[0].door.uri,
        door->front.message.header.request, door->front.why);
}

static void finish(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;
    bool wants_answer = front->message.header.flags & VHOST_NEED_REPLY &&
        vhost_has(front->protocol_features, VHOST_P_REPLY_ACK);
    uint64_t failed = front->result == VHOST_FAILED;

    front->executing = false;
    if (failed && wants_answer)
        report_failure(door);
    if (front->result == VHOST_ANSWERED)
        send_answer(door, &front->message.payload, front->message.header.size);
    else if (wants_answer)
        send_answer(door, &failed, sizeof failed);
    else if (failed)
        vhost_front_kill(door, SPD_END_PROTOCOL, front->why);
    vhost_message_end(&front->message);
}

/* Carrying out. */

static void execute(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;
    struct vhost_queue *queue;
    enum vhost_scope scope;

    front->executing = true;
    front->result = VHOST_FAILED;
    if (!vhost_backend_scope(door, &scope, &queue))
        return;
    if (scope == VHOST_SCOPE_FRONT) {
        front->result = vhost_backend_execute(door, queue);
    } else if (scope == VHOST_SCOPE_QUEUE) {
        queue->worker->named = queue;
        vhost_order(door, queue->worker, VHOST_DO);
    } else {
        front->result = VHOST_LATER;
        vhost_order(door, NULL, VHOST_REST);
    }
}

/* False: loops are not done with the message. */
static bool executed(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;

    if (!vhost_obeyed(door))
        return false;
    if (front->result == VHOST_LATER) {
        front->result = vhost_backend_execute(door, NULL);
        vhost_order(door, NULL, VHOST_WORK);
    }
    return true;
}

/* False: there is none yet. */
static bool receive(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;
    const char *why;
    enum vhost_received received =
        vhost_message_receive(&front->message, front->watch.socket, &why);

    if (received == VHOST_RECEIVED_END)
        vhost_front_kill(door, why ? SPD_END_PROTOCOL : SPD_END_CLOSED, why);
    else if (received != VHOST_RECEIVED_PART)
        spd_timer_stop(loop_of(door), &front->patience);
    else if (!spd_timer_is_started(&front->patience))
        spd_timer_start(loop_of(door), &front->patience, VHOST_PATIENCE_MS);
    return received == VHOST_RECEIVED_ALL;
}

static bool is_connected(const struct vhost_door *door)
{
    return door->front.watch.socket != OS_NO_SOCKET;
}

static void forget(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;

    vhost_message_end(&front->message);
    vhost_backend_forget(door);
    vhost_order(door, NULL, VHOST_WORK);
    front->ending = front->executing = false;
    if (door->ends_with_front)
        spd_unit_shutdown(vhost_unit(door));
}

/* The configuration has changed; a front end that cannot hear it asks again at its next start. */
static void tell_resized(struct vhost_door *door)
{
    const struct vhost_header header = {
        .request = VHOST_BACKEND_CONFIG_CHANGE, .flags = VHOST_VERSION };

    if (door->front.channel >= 0)
        vhost_message_send(door->front.channel, &header, NULL, -1);
}

bool vhost_front_serve(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;

    for (int i = 0; i < VHOST_MESSAGES && is_connected(door); i++) {
        if (front->executing && !executed(door))
            return false;
        if (front->executing)
            finish(door);
        if (!is_connected(door) || !front->readable)
            break;
        if (!receive(door)) {
            front->readable = false;
            break;
        }
        execute(door);
    }
    if (atomic_exchange(&door->resized, false))
        tell_resized(door);
    if (front->ending && vhost_obeyed(door))
        forget(door);
    return is_connected(door) && (front->readable || front->executing);
}
