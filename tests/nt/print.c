/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* printf() to the kernel's debugger: whole lines, each after the process that it comes from. Only
 * one thread of a process may print. */

#include "ntapi.h"
#include <stdio.h>
#include <string.h>

#define LINE 480 /* the debugger takes 512 at a time */

int __cdecl _vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);

static char line[LINE];
static unsigned used;

static void put_line(void)
{
    line[used] = 0;
    DbgPrint("nt %04x: %s\n", (unsigned)GetCurrentProcessId(), line);
    used = 0;
}

int vprintf(const char *format, va_list arguments)
{
    char text[LINE];
    int length = _vsnprintf(text, sizeof text - 1, format, arguments), i;

    if (length < 0)
        length = sizeof text - 1;
    for (i = 0; i < length; i++) {
        if (text[i] == '\n' || used == LINE - 1)
            put_line();
        if (text[i] != '\n')
            line[used++] = text[i];
    }
    return length;
}

int printf(const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vprintf(format, arguments);
    va_end(arguments);
    return length;
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = _vsnprintf(buffer, size - 1, format, arguments);
    va_end(arguments);
    buffer[length < 0 ? (int)size - 1 : length] = 0;
    return length;
}
