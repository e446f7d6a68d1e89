/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What the tests of the launcher do in other processes. */

#ifndef LAUNCHER_SERVERS_H
#define LAUNCHER_SERVERS_H

#include <windows.h>

/* A client's end of the launcher's pipe, waited for while all are taken; level: SECURITY_... .
 * INVALID_HANDLE_VALUE: there is none, GetLastError() says why. */
HANDLE pipe_connect(DWORD level);

/*
 * --child server LOG MODE ...: a server that serves nothing. It notes in the file LOG what it is
 * started with, each word in a line, and what happens to it.
 *
 *     run                until it is ended; CTRL_BREAK does that
 *     stubborn           CTRL_BREAK does not
 *     exit STATUS        at once
 *     crash FILE         exit status 3 when there is no such file, which it makes; else as run
 *     who                notes the SID of its user, then as run
 *     noise LINES        writes that many lines to standard error, then as run
 */
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
