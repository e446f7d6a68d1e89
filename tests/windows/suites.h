/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef WINDOWS_SUITES_H
#define WINDOWS_SUITES_H

#include "suite.h"

/* In their order; the last has no name. */
extern const struct suite suites[];
/* Functions that run parts of tests in other processes; the last is NULL. */
extern int (*const child_parts[])(const char *child, const char *argument);

#endif
