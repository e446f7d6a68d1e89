/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A program's lines on standard error. */

#include "history.h"
#include "quote.h"
#include "sink.h"

#include <stdarg.h>

#include <spd/program.h>

void spd_program_error(const spd_program *program, const char *format, ...)
{
    char message[1024 + SINK_TIME_MAX], line[sizeof message + 64];
    va_list args;
    size_t length;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    length = (size_t)snprintf(line, 64, "%.60s: ", program->name);
    length += quote_line(message, line + length, sizeof line - length - 1);
    line[length++] = '\n';
    sink_write(&sink_error, line, length);
    history_add(line, length);
}
