/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The servers' standard errors, in a file: each line with its time and instance. The launcher
 * writes it, not the servers. So a full file is set aside (once, as NAME.1) however many instances
 * write, and no server ever waits for it.
 */

#ifndef LAUNCHER_SINK_H
#define LAUNCHER_SINK_H

#include <windows.h>

enum { SINK_FILE_MAX = 1024 * 1024 }; /* bytes; with the file that was set aside, twice as many */

struct sink;

/* The server's end is inheritable; the caller closes it when the server has it.
 * path and name (what begins each line) are copied. 0 or Win32's error. */
DWORD sink_open(const wchar_t *path, const wchar_t *name, struct sink **sink, HANDLE *write_end);

/* Call it when the server has ended: its output is in the file then. Output of programs that it has
 * started, and that still write, is lost. NULL is fine. */
void sink_close(struct sink *sink);

#endif
