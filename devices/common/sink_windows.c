/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "sink.h"

#include <windows.h>

#include <errno.h>
#include <io.h>

static SRWLOCK lock = SRWLOCK_INIT;

void sink_lock(void)
{
    AcquireSRWLockExclusive(&lock);
}

void sink_unlock(void)
{
    ReleaseSRWLockExclusive(&lock);
}

int sink_descriptor(int fd)
{
    return fd;
}

int sink_put(int fd, const char *text, size_t length, int wait_ms, size_t *put)
{
    (void)wait_ms;
    *put = 0;
    while (*put < length) {
        int n = _write(fd, text + *put, (unsigned)(length - *put));

        if (n < 0)
            return errno;
        *put += (size_t)n;
    }
    return 0;
}

/* There is no stream in memory, and none is needed where a write waits anyhow. */
FILE *sink_text_open(void)
{
    return stdout;
}

void sink_text_close(FILE *text, struct sink *sink)
{
    (void)sink;
    fflush(text);
}
