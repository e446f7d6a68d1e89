/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Processes of servers: how they begin and how they are ended. */

#ifndef LAUNCHER_PROCESS_H
#define LAUNCHER_PROCESS_H

#include "launcher/class.h"

struct sink;

struct process {
    HANDLE handle; /* NULL: none runs */
    DWORD id;
    struct sink *errors; /* NULL: its class wants no file of them */
};

enum { PROCESS_KILL_MS = 5000 }; /* between a polite end and the other one */

/* Once, before any process: the console of which servers get their events, and the job that ends
 * with us. A failure is logged, and costs no more than the thing itself. */
void process_prepare(void);

/* name: of the instance, for its StandardError. 0 or Win32's error; process_forget() afterwards. */
DWORD process_start(const struct class_values *values, wchar_t *command_line, const wchar_t *name,
    struct process *process);

/* CTRL_BREAK; then, where that does not help, the end. Returns when the process has gone. */
void process_end(const struct process *process);

/* A process that has gone. Its exit code. */
DWORD process_forget(struct process *process);

#endif
