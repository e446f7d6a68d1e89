/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The end of a child of fork(), with a status for its parent. It is another program's end: a leak
 * checker would find what only the threads of the parent knew, and change the status. */

#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <stdio.h>
#include <unistd.h>

static inline _Noreturn void child_exit(int status)
{
    char text[16];

    snprintf(text, sizeof text, "exit %d", status);
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

#endif
