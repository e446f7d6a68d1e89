/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/door.h"
#include "lib/log.h"

enum { TEXT_MAX = 512 };

static _Thread_local char detail[TEXT_MAX];
static _Thread_local uint32_t system_error;

const char *spd_strerror(int error)
{
    switch (error) {
    case SPD_OK:
        return "success";
#define X(NAME, NUMBER, TEXT)                                                                      \
    case SPD_ERROR_##NAME:                                                                         \
        return TEXT;
        SPD_ERROR_MAP(X)
#undef X
    }
    return "unknown error";
}

const char *spd_error_detail(void)
{
    return detail;
}

uint32_t spd_error_system(void)
{
    return system_error;
}

/* A name in it may be of a file, with any bytes: the program prints one line. */
static OS_PRINTF(2, 0) void record(uint32_t system, const char *format, va_list arguments)
{
    int saved = errno;
    char raw[TEXT_MAX];

    system_error = system;
    vsnprintf(raw, sizeof raw, format, arguments);
    spd_log_escape(raw, detail, sizeof detail);
    errno = saved;
}

int spd_fail(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(0, format, arguments);
    va_end(arguments);
    return error;
}

int spd_fail_system(int error, uint32_t system, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(system, format, arguments);
    va_end(arguments);
    return error;
}

uint32_t spd_version(void)
{
    return SPD_VERSION_MAJOR << 16 | SPD_VERSION_MINOR;
}
