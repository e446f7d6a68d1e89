/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef SAID_H
#define SAID_H

#include <stdbool.h>

/* For CHECK(): says what was wrong, with the system's last error. In winspd-tests (said.c)
 * that ends the process; a program with a TAP of its own (tap.c) goes on. */
void check(bool ok, const char *text, const char *file, int line);

#endif
