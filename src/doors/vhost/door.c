/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The vhost-user doors: their names, their sockets and their first loop. */

#include "doors/vhost/door.h"

#include <stdlib.h>
#include <string.h>

#include "lib/uri.h"

static const uint64_t luns[] = { 0 };

static struct vhost_door *door_of(struct spd_door *base)
{
    return ((struct vhost_worker *)(void *)base)->of;
}

static struct vhost_door *door_of_loop(const struct spd_loop *loop)
{
    return ((struct vhost_worker *)(void *)((char *)(uintptr_t)loop -
        offsetof(struct vhost_worker, loop)))->of;
}

/* The first loop. */

static void refuse(const struct vhost_door *door, int socket)
{
    static struct spd_log_limit limit = { .kind = "vhost-user: front ends refused" };
    char who[SPD_LOCAL_WHO_MAX], user[SPD_LOCAL_USER_MAX];

    spd_local_peer(socket, who, user);
    spd_log_limited(&limit, user, SPD_LOG_WARNING,
        "%s: a front end is refused: another one is connected, and a device has one: %s",
        door->workers[0].door.uri, who);
    os_socket_close(socket);
}

/* A front end that comes while its predecessor's requests end waits for that. */
static void accept_front(struct vhost_door *door)
{
    enum os_accepted accepted = OS_ACCEPTED;
    os_socket socket;

    while (!door->front.ending && accepted == OS_ACCEPTED) {
        accepted = os_accept(door->listener.socket, &socket);
        if (accepted == OS_ACCEPTED && vhost_front_is_free(door))
            vhost_front_begin(door, socket);
        else if (accepted == OS_ACCEPTED)
            refuse(door, socket);
    }
    door->accepting = door->front.ending;
    spd_loop_change(
        &door->workers[0].loop, &door->listener, door->front.ending ? 0 : OS_POLL_IN);
}

/* It happens at the end of the turn, when the end of the former connection is known. */
static void listener_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    (void)flags;
    ((struct vhost_door *)(void *)((char *)watch - offsetof(struct vhost_door, listener)))
        ->accepting = true;
}

static bool settle(struct spd_loop *loop)
{
    struct vhost_door *door = door_of_loop(loop);
    bool more = vhost_worker_settle(&door->workers[0]);

    if (door->stopping)
        return false;
    more |= vhost_front_serve(door);
    if (door->accepting)
        accept_front(door);
    return more;
}

static void stop(struct spd_loop *loop)
{
    struct vhost_door *door = door_of_loop(loop);

    door->stopping = true;
    if (door->listening)
        spd_loop_remove(loop, &door->listener);
    door->listening = false;
    vhost_front_kill(door, SPD_END_STOPPED, NULL);
    vhost_worker_end(&door->workers[0]);
}

static bool is_empty(const struct spd_loop *loop)
{
    return vhost_worker_is_empty(&door_of_loop(loop)->workers[0]);
}

static const struct spd_loop_ops first_ops = {
    .mailed = vhost_worker_mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = is_empty,
};

/* The ops. */

static void close_door(struct spd_door *base)
{
    struct vhost_door *door = door_of(base);

    vhost_message_end(&door->front.message);
    vhost_backend_forget(door);
    if (door->listener.socket != OS_NO_SOCKET) {
        os_socket_close(door->listener.socket);
        spd_local_remove(door->path, door->path_device, door->path_inode);
    }
    for (uint32_t i = 0; i < door->worker_count; i++)
        spd_loop_close(&door->workers[i].loop);
    free(door->path);
    free(door);
}

static void make_queues(struct vhost_door *door)
{
    for (uint32_t i = 0; i < door->queue_count; i++) {
        struct vhost_queue *queue = &door->queues[i];

        queue->worker = &door->workers[i % door->worker_count];
        queue->index = (uint16_t)i;
        queue->kick.socket = OS_NO_SOCKET;
        queue->call = queue->error = -1;
    }
}

static struct vhost_door *new_door(struct spd_unit *unit, const struct vhost_device_ops *device,
    uint32_t queues, uint32_t threads)
{
    struct vhost_door *door = calloc(1, sizeof *door + threads * sizeof door->workers[0]);

    if (!door)
        return NULL;
    door->device = device;
    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    door->listener = (struct spd_loop_socket){ .ready = listener_ready, .socket = OS_NO_SOCKET };
    door->front.watch.socket = OS_NO_SOCKET;
    door->front.log_event = door->front.channel = door->front.answer = -1;
    door->queue_count = queues;
    door->worker_count = threads;
    for (uint32_t i = 0; i < threads; i++) {
        struct vhost_worker *worker = &door->workers[i];

        worker->of = door;
        worker->number = i;
        worker->door.unit = unit;
        worker->door.part = i + 1 < threads ? &door->workers[i + 1].door : NULL;
    }
    make_queues(door);
    return door;
}

static int open_loops(struct vhost_door *door)
{
    int error = spd_loop_open(&door->workers[0].loop, &first_ops);

    for (uint32_t i = 1; i < door->worker_count && !error; i++)
        error = spd_loop_open(&door->workers[i].loop, &vhost_worker_ops);
    return error;
}

static int listen_at(struct vhost_door *door, const struct spd_uri *uri)
{
    struct spd_local_access access = { .mode = 0600, .group = (gid_t)-1 };
    struct spd_uri front = { .scheme = uri->scheme, .path = uri->path, .port = -1 };
    int error = spd_local_mode(spd_uri_query(uri, "mode"), &access.mode), fd;

    if (error == 0)
        error = spd_local_group(spd_uri_query(uri, "group"), &access.group);
    if (error)
        return error;
    door->path = strdup(uri->path);
    door->workers[0].door.uri = spd_uri_text(&front);
    if (!door->path || !door->workers[0].door.uri)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the vhost-user door");
    for (uint32_t i = 1; i < door->worker_count; i++)
        door->workers[i].door.uri = door->workers[0].door.uri; /* for the log */
    fd = spd_local_listen(door->path, &access, &door->path_device, &door->path_inode);
    if (fd < 0)
        return fd;
    door->listener.socket = fd;
    error = spd_loop_add(&door->workers[0].loop, &door->listener, OS_POLL_IN);
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "waiting for a front end: %s", os_net_text(error));
    door->listening = true;
    return 0;
}

static int read_number(
    const struct spd_uri *uri, const char *name, uint32_t least, uint32_t most, uint32_t *number)
{
    const char *text = spd_uri_query(uri, name);
    char *end;
    unsigned long value;

    if (!text)
        return 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || value < least || value > most)
        return spd_fail(SPD_ERROR_URI_PARAMETER, "%s=%s: a number from %u to %u", name, text,
            least, most);
    *number = (uint32_t)value;
    return 0;
}

static int open_with(struct spd_unit *unit, const struct spd_uri *uri,
    const struct vhost_device_ops *device, const struct spd_door_ops *ops,
    struct spd_door **result)
{
    static const char *const allowed[] = {
        "mode", "group", "queues", "threads", "exit-on-disconnect", NULL };
    uint32_t queues = VHOST_QUEUES, threads = 1, ends = 0;
    struct vhost_door *door;
    int error = spd_uri_check_query(uri, allowed);

    if (!error)
        error = read_number(uri, "queues", 1, VHOST_QUEUES_MAX, &queues);
    if (!error)
        error = read_number(uri, "threads", 1, VHOST_THREADS_MAX, &threads);
    if (!error)
        error = read_number(uri, "exit-on-disconnect", 0, 1, &ends);
    if (error)
        return error;
    if (uri->host || !uri->path || uri->path[0] == '\0')
        return spd_fail(
            SPD_ERROR_URI, "write %s:PATH, without // before the path", uri->scheme);
    door = new_door(unit, device, queues, threads);
    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the vhost-user door");
    for (uint32_t i = 0; i < threads; i++)
        door->workers[i].door.ops = ops;
    door->ends_with_front = ends;
    error = open_loops(door);
    if (!error)
        error = listen_at(door, uri);
    if (error) {
        free(door->workers[0].door.uri);
        close_door(&door->workers[0].door);
        return error;
    }
    *result = &door->workers[0].door;
    return 0;
}

static int open_blk(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    return open_with(unit, uri, &vhost_blk_ops, &vhost_blk_door_ops, result);
}

/* The first loop comes last, since it gives the others orders. */
static int start_door(struct spd_door *base)
{
    struct vhost_door *door = door_of(base);
    int error = 0;

    for (uint32_t i = door->worker_count; i-- > 0 && !error;)
        error = spd_loop_start(&door->workers[i].loop, "spd-vhost");
    return error;
}

/* A part has a loop. */
static void look_part(struct spd_door *base)
{
    spd_loop_wake(&((struct vhost_worker *)(void *)base)->loop);
}

static void resized_door(struct spd_door *base)
{
    struct vhost_door *door = door_of(base);

    atomic_store(&door->resized, true);
    spd_loop_wake(&door->workers[0].loop);
}

static void stop_door(struct spd_door *base)
{
    struct vhost_door *door = door_of(base);

    for (uint32_t i = 0; i < door->worker_count; i++)
        spd_loop_stop(&door->workers[i].loop);
}

static void join_door(struct spd_door *base)
{
    struct vhost_door *door = door_of(base);

    for (uint32_t i = 0; i < door->worker_count; i++)
        spd_loop_join(&door->workers[i].loop);
}

const struct spd_door_ops vhost_blk_door_ops = {
    .scheme = "vhost-user-blk",
    .synopsis = "vhost-user-blk:PATH[?queues=N&threads=N&exit-on-disconnect=1&mode=OCTAL]",
    .open = open_blk,
    .start = start_door,
    .look = look_part,
    .resized = resized_door,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};
