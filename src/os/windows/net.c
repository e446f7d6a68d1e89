/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mstcpip.h>

#include "os/net.h"
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(os_socket) == sizeof(SOCKET) && OS_NO_SOCKET == INVALID_SOCKET,
    "net_types.h says what a socket is");
_Static_assert(sizeof(struct os_vec) == sizeof(WSABUF) &&
        offsetof(struct os_vec, base) == offsetof(WSABUF, buf) &&
        offsetof(struct os_vec, length) == offsetof(WSABUF, len),
    "and a scatter list");
_Static_assert(OS_NET_WOULD_BLOCK == WSAEWOULDBLOCK && OS_NET_IN_USE == WSAEADDRINUSE &&
        OS_NET_NO_ADDRESS == WSAEADDRNOTAVAIL && OS_NET_DENIED == WSAEACCES,
    "and what its errors are");

static INIT_ONCE started = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK start(INIT_ONCE *once, void *parameter, void **context)
{
    WSADATA data;

    (void)once;
    (void)parameter;
    (void)context;
    WSAStartup(MAKEWORD(2, 2), &data); /* if it fails, so do all later calls */
    return TRUE;
}

/* It is never undone: the process may end while others still use sockets. */
void os_windows_net_start(void)
{
    InitOnceExecuteOnce(&started, start, NULL, NULL);
}

const char *os_net_text(int error)
{
    static _Thread_local char text[256];
    DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
        (DWORD)error, 0, text, sizeof text, NULL);

    while (length > 0 && strchr("\r\n. ", text[length - 1]))
        text[--length] = '\0';
    if (length == 0)
        snprintf(text, sizeof text, "Windows error %d", error);
    return text;
}

/* Programs that this process starts do not inherit it. */
static bool make_private(SOCKET socket)
{
    u_long on = 1;

    SetHandleInformation((HANDLE)socket, HANDLE_FLAG_INHERIT, 0);
    return ioctlsocket(socket, (long)FIONBIO, &on) == 0;
}

static int set(SOCKET socket, int level, int option, int value)
{
    return setsockopt(socket, level, option, (const char *)&value, sizeof value);
}

int os_listen(const struct os_address *address, int backlog, os_socket *listener)
{
    const struct sockaddr *to = (const struct sockaddr *)(const void *)address->bytes;
    SOCKET made;
    int error;

    os_windows_net_start();
    made = WSASocketW(to->sa_family, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (made == INVALID_SOCKET)
        return WSAGetLastError();
    /* As on other systems, IPv6's wildcard also means IPv4's. */
    if (to->sa_family == AF_INET6)
        set(made, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    /* SO_REUSEADDR would let any other process take the port away; it is not needed for a server
     * that was killed. */
    if (make_private(made) && set(made, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1) == 0 &&
        bind(made, to, (int)address->length) == 0 && listen(made, backlog) == 0) {
        *listener = made;
        return 0;
    }
    error = WSAGetLastError();
    closesocket(made);
    return error;
}

enum os_accepted os_accept(os_socket listener, os_socket *accepted)
{
    int error;

    *accepted = accept(listener, NULL, NULL);
    if (*accepted == INVALID_SOCKET) {
        error = WSAGetLastError();
        return error == WSAEMFILE || error == WSAENOBUFS ? OS_ACCEPTED_EXHAUSTED : OS_ACCEPTED_NONE;
    }
    if (make_private(*accepted))
        return OS_ACCEPTED;
    closesocket(*accepted);
    return OS_ACCEPTED_EXHAUSTED;
}

void os_socket_no_delay(os_socket socket)
{
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
}

void os_socket_keep_alive(os_socket socket)
{
    struct tcp_keepalive times = {.onoff = 1, .keepalivetime = 60000, .keepaliveinterval = 15000};
    DWORD bytes;

    WSAIoctl(socket, SIO_KEEPALIVE_VALS, &times, sizeof times, NULL, 0, &bytes, NULL, NULL);
}

void os_socket_end(os_socket socket)
{
    shutdown(socket, SD_SEND);
}

void os_socket_cut(os_socket socket)
{
    shutdown(socket, SD_BOTH);
}

void os_socket_close(os_socket socket)
{
    closesocket(socket);
}

ptrdiff_t os_send(os_socket socket, struct os_vec *vecs, unsigned count)
{
    DWORD sent;

    if (WSASend(socket, (WSABUF *)(void *)vecs, count, &sent, 0, NULL, NULL) != 0)
        return -WSAGetLastError();
    return (ptrdiff_t)sent;
}

ptrdiff_t os_receive(os_socket socket, struct os_vec *vecs, unsigned count)
{
    DWORD received, flags = 0;

    if (WSARecv(socket, (WSABUF *)(void *)vecs, count, &received, &flags, NULL, NULL) != 0)
        return -WSAGetLastError();
    return (ptrdiff_t)received;
}

int os_errno(int error)
{
    static const struct {
        int winsock, errnum;
    } rows[] = {
        { WSAEINTR, EINTR },
        { WSAEACCES, EACCES },
        { WSAEMFILE, EMFILE },
        { WSAEWOULDBLOCK, EAGAIN },
        { WSAEINPROGRESS, EINPROGRESS },
        { WSAEALREADY, EALREADY },
        { WSAEADDRINUSE, EADDRINUSE },
        { WSAEADDRNOTAVAIL, EADDRNOTAVAIL },
        { WSAENETDOWN, ENETDOWN },
        { WSAENETUNREACH, ENETUNREACH },
        { WSAENETRESET, ENETRESET },
        { WSAECONNABORTED, ECONNABORTED },
        { WSAECONNRESET, ECONNRESET },
        { WSAENOBUFS, ENOBUFS },
        { WSAENOTCONN, ENOTCONN },
        { WSAETIMEDOUT, ETIMEDOUT },
        { WSAECONNREFUSED, ECONNREFUSED },
        { WSAEHOSTUNREACH, EHOSTUNREACH },
        { WSAEPROCLIM, ENOBUFS },
        { WSASYSNOTREADY, ENETDOWN },
        { WSAEDISCON, ECONNRESET },
        { WSATRY_AGAIN, EAGAIN },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].winsock == error)
            return rows[i].errnum;
    return error;
}
