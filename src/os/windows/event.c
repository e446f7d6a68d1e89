/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* WSAPoll() waits for sockets only, so an event is a datagram socket of the loopback interface that
 * is connected to itself. Nobody else's datagrams reach it. */

#include <errno.h>
#include <winsock2.h>

#include "os/net.h"
#include "os/os.h"

enum { HEARD_MS = 5000 };

/* Only the low 32 bits of a handle are significant: processes of both sizes can share it. */
static SOCKET socket_of(int event)
{
    return (SOCKET)(unsigned)event;
}

static bool connect_to_itself(SOCKET made)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int length = sizeof address, on = 1;
    u_long nonblocking = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return setsockopt(made, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof on) == 0 &&
        bind(made, (struct sockaddr *)&address, sizeof address) == 0 &&
        getsockname(made, (struct sockaddr *)&address, &length) == 0 &&
        connect(made, (struct sockaddr *)&address, length) == 0 &&
        ioctlsocket(made, (long)FIONBIO, &nonblocking) == 0;
}

/* A lost signal may be the last one, so the function tries until it is sent. Under Wine it can fail
 * while another thread still sends. */
void os_event_signal(int event)
{
    int saved = WSAGetLastError();

    while (send(socket_of(event), "", 1, 0) < 0 &&
        (WSAGetLastError() == WSAEWOULDBLOCK || WSAGetLastError() == WSAENOBUFS))
        Sleep(0);
    WSASetLastError(saved);
}

/* A filter that swallows our datagrams is noticed here, and not when a disk hangs. */
static bool is_heard(int event)
{
    struct pollfd poll_event = { .fd = socket_of(event), .events = POLLIN };

    os_event_signal(event);
    return WSAPoll(&poll_event, 1, HEARD_MS) == 1;
}

int os_event_open(int *event)
{
    SOCKET made;

    os_windows_net_start();
    made = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    *event = (int)made;
    if (made == INVALID_SOCKET)
        return ENOMEM;
    SetHandleInformation((HANDLE)made, HANDLE_FLAG_INHERIT, 0);
    if (socket_of(*event) == made && connect_to_itself(made) && is_heard(*event)) {
        os_event_clear(*event);
        return 0;
    }
    closesocket(made);
    *event = -1;
    return EIO;
}

void os_event_close(int event)
{
    closesocket(socket_of(event));
}

void os_event_clear(int event)
{
    char byte;

    while (recv(socket_of(event), &byte, 1, 0) >= 0)
        ;
}

void os_event_wait(int event)
{
    struct pollfd poll_event = { .fd = socket_of(event), .events = POLLIN };

    while (WSAPoll(&poll_event, 1, -1) == 0)
        ;
}
