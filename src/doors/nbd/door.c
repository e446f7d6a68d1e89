/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The NBD doors: nbd: is TCP's, nbd+unix: that of Unix sockets. Beyond their sockets they are the
 * same. */

#include "doors/nbd/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/uri.h"

static const uint64_t luns[] = { 0 };

/* The loop. */

/* A client that has gone does not count, although the device may still have requests of it. */
static struct nbd_client **free_place(struct nbd_door *door)
{
    struct nbd_client **place = NULL;
    unsigned present = 0;

    for (int i = 0; i < NBD_PLACES; i++) {
        if (!door->clients[i])
            place = &door->clients[i];
        else
            present += !nbd_client_is_gone(door->clients[i]);
    }
    return present < NBD_CLIENTS_MAX ? place : NULL;
}

/* Takes the place of the client that has negotiated for longest: it has no requests. */
static struct nbd_client **silent_place(struct nbd_door *door)
{
    struct nbd_client **oldest = NULL;

    for (int i = 0; i < NBD_PLACES; i++) {
        const struct nbd_client *client = door->clients[i];

        if (client && !nbd_client_is_gone(client) && client->phase != NBD_TRANSMISSION &&
            (!oldest || client->number < (*oldest)->number))
            oldest = &door->clients[i];
    }
    if (oldest) {
        nbd_client_kill(*oldest, SPD_END_SHARE, "it still negotiates, and another one comes");
        nbd_client_free(*oldest);
    }
    return oldest;
}

static void admit(struct nbd_door *door, os_socket socket)
{
    static struct spd_log_limit limit = { .kind = "nbd: clients refused" };
    struct nbd_client **place = free_place(door);

    if (!place)
        place = silent_place(door);
    if (place) {
        *place = nbd_client_new(door, socket);
        return;
    }
    spd_log_limited(&limit, NULL, SPD_LOG_WARNING,
        "%s: a client is refused: all %d places have clients at work", door->door.uri,
        NBD_CLIENTS_MAX);
    os_socket_close(socket);
}

static void listen_again(struct spd_timer *timer)
{
    struct nbd_door *door =
        (struct nbd_door *)(void *)((char *)timer - offsetof(struct nbd_door, listen_again));

    for (unsigned i = 0; i < door->listener_count; i++) {
        struct nbd_listener *listener = &door->listeners[i];

        if (listener->paused && listener->listening)
            spd_loop_change(&door->loop, &listener->watch, OS_POLL_IN);
        listener->paused = false;
    }
}

/* The listener would stay readable, so the loop would not sleep. */
static void pause_listening(struct nbd_listener *listener)
{
    static struct spd_log_limit limit = { .kind = "nbd: clients that wait" };
    struct nbd_door *door = listener->door;

    spd_log_limited(&limit, NULL, SPD_LOG_WARNING,
        "%s: clients wait, since this process may open no more descriptors: raise its limit",
        door->door.uri);
    listener->paused = true;
    spd_loop_change(&door->loop, &listener->watch, 0);
    spd_timer_start(&door->loop, &door->listen_again, NBD_PAUSE_MS);
}

static void accept_clients(struct nbd_listener *listener)
{
    enum os_accepted accepted;
    os_socket socket;

    listener->accepting = false;
    while ((accepted = os_accept(listener->watch.socket, &socket)) == OS_ACCEPTED)
        admit(listener->door, socket);
    if (accepted == OS_ACCEPTED_EXHAUSTED)
        pause_listening(listener);
}

/* It happens at the end of the turn, since a client that still has an event may lose its place. */
static void listener_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    (void)flags;
    ((struct nbd_listener *)(void *)((char *)watch - offsetof(struct nbd_listener, watch)))
        ->accepting = true;
}

/* True: somebody has more to do. */
static bool serve_clients(struct nbd_door *door)
{
    bool hurries = false;

    for (int i = 0; i < NBD_PLACES; i++) {
        struct nbd_client *client = door->clients[i];

        if (!client)
            continue;
        nbd_client_pump(client);
        if (nbd_client_is_gone(client) && client->running == 0) {
            nbd_client_free(client);
            door->clients[i] = NULL;
        } else {
            hurries |= client->hurries && !nbd_client_is_gone(client);
        }
    }
    return hurries;
}

/* Task management of other doors. The end of some requests may complete others; then this is called
 * again. */
static void look(struct nbd_door *door)
{
    uint32_t round = spd_round(&door->door);
    bool changes = false;

    for (int i = 0; i < NBD_PLACES; i++) {
        if (door->clients[i] && round != door->round)
            nbd_client_abort(door->clients[i], round);
    }
    door->owes_report |= round != door->round;
    door->round = round;
    for (int i = 0; i < NBD_PLACES; i++)
        changes |= door->clients[i] && nbd_client_changes(door->clients[i]);
    if (door->owes_report && !changes) {
        door->owes_report = false;
        spd_round_report(&door->door, round);
    }
}

static struct nbd_door *door_of(const struct spd_loop *loop)
{
    return (struct nbd_door *)(void *)((char *)loop - offsetof(struct nbd_door, loop));
}

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    (void)loop;
    nbd_command_completed(request);
}

static bool settle(struct spd_loop *loop)
{
    struct nbd_door *door = door_of(loop);

    for (unsigned i = 0; i < door->listener_count; i++) {
        if (door->listeners[i].accepting && door->listeners[i].listening)
            accept_clients(&door->listeners[i]);
    }
    look(door);
    return serve_clients(door);
}

static void stop(struct spd_loop *loop)
{
    struct nbd_door *door = door_of(loop);

    for (unsigned i = 0; i < door->listener_count; i++) {
        if (door->listeners[i].listening)
            spd_loop_remove(loop, &door->listeners[i].watch);
        door->listeners[i].listening = false;
    }
    spd_timer_stop(loop, &door->listen_again);
    for (int i = 0; i < NBD_PLACES; i++) {
        if (!door->clients[i])
            continue;
        nbd_client_kill(door->clients[i], SPD_END_STOPPED, NULL);
        nbd_client_cancel(door->clients[i]);
    }
}

static bool has_no_client(const struct spd_loop *loop)
{
    const struct nbd_door *door = door_of(loop);

    for (int i = 0; i < NBD_PLACES; i++) {
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
    struct nbd_door *door = (struct nbd_door *)base;

    for (unsigned i = 0; i < door->listener_count; i++)
        os_socket_close(door->listeners[i].watch.socket);
    if (door->path && door->path_inode)
        spd_local_remove(door->path, door->path_device, door->path_inode);
    spd_loop_close(&door->loop);
    nbd_credentials_free(door->credentials);
    free(door->path);
    free(door->export_name);
    free(door);
}

static void describe(struct nbd_door *door)
{
    const struct scsi_unit_params *params = &spd_unit_scsi(door->door.unit)->params;
    int length = sizeof params->product_id;

    while (length > 0 && params->product_id[length - 1] == ' ')
        length--;
    snprintf(door->description, sizeof door->description, "%.*s", length, params->product_id);
}

static struct nbd_door *new_door(struct spd_unit *unit, const struct spd_uri *uri)
{
    struct nbd_door *door = calloc(1, sizeof *door);

    if (!door)
        return NULL;
    door->door.unit = unit;
    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    for (int i = 0; i < NBD_LISTENERS_MAX; i++)
        door->listeners[i] = (struct nbd_listener){ .door = door,
            .watch = { .ready = listener_ready, .socket = OS_NO_SOCKET } };
    door->listen_again.fire = listen_again;
    describe(door);
    door->export_name = strdup(uri->path ? uri->path : "");
    if (door->export_name)
        return door;
    close_door(&door->door);
    return NULL;
}

/* Whether TLS has to be, and with what. */
static int secure(struct nbd_door *door, const struct spd_uri *uri)
{
    bool required = strncmp(uri->scheme, "nbds", 4) == 0;
    int error = nbd_credentials_load(uri, &door->credentials);

    if (error == 0 && required && !door->credentials)
        return spd_fail(SPD_ERROR_URI_PARAMETER, "%s: needs tls-psk-file=FILE, "
            "tls-certificates=FOLDER, or tls-cert=FILE and tls-key=FILE", uri->scheme);
    door->tls = required ? NBD_TLS_REQUIRED
        : door->credentials ? NBD_TLS_OFFERED : NBD_TLS_NONE;
    return error;
}

static int open_with(struct spd_unit *unit, const struct spd_uri *uri,
    const char *const allowed[], int (*listen)(struct nbd_door *door, const struct spd_uri *uri),
    struct spd_door **result)
{
    int error = spd_uri_check_query(uri, allowed);
    struct nbd_door *door;

    if (error)
        return error;
    if (uri->path && strlen(uri->path) > NBD_STRING_MAX / 4)
        return spd_fail(SPD_ERROR_URI, "the name of an export has at most %d bytes",
            NBD_STRING_MAX / 4);
    door = new_door(unit, uri);
    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the NBD door");
    error = spd_loop_open(&door->loop, &loop_ops);
    if (error == 0)
        error = secure(door, uri);
    if (error == 0)
        error = listen(door, uri);
    if (error) {
        free(door->door.uri);
        free(door->door.name);
        close_door(&door->door);
        return error;
    }
    *result = &door->door;
    return 0;
}

static int open_tcp(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    static const char *const allowed[] = { "allow-anonymous", NBD_TLS_PARAMETERS, NULL };

    return open_with(unit, uri, allowed, nbd_listen_tcp, result);
}

static int open_local(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    static const char *const allowed[] = { "socket", "mode", "group", NBD_TLS_PARAMETERS, NULL };

    return open_with(unit, uri, allowed, nbd_listen_local, result);
}

static struct spd_loop *loop_of(struct spd_door *base)
{
    return &((struct nbd_door *)base)->loop;
}

static int start_door(struct spd_door *base)
{
    return spd_loop_start(loop_of(base), "spd-nbd");
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

#define OPS(SCHEME, SYNOPSIS, OPEN)                                                               \
    { .scheme = SCHEME, .synopsis = SYNOPSIS, .open = OPEN, .start = start_door,                  \
        .look = look_door, .stop = stop_door, .join = join_door, .close = close_door }

const struct spd_door_ops nbd_door_ops =
    OPS("nbd", "nbd://[HOST[:PORT]]/EXPORT[?allow-anonymous=1]", open_tcp);
const struct spd_door_ops nbds_door_ops =
    OPS("nbds", "nbds://[HOST[:PORT]]/EXPORT?tls-certificates=FOLDER", open_tcp);
const struct spd_door_ops nbd_local_door_ops =
    OPS("nbd+unix", "nbd+unix:///EXPORT?socket=PATH[&mode=OCTAL]", open_local);
const struct spd_door_ops nbds_local_door_ops =
    OPS("nbds+unix", "nbds+unix:///EXPORT?socket=PATH&tls-psk-file=FILE", open_local);
