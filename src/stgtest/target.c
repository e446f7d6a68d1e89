/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "stgtest/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int target_fail(const char *name, const char *what)
{
    int error = winerror_from_errno(errno);

    fprintf(stderr, "stgtest: %s: %s: %s (error %d)\n", name, what, strerror(errno), error);
    return error;
}
