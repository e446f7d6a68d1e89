/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "tap.h"

#include <stdio.h>

#include "client.h"

static int tests, failed;
static bool failing;

void check(bool ok, const char *text, const char *file, int line)
{
    if (ok)
        return;
    failing = true;
    printf("# %s:%d: %s (error %lu)\n", file, line, text, GetLastError());
}

void run(const char *name, void (*test)(void))
{
    failing = false;
    test();
    failed += failing;
    printf("%sok %d - %s\n", failing ? "not " : "", ++tests, name);
    fflush(stdout);
}

int finished(void)
{
    printf("1..%d\n", tests);
    return failed != 0;
}
