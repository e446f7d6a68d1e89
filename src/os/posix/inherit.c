/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Listening sockets that a service manager passes at the start (sd_listen_fds(3)). The manager
 * keeps them open while the program restarts, so that initiators wait and are not refused. A socket
 * is chosen by its address: the same command line serves with and without it.
 */

#include "os/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST = 3, SOCKETS_MAX = 64 };

/* 0: there is no such socket, or a door has taken it. */
static atomic_int inherited[SOCKETS_MAX];

static bool is_listener(int fd)
{
    int listens = 0, type = 0;
    socklen_t size = sizeof listens;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

static bool make_ours(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
        fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* 0 where the variable is missing or no number. */
static unsigned long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    unsigned long number;

    if (!text || *text < '0' || *text > '9')
        return 0;
    number = strtoul(text, &end, 10);
    return *end == '\0' ? number : 0;
}

int os_inherit_sockets(unsigned *count, int *failed)
{
    unsigned long passed = number_of("LISTEN_PID") == (unsigned long)getpid()
        ? number_of("LISTEN_FDS")
        : 0;

    /* The sockets are for this process, not for programs that it starts. */
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    *count = 0;
    if (passed > SOCKETS_MAX)
        return E2BIG;
    for (int fd = FIRST; fd < FIRST + (int)passed; fd++) {
        *failed = fd;
        if (!is_listener(fd))
            return errno == EBADF ? EBADF : EINVAL;
        if (!make_ours(fd))
            return errno;
        atomic_store(&inherited[(*count)++], fd);
    }
    return 0;
}

static bool same_inet6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    return a->sin6_port == b->sin6_port && a->sin6_scope_id == b->sin6_scope_id &&
        memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0;
}

static bool same(const void *one, const void *other)
{
    const struct sockaddr *a = one, *b = other;
    const struct sockaddr_in *a4 = one, *b4 = other;
    const struct sockaddr_un *a_unix = one, *b_unix = other;

    if (a->sa_family != b->sa_family)
        return false;
    switch (a->sa_family) {
    case AF_INET: return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    case AF_INET6: return same_inet6(one, other);
    case AF_UNIX:
        return a_unix->sun_path[0] != '\0' &&
            strncmp(a_unix->sun_path, b_unix->sun_path, sizeof a_unix->sun_path) == 0;
    default: return false;
    }
}

/* True: nobody has taken the socket at this place; its descriptor and address. */
static bool is_left(unsigned place, int *fd, struct os_address *own)
{
    socklen_t length = sizeof own->bytes;

    memset(own, 0, sizeof *own);
    *fd = atomic_load(&inherited[place]);
    return *fd != 0 && getsockname(*fd, (struct sockaddr *)(void *)own->bytes, &length) == 0;
}

os_socket os_inherited_socket(const struct os_address *address)
{
    struct os_address own;
    int fd;

    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        if (is_left(i, &fd, &own) && same(own.bytes, address->bytes) &&
            atomic_compare_exchange_strong(&inherited[i], &fd, 0))
            return fd;
    return OS_NO_SOCKET;
}

/* The port, in network order, of an IP address; -1 for others. */
static int port_of(const struct os_address *address)
{
    const struct sockaddr *any = (const struct sockaddr *)(const void *)address->bytes;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)any;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)any;

    return any->sa_family == AF_INET  ? four->sin_port
        : any->sa_family == AF_INET6 ? six->sin6_port
                                     : -1;
}

/* False: its address has no form that can be printed. */
static bool describe(int fd, const struct os_address *own, char *text, size_t size)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)(const void *)own->bytes;
    char host[OS_HOST_MAX], port[OS_PORT_MAX];

    if (local->sun_family == AF_UNIX)
        snprintf(text, size, "%.*s", (int)sizeof local->sun_path, local->sun_path);
    else if (os_socket_here(fd, host, port))
        snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    else
        return false;
    return *text != '\0';
}

bool os_inherited_address(const struct os_address *wanted, char *text, size_t size)
{
    struct os_address own;
    int fd;

    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        if (is_left(i, &fd, &own) && port_of(&own) >= 0 && port_of(&own) == port_of(wanted) &&
            describe(fd, &own, text, size))
            return true;
    return false;
}

bool os_inherited_left(unsigned *at, char *text, size_t size)
{
    struct os_address own;
    int fd;

    while (*at < SOCKETS_MAX)
        if (is_left((*at)++, &fd, &own) && describe(fd, &own, text, size))
            return true;
    return false;
}
