/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where tests put files: the runner gives each tier a TMPDIR of its own and removes it, so that
 * nothing lies about of a test that was killed. By hand it is the system's. */

#ifndef TESTS_UNIT_WORK_H
#define TESTS_UNIT_WORK_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORK_PATH_MAX = 512, WORK_SHORT_MAX = 32 };

/* A template for mkstemp() and mkdtemp(); returns path. */
static inline char *work_template(char path[WORK_PATH_MAX], const char *name)
{
    const char *folder = getenv("TMPDIR");

    if (snprintf(path, WORK_PATH_MAX, "%s/%s-XXXXXX", folder ? folder : "/tmp", name) >=
        WORK_PATH_MAX)
        abort();
    return path;
}

/* Another name of a folder, for it may be longer than a socket's address can be. It is good in this
 * process and its children until the descriptor is closed that this returns. */
static inline int work_shorten(char path[WORK_SHORT_MAX], const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY);

    snprintf(path, WORK_SHORT_MAX, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
