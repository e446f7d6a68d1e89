/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Windows has no write that never waits: a pipe without a reader holds it up, and so does a console
 * in which somebody marks text. So each descriptor has a thread that writes, and a line waits for
 * that thread for a bounded time.
 */

#include "sink.h"

#include <windows.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <stdlib.h>
#include <string.h>

enum {
    WRITERS = 4, /* standard output, standard error, a debug log */
    PIECE = 4096,
    TEXT_MAX = 1 << 20, /* longest text that is printed piece by piece; longer: printing waits */
};

struct writer {
    bool used, busy;
    int fd, error; /* the latter of the last piece */
    CONDITION_VARIABLE changed;
    unsigned length;
    char piece[PIECE];
};

static SRWLOCK lock = SRWLOCK_INIT;
static SRWLOCK writers_lock = SRWLOCK_INIT;
static struct writer writers[WRITERS];

void sink_lock(void)
{
    AcquireSRWLockExclusive(&lock);
}

void sink_unlock(void)
{
    ReleaseSRWLockExclusive(&lock);
}

void sink_time(char text[SINK_TIME_MAX])
{
    SYSTEMTIME now;

    GetSystemTime(&now);
    snprintf(text, SINK_TIME_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", now.wYear, now.wMonth,
        now.wDay, now.wHour, now.wMinute, now.wSecond);
}

int sink_descriptor(int fd)
{
    return fd;
}

/* 0 or an errno value. */
static int write_all(int fd, const char *text, size_t length, size_t *put)
{
    while (*put < length) {
        int n = _write(fd, text + *put, (unsigned)(length - *put));

        if (n < 0)
            return errno;
        *put += (size_t)n;
    }
    return 0;
}

static unsigned __stdcall write_main(void *argument)
{
    struct writer *writer = argument;

    AcquireSRWLockExclusive(&writers_lock);
    for (;;) {
        size_t put = 0;
        int error;

        while (!writer->busy)
            SleepConditionVariableSRW(&writer->changed, &writers_lock, INFINITE, 0);
        ReleaseSRWLockExclusive(&writers_lock);
        error = write_all(writer->fd, writer->piece, writer->length, &put);
        AcquireSRWLockExclusive(&writers_lock);
        writer->error = error;
        writer->busy = false;
        WakeAllConditionVariable(&writer->changed);
    }
    return 0;
}

/* The lock is held. NULL: it can have no thread. */
static struct writer *find_writer(int fd)
{
    for (struct writer *writer = writers; writer < writers + WRITERS; writer++) {
        uintptr_t thread;

        if (writer->used && writer->fd == fd)
            return writer;
        if (writer->used)
            continue;
        thread = _beginthreadex(NULL, 0, write_main, writer, 0, NULL);
        if (!thread)
            return NULL;
        CloseHandle((HANDLE)thread);
        writer->fd = fd;
        writer->used = true;
        return writer;
    }
    return NULL;
}

/* The lock is held. False: its present piece is not written within the time. */
static bool wait_written(struct writer *writer, int wait_ms)
{
    ULONGLONG now = GetTickCount64(), end = now + (unsigned)wait_ms;

    for (; writer->busy && now < end; now = GetTickCount64())
        SleepConditionVariableSRW(&writer->changed, &writers_lock, (DWORD)(end - now), 0);
    return !writer->busy;
}

/* A writer that has a line now writes it when there is room. */
int sink_put(int fd, const char *text, size_t length, int wait_ms, size_t *put)
{
    struct writer *writer;
    int error = 0;

    /* A program that was started without it, such as a service, has no reader. */
    if (_get_osfhandle(fd) < 0) {
        *put = length;
        return 0;
    }
    *put = 0;
    AcquireSRWLockExclusive(&writers_lock);
    writer = find_writer(fd);
    while (writer && !error && *put < length) {
        size_t left = length - *put;

        if (!wait_written(writer, wait_ms)) {
            error = EAGAIN;
            break;
        }
        writer->length = left < PIECE ? (unsigned)left : PIECE;
        memcpy(writer->piece, text + *put, writer->length);
        writer->error = 0;
        writer->busy = true;
        WakeAllConditionVariable(&writer->changed);
        if (wait_written(writer, wait_ms))
            error = writer->error;
        if (!error)
            *put += writer->length;
    }
    ReleaseSRWLockExclusive(&writers_lock);
    return writer ? error : write_all(fd, text, length, put);
}

/* There is no stream in memory, but a pipe of our own has as much room as we ask for. */
static int text_pipe = -1;

FILE *sink_text_open(void)
{
    int ends[2];
    FILE *text;

    if (_pipe(ends, TEXT_MAX, _O_BINARY | _O_NOINHERIT))
        return NULL;
    text = _fdopen(ends[1], "wb");
    if (!text) {
        _close(ends[0]);
        _close(ends[1]);
        return NULL;
    }
    text_pipe = ends[0];
    return text;
}

void sink_text_close(FILE *text, struct sink *sink)
{
    size_t length = 0;
    char *bytes = malloc(TEXT_MAX);
    int n = 1;

    fclose(text);
    while (bytes && n > 0 && length < TEXT_MAX) {
        n = _read(text_pipe, bytes + length, (unsigned)(TEXT_MAX - length));
        length += n > 0 ? (size_t)n : 0;
    }
    _close(text_pipe);
    if (length > 0)
        sink_write(sink, bytes, length);
    free(bytes);
}
