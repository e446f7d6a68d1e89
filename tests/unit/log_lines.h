/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The lines of the log of one test: what has come so far, and a wait for what is to come. */

#ifndef TESTS_UNIT_LOG_LINES_H
#define TESTS_UNIT_LOG_LINES_H

#include <stdbool.h>
#include <string.h>

#include "lib/log.h"
#include "os/os.h"
#include "spd/spd.h"

enum { LOG_LINES_MAX = 400 };

static struct {
    os_mutex lock;
    os_cond changed;
    unsigned count;
    int level[LOG_LINES_MAX];
    char text[LOG_LINES_MAX][SPD_LOG_LINE_MAX];
} log_lines = { .lock = OS_MUTEX_INIT, .changed = OS_COND_INIT };

static void log_lines_catch(void *context, int level, const char *text)
{
    (void)context;
    os_mutex_lock(&log_lines.lock);
    if (log_lines.count < LOG_LINES_MAX) {
        log_lines.level[log_lines.count] = level;
        strcpy(log_lines.text[log_lines.count++], text);
    }
    os_cond_broadcast(&log_lines.changed);
    os_mutex_unlock(&log_lines.lock);
}

/* From here on, with none so far. */
static void log_lines_begin(void)
{
    spd_log_set(log_lines_catch, NULL);
    os_mutex_lock(&log_lines.lock);
    log_lines.count = 0;
    os_mutex_unlock(&log_lines.lock);
}

/* Every line that was written before has been caught when this returns. */
static inline void log_lines_settle(void)
{
    spd_log_set(log_lines_catch, NULL);
}

static const char *log_lines_digits(const char *line)
{
    return line + strspn(line, "0123456789");
}

/* Whether the line goes on like this: a # is a number of any value, for a time that a busy machine
 * makes longer. */
static bool log_lines_like(const char *line, const char *text)
{
    for (; *text; text++) {
        const char *end = *text == '#' ? log_lines_digits(line) : line + (*line == *text);

        if (end == line)
            return false;
        line = end;
    }
    return true;
}

static bool log_lines_says(const char *line, const char *text)
{
    for (; *line; line++)
        if (log_lines_like(line, text))
            return true;
    return false;
}

/* Locked. */
static const char *log_lines_find(const char *text)
{
    for (unsigned i = 0; i < log_lines.count; i++)
        if (log_lines_says(log_lines.text[i], text))
            return log_lines.text[i];
    return NULL;
}

/* The first line that has this text in it; waits until there is one. */
static const char *log_lines_wait(const char *text)
{
    const char *line;

    os_mutex_lock(&log_lines.lock);
    while (!(line = log_lines_find(text)))
        os_cond_wait(&log_lines.changed, &log_lines.lock);
    os_mutex_unlock(&log_lines.lock);
    return line;
}

/* How many lines have this text in them. */
static inline unsigned log_lines_with(const char *text)
{
    unsigned count = 0;

    log_lines_settle();
    os_mutex_lock(&log_lines.lock);
    for (unsigned i = 0; i < log_lines.count; i++)
        count += log_lines_says(log_lines.text[i], text);
    os_mutex_unlock(&log_lines.lock);
    return count;
}

#endif
