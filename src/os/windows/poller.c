/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Uses WSAPoll(): it is level-triggered, as the doors expect, and a door has few sockets. */

#include <winsock2.h>

#include "os/net.h"

#include <stdlib.h>

_Static_assert(OS_POLL_IN == POLLIN && OS_POLL_OUT == POLLOUT &&
        OS_POLL_GONE == (POLLERR | POLLHUP | POLLNVAL),
    "net_types.h says what a poll's flags are");

enum {
    ROOM = 16,
    PAUSE_MS = 20, /* when the system has no memory for a wait */
};

int os_poller_open(struct os_poller *poller)
{
    *poller = (struct os_poller){ 0 };
    return 0;
}

void os_poller_free(struct os_poller *poller)
{
    free(poller->sockets);
    free(poller->data);
    *poller = (struct os_poller){ 0 };
}

static bool make_room(struct os_poller *poller)
{
    unsigned room = poller->room + ROOM;
    struct pollfd *sockets;
    void **data;

    if (poller->count < poller->room)
        return true;
    sockets = realloc(poller->sockets, room * sizeof *sockets);
    if (sockets)
        poller->sockets = sockets;
    data = realloc(poller->data, room * sizeof *data);
    if (data)
        poller->data = data;
    if (!sockets || !data)
        return false;
    poller->room = room;
    return true;
}

int os_poller_add(struct os_poller *poller, os_socket socket, uint32_t flags, void *data)
{
    if (!make_room(poller))
        return WSAENOBUFS;
    poller->sockets[poller->count] = (struct pollfd){ .fd = socket, .events = (SHORT)flags };
    poller->data[poller->count++] = data;
    return 0;
}

/* The place of a socket; count when it has none. */
static unsigned find(const struct os_poller *poller, os_socket socket)
{
    unsigned i = 0;

    while (i < poller->count && poller->sockets[i].fd != socket)
        i++;
    return i;
}

int os_poller_change(struct os_poller *poller, os_socket socket, uint32_t flags, void *data)
{
    unsigned i = find(poller, socket);

    if (i == poller->count)
        return WSAENOTSOCK;
    poller->sockets[i].events = (SHORT)flags;
    poller->data[i] = data;
    return 0;
}

void os_poller_remove(struct os_poller *poller, os_socket socket)
{
    unsigned i = find(poller, socket);

    if (i == poller->count)
        return;
    poller->count--;
    poller->sockets[i] = poller->sockets[poller->count];
    poller->data[i] = poller->data[poller->count];
}

void os_poller_close(struct os_poller *poller, os_socket socket)
{
    os_poller_remove(poller, socket);
    closesocket(socket);
}

int os_poller_wait(struct os_poller *poller, os_poll_event *events, int max, int timeout)
{
    int ready = WSAPoll(poller->sockets, poller->count, timeout), found = 0;
    unsigned at = poller->next;

    if (ready == SOCKET_ERROR) {
        Sleep(PAUSE_MS);
        return 0;
    }
    for (unsigned seen = 0; seen < poller->count && found < ready && found < max; seen++) {
        at = at < poller->count ? at : 0;
        if (poller->sockets[at].revents != 0)
            events[found++] = (os_poll_event){ poller->data[at],
                (uint16_t)poller->sockets[at].revents };
        at++;
    }
    poller->next = at;
    return found;
}
