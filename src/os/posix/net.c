/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/net.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct os_vec) == sizeof(struct iovec) &&
        offsetof(struct os_vec, base) == offsetof(struct iovec, iov_base) &&
        offsetof(struct os_vec, length) == offsetof(struct iovec, iov_len),
    "net_types.h says what a scatter list is");

static struct iovec *system_vec(struct os_vec *vecs)
{
    return (struct iovec *)(void *)vecs;
}

const char *os_net_text(int error)
{
    return strerror(error);
}

int os_listen(const struct os_address *address, int backlog, os_socket *listener)
{
    const struct sockaddr *to = (const struct sockaddr *)(const void *)address->bytes;
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (fd < 0)
        return errno;
    /* So that a server that was killed can come back while its old connections linger; two
     * listeners cannot share a port with it. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
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

    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void os_socket_end(os_socket socket)
{
    shutdown(socket, SHUT_WR);
}

void os_socket_close(os_socket socket)
{
    close(socket);
}

ptrdiff_t os_send(os_socket socket, struct os_vec *vecs, unsigned count)
{
    struct msghdr message = { .msg_iov = system_vec(vecs), .msg_iovlen = count };
    ssize_t n;

    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ptrdiff_t os_receive(os_socket socket, struct os_vec *vecs, unsigned count)
{
    ssize_t n;

    do
        n = count == 1 ? recv(socket, vecs[0].base, vecs[0].length, 0)
                       : readv(socket, system_vec(vecs), (int)count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}
