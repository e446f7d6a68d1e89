/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct sink sink_output = {.fd = 1, .name = "standard output"};
struct sink sink_error = {.fd = 2, .name = "standard error"};

static const char *sink_program = "";

void sink_begin(const char *program)
{
    char now[SINK_TIME_MAX];

    /* The first call opens the time zone's file, which a sandbox forbids later. */
    sink_time(now);
    sink_program = program;
    sink_output.fd = sink_descriptor(1);
    sink_error.fd = sink_descriptor(2);
}

/* Locked. 0 or an errno value. */
static int put(struct sink *sink, const char *text, size_t length)
{
    size_t done;
    int error = sink_put(sink->fd, text, length, sink->stuck ? 0 : SINK_WAIT_MS, &done);

    sink->stuck = error == EAGAIN;
    if (done > 0)
        sink->torn = text[done - 1] != '\n';
    return error;
}

/* Locked. Reports lines that were lost, now that there may be room again. */
static int put_count(struct sink *sink)
{
    char text[128];
    int length = snprintf(text, sizeof text, "%s%s: %" PRIu64 " lines were lost here, for want of "
        "room or of a reader\n", sink->torn ? "\n" : "", sink_program, sink->lost);
    int error = put(sink, text, (size_t)length);

    if (!error)
        sink->lost = 0;
    return error;
}

static uint64_t count_lines(const char *text, size_t length)
{
    uint64_t lines = 0;

    for (const char *end; (end = memchr(text, '\n', length)); lines++) {
        length -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    return lines;
}

static void tell(const struct sink *sink, int error)
{
    char text[512];
    int length = snprintf(text, sizeof text, "%s: %s cannot be written: %s; lines are lost until "
        "it can\n", sink_program, sink->name,
        error == EAGAIN ? "nobody reads it" : strerror(error));

    if (length > 0 && (size_t)length < sizeof text)
        sink_write(&sink_error, text, (size_t)length);
}

bool sink_is_whole(const struct sink *sink)
{
    bool whole;

    sink_lock();
    whole = !sink->failed;
    sink_unlock();
    return whole;
}

void sink_write(struct sink *sink, const char *text, size_t length)
{
    bool first;
    int error;

    sink_lock();
    error = sink->lost ? put_count(sink) : 0;
    if (!error)
        error = put(sink, text, length);
    if (error)
        sink->lost += count_lines(text, length);
    sink->failed |= error && error != EAGAIN && error != EPIPE;
    first = error && !sink->told;
    sink->told |= first;
    sink_unlock();
    if (first && sink != &sink_error)
        tell(sink, error);
}
