/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef OS_POSIX_NET_TYPES_H
#define OS_POSIX_NET_TYPES_H

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

typedef int os_socket;
#define OS_NO_SOCKET (-1)

enum {
    OS_NET_WOULD_BLOCK = EAGAIN,
    OS_NET_IN_USE = EADDRINUSE,
    OS_NET_NO_ADDRESS = EADDRNOTAVAIL,
    OS_NET_DENIED = EACCES,
};

struct os_vec {
    void *base;
    size_t length;
};
_Static_assert(sizeof(struct os_vec) == sizeof(struct iovec) &&
        offsetof(struct os_vec, base) == offsetof(struct iovec, iov_base) &&
        offsetof(struct os_vec, length) == offsetof(struct iovec, iov_len),
    "the layout is struct iovec's");

struct os_poller {
    int epoll;
};

typedef struct epoll_event os_poll_event;

enum {
    OS_POLL_IN = EPOLLIN,
    OS_POLL_OUT = EPOLLOUT,
    OS_POLL_GONE = EPOLLHUP | EPOLLERR,
};

static inline void *os_poll_data(const os_poll_event *event)
{
    return event->data.ptr;
}

static inline uint32_t os_poll_flags(const os_poll_event *event)
{
    return event->events;
}

/* Functions that every turn of a door's loop calls are inline, so that they cost the system call
 * alone. */

static inline ptrdiff_t os_send(os_socket socket, struct os_vec *vecs, unsigned count)
{
    struct msghdr message = { .msg_iov = (struct iovec *)(void *)vecs, .msg_iovlen = count };
    ssize_t n;

    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static inline ptrdiff_t os_receive(os_socket socket, struct os_vec *vecs, unsigned count)
{
    ssize_t n;

    do
        n = count == 1 ? recv(socket, vecs[0].base, vecs[0].length, 0)
                       : readv(socket, (struct iovec *)(void *)vecs, (int)count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static inline int os_poller_wait(
    struct os_poller *poller, os_poll_event *events, int max, int timeout)
{
    int count = epoll_wait(poller->epoll, events, max, timeout);

    return count < 0 ? 0 : count;
}

#endif
