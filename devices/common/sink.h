/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A device program says its lines on standard output, on standard error or in a debug log. It does
 * not wait for anybody who does not read them: a disk must not stop, nor an end be put off, because
 * of words. A line that cannot be written now is lost and counted, and the count is the next line
 * that can. Where a full pipe has room again within a second, nothing is lost.
 *
 * On Windows, where every write may wait, a thread for each descriptor writes; the line that it is
 * at is not lost, and is there as soon as somebody reads.
 */

#ifndef DEVICES_COMMON_SINK_H
#define DEVICES_COMMON_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sink {
    int fd;
    const char *name; /* for the message that it cannot be written */
    bool stuck;       /* it had no room for a whole second: the next line does not wait */
    bool told;        /* that it cannot be written */
    bool torn;        /* it ends within a line */
    bool failed;      /* a line was lost, and not for want of a reader */
    uint64_t lost;    /* lines */
};

/* Whether each line was written for which there was a reader: the reader alone decides to go. */
bool sink_is_whole(const struct sink *sink);

extern struct sink sink_output, sink_error;

enum { SINK_WAIT_MS = 1000 };

/* Once, before there is more than one thread. program: its name, which begins each message. */
void sink_begin(const char *program);

/* Lines, each with its end. Any thread. */
void sink_write(struct sink *sink, const char *text, size_t length);

/* For a text that is printed piece by piece; NULL when there is no memory. */
FILE *sink_text_open(void);
void sink_text_close(FILE *text, struct sink *sink);

enum { SINK_TIME_MAX = 32 };

/* sink_posix.c, sink_windows.c. */
/* The time of day in UTC: "2026-11-30T05:28:55Z". */
void sink_time(char text[SINK_TIME_MAX]);
void sink_lock(void);
void sink_unlock(void);
/* The descriptor that writes to the same without ever waiting, where there is one; else fd. */
int sink_descriptor(int fd);
/* Writes what goes within wait_ms; *put: so many bytes. 0 when these are all, or an errno value. */
int sink_put(int fd, const char *text, size_t length, int wait_ms, size_t *put);

#endif
