/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef WINDOWS_RUNNER_H
#define WINDOWS_RUNNER_H

#include "options.h"
#include "system.h"

enum { NOT_READY = 3 }; /* the exit status where the driver cannot be tested */

/* Runs what the options choose. Returns the exit status: 0, 1 after a failure, CHILD_UNKNOWN where
 * no test has a name that was given, NOT_READY. */
int run_suites(const struct suite *suites, const struct options *options,
    const struct system *system);
/* Runs the test in this process, without a line for its result. */
int run_alone(const struct suite *suites, const char *name);

#endif
