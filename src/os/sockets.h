/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Includes the system's headers of addresses, whose contents are the same everywhere. For src/os
 * alone. */

#ifndef OS_SOCKETS_H
#define OS_SOCKETS_H

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
/* getaddrinfo()'s errors are Winsock's; its own texts share a buffer among all threads. */
#define os_resolve_text os_net_text
#else
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#define os_resolve_text gai_strerror
#define os_windows_net_start() ((void)0)
#endif

#endif
