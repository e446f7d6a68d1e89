/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The little TAP of a program that is a test by itself. */

#ifndef TAP_H
#define TAP_H

/* Runs one test; a check that fails makes it fail, and it goes on. */
void run(const char *name, void (*test)(void));
/* Prints the plan; the exit status. */
int finished(void);

#endif
