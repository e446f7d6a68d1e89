/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The unix: door: units behind a Unix socket, for tests and for programs of the same host. */

#include "doors/unix/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/uri.h"

static const uint64_t luns[] = { 0 };

/* The loop. */

static struct unix_client **free_place(struct unix_door *door)
{
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        if (!door->clients[i])
            return &door->clients[i];
    }
    return NULL;
}

/* Takes the place of the client that was silent for longest, which has no requests. */
static struct unix_client **silent_place(struct unix_door *door)
{
    struct unix_client **oldest = NULL;

    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        struct unix_client *client = door->clients[i];

        if (!client->spoke && (!oldest || client->number < (*oldest)->number))
            oldest = &door->clients[i];
    }
    if (oldest) {
        unix_client_kill(*oldest, SPD_END_SHARE, "it has asked nothing, and another one comes");
        unix_client_free(*oldest);
    }
    return oldest;
}

static void report_refusal(const struct unix_door *door, int fd, const char *why)
{
    static struct spd_log_limit limit = { .kind = "unix: clients refused" };
    char who[SPD_LOCAL_WHO_MAX], user[SPD_LOCAL_USER_MAX];

    spd_local_peer(fd, who, user);
    spd_log_limited(&limit, user, SPD_LOG_WARNING, "%s: a client is refused, %s: %s",
        door->door.uri, why, who);
}

/* The process is out of descriptors: without the spare one the client would stay in the backlog,
 * and the listener readable, for ever. */
static void refuse(struct unix_door *door)
{
    os_socket socket;

    close(door->spare);
    if (os_accept(door->listener.socket, &socket) == OS_ACCEPTED) {
        report_refusal(door, socket, "this process has no descriptor for it");
        os_socket_close(socket);
    }
    door->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void admit(struct unix_door *door, os_socket socket)
{
    struct unix_client **place = free_place(door);

    if (!place)
        place = silent_place(door);
    if (place) {
        *place = unix_client_new(door, socket);
    } else {
        report_refusal(door, socket, "all places have clients at work");
        os_socket_close(socket);
    }
}

static void accept_clients(struct unix_door *door)
{
    enum os_accepted accepted;
    os_socket socket;

    door->accepting = false;
    while ((accepted = os_accept(door->listener.socket, &socket)) == OS_ACCEPTED)
        admit(door, socket);
    if (accepted == OS_ACCEPTED_EXHAUSTED)
        refuse(door);
}

/* It happens at the end of the turn, since a silent client that still has an event may lose its
 * place. */
static void listener_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    (void)flags;
    ((struct unix_door *)(void *)((char *)watch - offsetof(struct unix_door, listener)))
        ->accepting = true;
}

/* Sends answers, and frees clients that have gone and run nothing. */
static void serve_clients(struct unix_door *door)
{
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        struct unix_client *client = door->clients[i];

        if (!client)
            continue;
        unix_client_pump(client);
        if (unix_client_is_gone(client) && client->running == 0) {
            unix_client_free(client);
            door->clients[i] = NULL;
        }
    }
}

/* Task management of other doors. The end of some requests may complete others; then this is called
 * again. */
static void look(struct unix_door *door)
{
    uint32_t round = spd_round(&door->door);
    bool changes = false;

    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        if (door->clients[i] && round != door->round)
            unix_client_abort(door->clients[i], round);
    }
    door->owes_report |= round != door->round;
    door->round = round;
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++)
        changes |= door->clients[i] && unix_client_changes(door->clients[i]);
    if (door->owes_report && !changes) {
        door->owes_report = false;
        spd_round_report(&door->door, round);
    }
}

static struct unix_door *door_of(const struct spd_loop *loop)
{
    return (struct unix_door *)(void *)((char *)loop - offsetof(struct unix_door, loop));
}

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    (void)loop;
    unix_client_completed(request);
}

static bool settle(struct spd_loop *loop)
{
    struct unix_door *door = door_of(loop);

    if (door->accepting && door->listening)
        accept_clients(door);
    look(door);
    serve_clients(door);
    return false;
}

static void stop(struct spd_loop *loop)
{
    struct unix_door *door = door_of(loop);

    if (door->listening)
        spd_loop_remove(loop, &door->listener);
    door->listening = false;
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        if (door->clients[i])
            unix_client_kill(door->clients[i], SPD_END_STOPPED, NULL);
    }
}

static bool has_no_client(const struct spd_loop *loop)
{
    const struct unix_door *door = door_of(loop);

    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        if (door->clients[i])
            return false;
    }
    return true;
}

static const struct spd_loop_ops loop_ops = {
    .mailed = mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = has_no_client,
};

/* The ops. */

static void close_door(struct spd_door *base)
{
    struct unix_door *door = (struct unix_door *)base;

    if (door->listener.socket != OS_NO_SOCKET) {
        os_socket_close(door->listener.socket);
        spd_local_remove(door->path, door->path_device, door->path_inode);
    }
    if (door->spare >= 0)
        close(door->spare);
    spd_loop_close(&door->loop);
    free(door->path);
    free(door);
}

static int open_descriptors(struct unix_door *door, mode_t mode)
{
    const struct spd_local_access access = { .mode = mode, .group = (gid_t)-1 };
    int error = spd_loop_open(&door->loop, &loop_ops), fd;

    if (error)
        return error;
    door->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (door->spare < 0)
        return spd_fail(SPD_ERROR_SYSTEM, "cannot open /dev/null: %s", strerror(errno));
    fd = spd_local_listen(door->path, &access, &door->path_device, &door->path_inode);
    if (fd < 0)
        return fd;
    door->listener.socket = fd;
    error = spd_loop_add(&door->loop, &door->listener, OS_POLL_IN);
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "waiting for clients: %s", os_net_text(error));
    door->listening = true;
    return 0;
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    static const char *const allowed[] = { "mode", NULL };
    mode_t mode = 0600;
    struct unix_door *door;
    int error = spd_uri_check_query(uri, allowed);

    if (error == 0)
        error = spd_local_mode(spd_uri_query(uri, "mode"), &mode);
    if (error)
        return error;
    if (uri->host || !uri->path || uri->path[0] == '\0')
        return spd_fail(SPD_ERROR_URI, "write unix:PATH, without // before the path");
    door = calloc(1, sizeof *door);
    if (!door)
        return SPD_ERROR_NO_MEMORY;
    door->door.ops = &unix_door_ops;
    door->door.unit = unit;
    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    door->listener = (struct spd_loop_socket){ .ready = listener_ready, .socket = OS_NO_SOCKET };
    door->spare = -1;
    door->path = strdup(uri->path);
    error = door->path ? open_descriptors(door, mode) : SPD_ERROR_NO_MEMORY;
    if (error == 0) {
        struct spd_uri clients = { .scheme = uri->scheme, .path = uri->path, .port = -1 };

        door->door.uri = spd_uri_text(&clients);
        error = door->door.uri ? 0 : SPD_ERROR_NO_MEMORY;
    }
    if (error) {
        close_door(&door->door);
        return error;
    }
    *result = &door->door;
    return 0;
}

static struct spd_loop *loop_of(struct spd_door *base)
{
    return &((struct unix_door *)base)->loop;
}

static int start_door(struct spd_door *base)
{
    return spd_loop_start(loop_of(base), "spd-unix");
}

static void stop_door(struct spd_door *base)
{
    spd_loop_stop(loop_of(base));
}

static void look_door(struct spd_door *base)
{
    spd_loop_wake(loop_of(base));
}

static void join_door(struct spd_door *base)
{
    spd_loop_join(loop_of(base));
}

const struct spd_door_ops unix_door_ops = {
    .scheme = "unix",
    .synopsis = "unix:PATH[?mode=OCTAL]",
    .open = open_door,
    .start = start_door,
    .look = look_door,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};
