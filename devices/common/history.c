/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "history.h"
#include "sink.h"

#include <string.h>

static char lines[HISTORY_LINES][HISTORY_LINE_MAX]; /* under the sinks' lock */
static unsigned long added;

void history_add(const char *line, size_t length)
{
    char *place;

    if (length >= HISTORY_LINE_MAX)
        length = HISTORY_LINE_MAX - 1;
    sink_lock();
    place = lines[added++ % HISTORY_LINES];
    memcpy(place, line, length);
    place[length - 1] = '\n';
    place[length] = '\0';
    sink_unlock();
}

void history_print(FILE *out)
{
    sink_lock();
    for (unsigned long i = added > HISTORY_LINES ? added - HISTORY_LINES : 0; i < added; i++)
        fputs(lines[i % HISTORY_LINES], out);
    sink_unlock();
}
