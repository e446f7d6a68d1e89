/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/net.h"
#include "os/os.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

const char *os_net_text(int error)
{
    return strerror(error);
}

int os_listen(const struct os_address *address, int backlog, os_socket *listener)
{
    const struct sockaddr *to = (const struct sockaddr *)(const void *)address->bytes;
    int fd, on = 1, error;

    *listener = os_inherited_socket(address);
    if (*listener != OS_NO_SOCKET)
        return 0;
    fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    /* With it, a server that was killed can come back while its old connections linger. Two
     * listeners cannot share a port by it. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, to, address->length) == 0 && listen(fd, backlog) == 0) {
        *listener = fd;
        return 0;
    }
    error = errno;
    close(fd);
    return error;
}

enum os_accepted os_accept(os_socket listener, os_socket *accepted)
{
    *accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*accepted >= 0)
        return OS_ACCEPTED;
    return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM
        ? OS_ACCEPTED_EXHAUSTED
        : OS_ACCEPTED_NONE;
}

void os_socket_no_delay(os_socket socket)
{
    int on = 1;

    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void os_socket_keep_alive(os_socket socket)
{
    int on = 1, idle = 60, interval = 15, count = 4;

    setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

void os_socket_end(os_socket socket)
{
    shutdown(socket, SHUT_WR);
}

void os_socket_cut(os_socket socket)
{
    shutdown(socket, SHUT_RDWR);
}

void os_socket_close(os_socket socket)
{
    close(socket);
}

int os_errno(int error)
{
    return error;
}
