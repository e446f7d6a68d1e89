/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The command line of winspd-tests: the original's, and what the harness needs. */

#ifndef WINDOWS_OPTIONS_H
#define WINDOWS_OPTIONS_H

#include <stdbool.h>

#include "suite.h"

struct options {
    bool list, tap, no_abort, forever, facts;
    const char *from; /* NULL: from the first test on */
    char **names;     /* NAME, PREFIX*, +NAME, -NAME; not owned */
    int name_count;
};

/* argv has to stay. Returns false after a message to standard error. */
bool options_read(struct options *options, int argc, char **argv);
/* Whether a test is to run: its name, the original's name of it or SUITE:NAME is named. */
bool options_choose(
    const struct options *options, const struct suite *suite, const struct test *test);

#endif
