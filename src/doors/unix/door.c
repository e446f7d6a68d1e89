/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The unix: door: units behind a Unix socket, for tests and for programs of the same host. */

#include "doors/unix/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* Takes the place of the client silent for longest: that one can have nothing under way. */
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
    char who[UNIX_WHO_MAX], user[UNIX_USER_MAX];

    unix_socket_peer(fd, who, user);
    spd_log_limited(&limit, user, SPD_LOG_WARNING, "%s: a client is refused, %s: %s",
        door->door.uri, why, who);
}

/* Out of descriptors: without the spare one the client would stay in the backlog, and the listener
 * readable, forever. */
static void refuse(struct unix_door *door)
{
    int fd;

    close(door->spare);
    fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        report_refusal(door, fd, "this process has no descriptor for it");
        close(fd);
    }
    door->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_clients(struct unix_door *door)
{
    for (;;) {
        struct unix_client **place = free_place(door);
        int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                refuse(door);
            else if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return;
        }
        if (!place)
            place = silent_place(door);
        if (place) {
            *place = unix_client_new(door, fd);
        } else {
            report_refusal(door, fd, "all places have clients at work");
            close(fd);
        }
    }
}

/* Handling one may complete more, on this thread, so until there are none. */
static void handle_completed(struct unix_door *door, struct spd_request *mail)
{
    while (mail || door->completed) {
        struct spd_request **list = mail ? &mail : &door->completed;
        struct spd_request *request = *list;

        *list = request->next;
        if (!spd_request_go_on(request))
            unix_client_completed(request);
    }
}

/* After each round: answers go out, and clients that have gone and run nothing are freed. No event
 * of this round points at them any more. */
static void settle(struct unix_door *door)
{
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        struct unix_client *client = door->clients[i];

        if (!client)
            continue;
        unix_client_pump(client);
        if (client->fd < 0 && client->running == 0) {
            unix_client_free(client);
            door->clients[i] = NULL;
        }
    }
}

/* Task management of other doors. Ending some may complete others, which are handled next. */
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
    handle_completed(door, NULL);
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++)
        changes |= door->clients[i] && unix_client_changes(door->clients[i]);
    if (door->owes_report && !changes) {
        door->owes_report = false;
        spd_round_report(&door->door, round);
    }
}

static bool has_clients(const struct unix_door *door)
{
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        if (door->clients[i])
            return true;
    }
    return false;
}

static void begin_stop(struct unix_door *door)
{
    epoll_ctl(door->epoll, EPOLL_CTL_DEL, door->listener, NULL);
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        if (door->clients[i])
            unix_client_kill(door->clients[i], SPD_END_STOPPED, NULL);
    }
}

static void loop(void *argument)
{
    struct unix_door *door = argument;
    struct epoll_event events[UNIX_CLIENTS_MAX + 2];

    door->loop = pthread_self();
    for (;;) {
        struct spd_request *mail = NULL;
        bool accepting = false;
        int count = epoll_wait(door->epoll, events, UNIX_CLIENTS_MAX + 2, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &door->listener)
                accepting = true;
            else if (events[i].data.ptr == &door->mailbox)
                mail = spd_mailbox_take(&door->mailbox);
            else
                unix_client_event(events[i].data.ptr, events[i].events);
        }
        if (atomic_load(&door->stopping))
            begin_stop(door);
        else if (accepting)
            accept_clients(door);
        handle_completed(door, mail);
        look(door);
        settle(door);
        if (atomic_load(&door->stopping) && !has_clients(door))
            return;
    }
}

/* The ops. */

static int parse_mode(const char *text, mode_t *mode)
{
    char *end;
    unsigned long value;

    if (!text)
        return 0;
    value = strtoul(text, &end, 8);
    if (text[0] < '0' || text[0] > '7' || *end != '\0' || value > 0777)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "mode=%s: permissions of the socket in octal, 0 to 777", text);
    *mode = (mode_t)value;
    return 0;
}

static void close_door(struct spd_door *base)
{
    struct unix_door *door = (struct unix_door *)base;
    struct stat st;

    if (door->listener >= 0) {
        close(door->listener);
        if (lstat(door->path, &st) == 0 && st.st_dev == door->path_device &&
            st.st_ino == door->path_inode)
            unlink(door->path);
    }
    if (door->epoll >= 0)
        close(door->epoll);
    if (door->spare >= 0)
        close(door->spare);
    if (door->mailbox.event >= 0)
        spd_mailbox_close(&door->mailbox);
    free(door->path);
    free(door);
}

static int watch(struct unix_door *door, int fd, void *what)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

    return epoll_ctl(door->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_descriptors(struct unix_door *door, mode_t mode)
{
    int error = spd_mailbox_open(&door->mailbox);

    if (error) {
        door->mailbox.event = -1;
        return error;
    }
    door->epoll = epoll_create1(EPOLL_CLOEXEC);
    door->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (door->epoll < 0 || door->spare < 0)
        return spd_fail(SPD_ERROR_SYSTEM, "cannot make an epoll instance: %s", strerror(errno));
    door->listener = unix_socket_listen(door->path, mode, &door->path_device, &door->path_inode);
    if (door->listener < 0)
        return door->listener;
    if (watch(door, door->listener, &door->listener) ||
        watch(door, door->mailbox.event, &door->mailbox))
        return spd_fail(SPD_ERROR_SYSTEM, "epoll: %s", strerror(errno));
    return 0;
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    static const char *const allowed[] = { "mode", NULL };
    mode_t mode = 0600;
    struct unix_door *door;
    int error = spd_uri_check_query(uri, allowed);

    if (error == 0)
        error = parse_mode(spd_uri_query(uri, "mode"), &mode);
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
    door->listener = door->epoll = door->spare = door->mailbox.event = -1;
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

static int start_door(struct spd_door *base)
{
    struct unix_door *door = (struct unix_door *)base;
    int error = os_thread_create(&door->thread, "spd-unix", loop, door);

    if (error)
        return spd_fail(SPD_ERROR_THREADS, "%s", strerror(error));
    door->started = true;
    return 0;
}

static void stop_door(struct spd_door *base)
{
    struct unix_door *door = (struct unix_door *)base;

    atomic_store(&door->stopping, true);
    spd_mailbox_wake(&door->mailbox);
}

static void look_door(struct spd_door *base)
{
    spd_mailbox_wake(&((struct unix_door *)base)->mailbox);
}

static void join_door(struct spd_door *base)
{
    struct unix_door *door = (struct unix_door *)base;

    if (door->started)
        os_thread_join(door->thread);
    door->started = false;
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
