/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/net.h"

#include <unistd.h>

static int control(struct os_poller *poller, int operation, int fd, uint32_t flags, void *data)
{
    struct epoll_event event = { .events = flags, .data.ptr = data };

    return epoll_ctl(poller->epoll, operation, fd, &event) == 0 ? 0 : errno;
}

int os_poller_open(struct os_poller *poller)
{
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    return poller->epoll < 0 ? errno : 0;
}

void os_poller_free(struct os_poller *poller)
{
    close(poller->epoll);
}

int os_poller_add(struct os_poller *poller, os_socket socket, uint32_t flags, void *data)
{
    return control(poller, EPOLL_CTL_ADD, socket, flags, data);
}

int os_poller_change(struct os_poller *poller, os_socket socket, uint32_t flags, void *data)
{
    return control(poller, EPOLL_CTL_MOD, socket, flags, data);
}

void os_poller_remove(struct os_poller *poller, os_socket socket)
{
    control(poller, EPOLL_CTL_DEL, socket, 0, NULL);
}

/* epoll forgets what is closed. */
void os_poller_close(struct os_poller *poller, os_socket socket)
{
    (void)poller;
    close(socket);
}
