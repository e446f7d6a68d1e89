/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The few of <stdio.h> that the tests' programs call: print.c. There is one stream, the debugger's,
 * and it takes whole lines. */

#ifndef NT_STDIO_H
#define NT_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#define stdout 0
#define _IOFBF 0

int printf(const char *format, ...) __attribute__((format(gnu_printf, 1, 2)));
int vprintf(const char *format, va_list arguments);
int snprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(gnu_printf, 3, 4)));
#define fflush(Stream) ((void)(Stream))
#define setvbuf(Stream, Buffer, Mode, Size) ((void)(Stream))

#endif
