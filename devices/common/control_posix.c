/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A thread serves all clients, and waits for none of them: each has a few seconds to send its line
 * and to take its answer. A new client takes the place of the oldest one if all are taken.
 */

#include "control.h"
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8, PATIENCE_MS = 5000, PAUSE_MS = 200, BACKLOG = 8 };

static const uint64_t millisecond = 1000000;

struct client {
    int fd; /* -1: a free place */
    uint64_t until;
    char line[CONTROL_LINE_MAX];
    size_t got;
    char *answer;
    size_t length, sent;
};

static struct {
    char path[sizeof ((struct sockaddr_un *)0)->sun_path];
    dev_t device;
    ino_t inode; /* those of the file at the path */
    int listener, stop; /* -1: none */
    struct control_disks *disks;
    struct client clients[CLIENTS_MAX];
    struct monitor_thread *thread;
} control = { .listener = -1, .stop = -1 };

/* The socket. */

/* False: `why` says why there is no such folder. It exists, or is made, for this user alone. */
static bool make_folder(const char *folder, const char **why)
{
    struct stat found;

    *why = NULL;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        *why = strerror(errno);
    else if (lstat(folder, &found) != 0)
        *why = strerror(errno);
    else if (!S_ISDIR(found.st_mode))
        *why = "it is no folder";
    else if (found.st_uid != geteuid())
        *why = "it belongs to another user";
    else if (found.st_mode & 077)
        *why = "others may enter it (chmod 700)";
    return !*why;
}

static bool choose_folder(char *folder, size_t size)
{
    const char *given = getenv("SPD_RUNTIME_DIR"), *session = getenv("XDG_RUNTIME_DIR");

    if (given && *given)
        return (size_t)snprintf(folder, size, "%s", given) < size;
    if (geteuid() == 0)
        return (size_t)snprintf(folder, size, "/run/spd") < size;
    return session && *session && (size_t)snprintf(folder, size, "%s/spd", session) < size;
}

static bool choose_path(const spd_program_options *options)
{
    char folder[sizeof control.path];
    const char *why;
    int length;

    if (options->control) {
        length = snprintf(control.path, sizeof control.path, "%s", options->control);
        if ((size_t)length < sizeof control.path)
            return true;
        spd_program_error(options->program, "--control %s: a path of a socket has at most %zu "
            "bytes: the program goes on without it", options->control, sizeof control.path - 1);
        return false;
    }
    if (!choose_folder(folder, sizeof folder))
        return false; /* this user has no place for it, and has not asked */
    if (!make_folder(folder, &why)) {
        spd_program_error(options->program, "no control socket: %s: %s; --control names another "
            "place", folder, why);
        return false;
    }
    length = snprintf(control.path, sizeof control.path, "%s/%.32s-%ld", folder,
        options->program->name, (long)getpid());
    return (size_t)length < sizeof control.path;
}

/* A socket at which nobody listens: a process that was killed has left it. connect() alone cannot
 * tell it from a file with somebody's data. */
static bool is_left_over(int fd, const struct sockaddr_un *address)
{
    struct stat found;

    return lstat(address->sun_path, &found) == 0 && S_ISSOCK(found.st_mode) &&
        connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED;
}

static int bind_path(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    mode_t mask = umask(0177);
    struct stat found;
    int error, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strcpy(address.sun_path, control.path);
    error = fd < 0 ? errno : 0;
    if (!error && bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        error = errno;
        if (error == EADDRINUSE && is_left_over(fd, &address) && unlink(control.path) == 0) {
            close(fd);
            fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            error = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
        }
    }
    umask(mask);
    if (!error && (listen(fd, BACKLOG) != 0 || lstat(control.path, &found) != 0))
        error = errno;
    if (!error) {
        control.device = found.st_dev;
        control.inode = found.st_ino;
        control.listener = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    return error;
}

void control_open(const spd_program_options *options)
{
    int error;

    if (options->control && strcmp(options->control, "off") == 0)
        return;
    if (!choose_path(options))
        return;
    error = bind_path();
    if (error)
        spd_program_error(options->program, "no control socket at %s: %s", control.path,
            strerror(error));
}

/* Clients. */

static void end(struct client *client)
{
    close(client->fd);
    free(client->answer);
    *client = (struct client){ .fd = -1 };
}

static bool has_answer(const struct client *client)
{
    return client->answer && client->sent < client->length;
}

static void answer(struct client *client)
{
    FILE *out = open_memstream(&client->answer, &client->length);

    if (!out) {
        end(client);
        return;
    }
    control_answer(control.disks, client->line, out);
    if (fclose(out) != 0)
        end(client);
}

/* A client of HTTP sends more than the line before it reads. */
static void receive(struct client *client)
{
    char rest[512];
    bool line = !client->answer;
    size_t room = line ? sizeof client->line - 1 - client->got : sizeof rest;
    ssize_t got = read(client->fd, line ? client->line + client->got : rest, room);
    char *end_of_line;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(client);
        return;
    }
    if (!line)
        return;
    client->got += (size_t)got;
    client->line[client->got] = '\0';
    end_of_line = strpbrk(client->line, "\r\n");
    if (end_of_line) {
        *end_of_line = '\0';
        answer(client);
    } else if (client->got == sizeof client->line - 1) {
        end(client);
    }
}

static void send_answer(struct client *client)
{
    ssize_t sent = write(client->fd, client->answer + client->sent, client->length - client->sent);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        end(client);
        return;
    }
    client->sent += (size_t)sent;
    if (client->sent == client->length)
        shutdown(client->fd, SHUT_WR);
}

static struct client *place(void)
{
    struct client *oldest = control.clients;

    for (struct client *client = control.clients; client < control.clients + CLIENTS_MAX; client++)
        if (client->fd < 0)
            return client;
        else if (client->until < oldest->until)
            oldest = client;
    end(oldest);
    return oldest;
}

static void take_client(void)
{
    int fd = accept4(control.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0)
        *place() = (struct client){ .fd = fd, .until = monitor_now() + PATIENCE_MS * millisecond };
    else if (errno != EAGAIN && errno != ECONNABORTED)
        poll(NULL, 0, PAUSE_MS); /* the process has no descriptor left, and the client stays */
}

static void serve_client(struct client *client, short events)
{
    if (client->until <= monitor_now()) {
        end(client);
        return;
    }
    if (events & POLLOUT && has_answer(client))
        send_answer(client);
    if (client->fd >= 0 && events & (POLLIN | POLLHUP | POLLERR))
        receive(client);
}

static void serve(void *context)
{
    struct pollfd waits[CLIENTS_MAX + 2] = {
        [CLIENTS_MAX] = { .fd = control.listener, .events = POLLIN },
        [CLIENTS_MAX + 1] = { .fd = control.stop, .events = POLLIN },
    };

    (void)context;
    while (!waits[CLIENTS_MAX + 1].revents) {
        bool alone = true;

        for (int i = 0; i < CLIENTS_MAX; i++) {
            const struct client *client = &control.clients[i];

            waits[i] = (struct pollfd){ .fd = client->fd,
                .events = has_answer(client) ? POLLIN | POLLOUT : POLLIN };
            alone &= client->fd < 0;
        }
        if (poll(waits, CLIENTS_MAX + 2, alone ? -1 : PATIENCE_MS / 5) < 0)
            continue;
        for (int i = 0; i < CLIENTS_MAX; i++)
            if (control.clients[i].fd >= 0)
                serve_client(&control.clients[i], waits[i].revents);
        if (waits[CLIENTS_MAX].revents)
            take_client();
    }
}

/* Its life. */

void control_start(struct control_disks *disks)
{
    if (control.listener < 0)
        return;
    control.disks = disks;
    for (int i = 0; i < CLIENTS_MAX; i++)
        control.clients[i].fd = -1;
    control.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (control.stop >= 0)
        control.thread = monitor_thread_new(serve, NULL);
}

/* Somebody else may have put a file there meanwhile. */
static void remove_own(void)
{
    struct stat found;

    if (lstat(control.path, &found) == 0 && found.st_dev == control.device &&
        found.st_ino == control.inode)
        unlink(control.path);
}

void control_close(void)
{
    uint64_t one = 1;
    ssize_t written = control.thread ? write(control.stop, &one, sizeof one) : 0;

    (void)written; /* the counter is 0 before */
    monitor_thread_join(control.thread);
    for (int i = 0; i < CLIENTS_MAX && control.thread; i++)
        if (control.clients[i].fd >= 0)
            end(&control.clients[i]);
    control.thread = NULL;
    if (control.stop >= 0)
        close(control.stop);
    if (control.listener >= 0) {
        close(control.listener);
        remove_own();
    }
    control.listener = control.stop = -1;
}
