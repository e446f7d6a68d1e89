/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Runs what may end the process in a process of its own, which is forked. Call it while
 * this one has no other threads. */

#ifndef TESTS_UNIT_LIB_ALONE_H
#define TESTS_UNIT_LIB_ALONE_H

enum { ALONE_SECONDS = 120, ALONE_TEXT_MAX = 4096 }; /* a process that hangs ends after so long */

extern char alone_said[ALONE_TEXT_MAX]; /* by the last one, on standard error */

/* The status as of wait(); 0 when the function returns. */
int alone_run(void (*function)(void));

/* It ends by abort(), and says this among other things. */
void alone_expect_abort(void (*function)(void), const char *line);

#endif
