/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void sink_lock(void)
{
    pthread_mutex_lock(&lock);
}

void sink_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void sink_time(char text[SINK_TIME_MAX])
{
    time_t now = time(NULL);
    struct tm utc;

    if (!gmtime_r(&now, &utc) || strftime(text, SINK_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        *text = '\0';
}

/* O_NONBLOCK belongs to the open file, which the shell and others share, so a pipe is opened anew.
 * For other files, and if that is forbidden, poll() comes before a write of at most PIPE_BUF bytes.
 * The write then has room, unless others write at the same time. */
int sink_descriptor(int fd)
{
    char path[32];
    struct stat st;
    int own;

    if (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))
        return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return own >= 0 ? own : fd;
}

int sink_put(int fd, const char *text, size_t length, int wait_ms, size_t *put)
{
    *put = 0;
    while (*put < length) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        size_t left = length - *put;
        ssize_t n;

        if (poll(&ready, 1, wait_ms) == 0)
            return EAGAIN;
        n = write(fd, text + *put, left < PIPE_BUF ? left : PIPE_BUF);
        if (n < 0 && errno != EINTR)
            return errno;
        *put += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static char *text_bytes;
static size_t text_length;

FILE *sink_text_open(void)
{
    return open_memstream(&text_bytes, &text_length);
}

void sink_text_close(FILE *text, struct sink *sink)
{
    if (fclose(text) == 0)
        sink_write(sink, text_bytes, text_length);
    free(text_bytes);
    text_bytes = NULL;
}
