/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A device program writes its lines to standard output, to standard error or into a debug log. It
 * does not wait for readers: lines must neither stop a disk nor delay its end. A line that cannot
 * be written now is lost and counted, and the count is the next line
 * that can. If a full pipe has room again within a second, nothing is lost.
 *
 * On Windows every write may wait, so a thread for each descriptor writes. Its present line is not
 * lost, and comes as soon as somebody reads.
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
    bool told;        /* its message has been logged */
    bool torn;        /* it ends within a line */
    bool failed;      /* a line was lost for another reason than a missing reader */
    uint64_t lost;    /* lines */
};

/* Whether each line that had a reader was written: a reader may go at any time. */
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
/* A descriptor that writes to the same file without ever waiting, if there is one; else fd. */
int sink_descriptor(int fd);
/* Writes as much as it can within wait_ms; *put has the number of bytes. 0 when these are all, or
 * an errno value. */
int sink_put(int fd, const char *text, size_t length, int wait_ms, size_t *put);

#endif
