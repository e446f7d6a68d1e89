/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* nttest: the tests of the driver as a native program. */

#ifndef NT_MAIN_H
#define NT_MAIN_H

#include <windows.h>

int nt_main(int argc, char **argv);

/* tests.c: all tests, in their order; and one of them, or a child of one. */
extern const struct test *const groups[];
extern const unsigned group_count;
int tests_main(int argc, char **argv);

/* This program again; the arguments are those of a command line. NULL: it cannot be started. */
HANDLE nt_spawn(const char *arguments);

/* stages.c: all that the file beside this program names, or one; the exit status. */
int stages_run(void);
int stage_run(const char *name, const char *argument);

#endif
