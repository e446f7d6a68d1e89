/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The programs of this host that serve disks, found by their control sockets. */

#ifndef SPDCTL_PROGRAMS_H
#define SPDCTL_PROGRAMS_H

#include <stddef.h>
#include <stdio.h>

enum { PROGRAMS_MAX = 1024, PROGRAM_PATH_MAX = 108 /* as a Unix socket */ };

struct programs {
    char paths[PROGRAMS_MAX][PROGRAM_PATH_MAX];
    size_t count;
};

/* Finds those that run and match: a name ("rawdisk"), a process number, or the path of a socket;
 * NULL: all. They are in the order of names and numbers. Removes sockets of programs that are no
 * more. */
void programs_find(struct programs *programs, const char *wanted);

/* Asks one of them, and writes the answer to out. 0 or an errno value. */
int program_ask(const char *path, const char *line, FILE *out);

#endif
