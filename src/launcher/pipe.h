/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The launcher's pipe: several instances with a thread each, and a deadline for each step of a
 * client. */

#ifndef LAUNCHER_PIPE_H
#define LAUNCHER_PIPE_H

#include <windows.h>

enum {
    PIPE_REQUEST_MS = 5000, /* for its request, from the connection on */
    PIPE_ANSWER_MS = 5000,  /* to read its answer */
};

/* 0 when clients are served; else Win32's error: ERROR_ACCESS_DENIED where another program has a
 * pipe of this name. */
DWORD pipe_start(void);

/* Waits for requests that are being answered. Only behind a pipe_start() that returned 0. */
void pipe_stop(void);

#endif
