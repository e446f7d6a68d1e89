/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The last lines of the program on standard error, for those who ask later. */

#ifndef DEVICES_COMMON_HISTORY_H
#define DEVICES_COMMON_HISTORY_H

#include <stdio.h>

enum { HISTORY_LINES = 200, HISTORY_LINE_MAX = 512 /* longer ones are cut */ };

/* Any thread. The line has its end. */
void history_add(const char *line, size_t length);
/* The oldest line first. */
void history_print(FILE *out);

#endif
