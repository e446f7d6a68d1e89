/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where a door listens. */

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/iscsi/iscsi.h"
#include "lib/uri.h"

static bool is_loopback(const struct sockaddr *address)
{
    const struct in6_addr *six;

    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
            127;
    if (address->sa_family != AF_INET6)
        return false;
    six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

bool address_local(int fd, char *text, size_t size)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char host[64], port[8];
    /* An IPv4 peer of an IPv6 socket knows us by our IPv4 address. */
    static const char mapped[] = "::ffff:";
    bool is_mapped;

    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0 ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
            NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    is_mapped = strncmp(host, mapped, sizeof(mapped) - 1) == 0 && strchr(host, '.') != NULL;
    if (is_mapped)
        snprintf(text, size, "%s:%s", host + sizeof(mapped) - 1, port);
    else
        snprintf(text, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

static int bind_error(const char *host, const char *port)
{
    int error = errno == EADDRINUSE ? SPD_ERROR_ADDRESS_IN_USE
        : errno == EADDRNOTAVAIL    ? SPD_ERROR_ADDRESS
        : errno == EACCES           ? SPD_ERROR_ACCESS
                                    : SPD_ERROR_SYSTEM;

    return spd_fail(error, "%s port %s: %s", host, port, strerror(errno));
}

static int listen_at(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, saved;

    if (fd < 0)
        return -1;
    /* So that a server that was killed can come back while its old connections linger. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, ISCSI_LOGINS_MAX) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int address_listen(const struct spd_uri *uri, bool guarded, int *listener)
{
    const char *host = uri->host == NULL || uri->host[0] == '\0' ? "127.0.0.1" : uri->host;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list;
    char port[12];
    int error;

    snprintf(port, sizeof(port), "%d", uri->port < 0 ? ISCSI_PORT : uri->port);
    error = getaddrinfo(host, port, &hints, &list);
    if (error != 0)
        return spd_fail(SPD_ERROR_ADDRESS, "%s: %s", host, gai_strerror(error));
    *listener = -1;
    error = 0;
    for (const struct addrinfo *a = list; a != NULL && *listener < 0; a = a->ai_next) {
        if (!guarded && !is_loopback(a->ai_addr)) {
            error = spd_fail(SPD_ERROR_ANONYMOUS, "%s is not a loopback address", host);
            break;
        }
        *listener = listen_at(a);
        error = *listener < 0 ? bind_error(host, port) : 0;
    }
    freeaddrinfo(list);
    return error;
}
