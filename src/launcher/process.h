/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Processes of servers: their begin and their end. */

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

/* Once, before any process: makes the console from which servers get their events, and the job that
 * ends with the launcher. A failure is logged, and has no other effect. */
void process_prepare(void);

/* name: of the instance, for its StandardError. 0 or Win32's error; process_forget() afterwards. */
DWORD process_start(const struct class_values *values, wchar_t *command_line, const wchar_t *name,
    struct process *process);

/* CTRL_BREAK; then, if that does not help, termination. Returns when the process has gone. */
void process_end(const struct process *process);

/* A process that has gone. Its exit code. */
DWORD process_forget(struct process *process);

#endif
