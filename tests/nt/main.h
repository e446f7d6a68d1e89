/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* nttest: the tests of the driver as a native program. */

#ifndef NT_MAIN_H
#define NT_MAIN_H

#include <windows.h>

int nt_main(int argc, char **argv);

/* drvtest's own main(): one test, or a child of one. */
int drvtest_main(int argc, char **argv);

/* This program again; the arguments are those of a command line. NULL: it cannot be started. */
HANDLE nt_spawn(const char *arguments);

/* load.c. Stages return whether all was well. */
int load_server(const char *grace);
BOOL stage_kills(const char *count);
BOOL stage_grace(const char *count);

/* stages.c: all that the file beside this program names, or one; the exit status. */
int stages_run(void);
int stage_run(const char *name, const char *argument);

#endif
