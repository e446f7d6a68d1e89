/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Winsock's types without <winsock2.h>, which brings all of <windows.h>; net.c and poller.c check
 * them. */

#ifndef OS_WINDOWS_NET_TYPES_H
#define OS_WINDOWS_NET_TYPES_H

typedef uintptr_t os_socket;
#define OS_NO_SOCKET (~(os_socket)0)

enum {
    OS_NET_WOULD_BLOCK = 10035, /* WSAEWOULDBLOCK */
    OS_NET_IN_USE = 10048,      /* WSAEADDRINUSE */
    OS_NET_NO_ADDRESS = 10049,  /* WSAEADDRNOTAVAIL */
    OS_NET_DENIED = 10013,      /* WSAEACCES */
};

/* WSABUF */
struct os_vec {
    unsigned long length;
    void *base;
};

struct os_poller {
    struct pollfd *sockets;
    void **data; /* each socket's */
    unsigned count;
    unsigned room;
    unsigned next; /* the place of the next look, so that no socket starves */
};

typedef struct os_poll_event {
    void *data;
    uint32_t flags;
} os_poll_event;

enum {
    OS_POLL_IN = 0x0300,   /* POLLIN */
    OS_POLL_OUT = 0x0010,  /* POLLOUT */
    OS_POLL_GONE = 0x0007, /* POLLERR, POLLHUP, POLLNVAL */
};

static inline void *os_poll_data(const os_poll_event *event)
{
    return event->data;
}

static inline uint32_t os_poll_flags(const os_poll_event *event)
{
    return event->flags;
}

/* Winsock must be initialised once; so it is declared here, not in net.h. */
void os_windows_net_start(void);

#endif
