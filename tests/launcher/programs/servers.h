/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Parts of the launcher's tests that run in other processes. */

#ifndef LAUNCHER_SERVERS_H
#define LAUNCHER_SERVERS_H

#include <windows.h>

/* A client's end of the launcher's pipe, waited for while all are taken; level: SECURITY_... .
 * INVALID_HANDLE_VALUE: there is none, GetLastError() says why. */
HANDLE pipe_connect(DWORD level);

/* --child server LOG MODE ...: noting.h. Its MODE who notes the SID of its user. */
int server_run(void);

/* Clients that keep their pipes, or that never read. Each runs until the end of its process. */
enum bad_client { SILENT, DEAF, FLOOD };
/* Starts one; returns when it is connected. count: of SILENT and DEAF, so many at once; of FLOOD,
 * messages a connection. */
HANDLE bad_client_start(enum bad_client kind, unsigned count);
void bad_client_end(HANDLE client);
/* In that other process. */
int bad_client_run(const char *child, const char *argument);

#endif
