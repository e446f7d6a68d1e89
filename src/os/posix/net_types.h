/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef OS_POSIX_NET_TYPES_H
#define OS_POSIX_NET_TYPES_H

#include <errno.h>
#include <sys/epoll.h>

typedef int os_socket;
#define OS_NO_SOCKET (-1)

enum {
    OS_NET_WOULD_BLOCK = EAGAIN,
    OS_NET_IN_USE = EADDRINUSE,
    OS_NET_NO_ADDRESS = EADDRNOTAVAIL,
    OS_NET_DENIED = EACCES,
};

/* struct iovec; net.c checks it. */
struct os_vec {
    void *base;
    size_t length;
};

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

#endif
