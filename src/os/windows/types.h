/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The system's types without <windows.h>, whose names are many and short. Slim locks and condition
 * variables are one pointer, and zero is their initial value; thread.c checks it. */

#ifndef OS_WINDOWS_TYPES_H
#define OS_WINDOWS_TYPES_H

#include <stdio.h>

#include "os/guard.h"

typedef struct OS_CAPABILITY os_mutex {
    void *slim;
} os_mutex;
#define OS_MUTEX_INIT { 0 }

typedef struct os_cond {
    void *condition;
} os_cond;
#define OS_COND_INIT { 0 }

typedef void *os_thread;

/* MinGW's printf family takes C99's formats, the system's does not. */
#define OS_PRINTF(format_at, first_at) \
    __attribute__((format(__MINGW_PRINTF_FORMAT, format_at, first_at)))

/* errno values that the C run-time library lacks: Winsock's numbers where it has them, else numbers
 * that never occur. */
#define OS_EDQUOT 10069
#define OS_EHOSTDOWN 10064
#define OS_ENOMEDIUM 0x7fff0001
#define OS_ESHUTDOWN 10058
#define OS_ESTALE 10070
#define OS_EUCLEAN 0x7fff0002

/* No errno value and no error of Winsock is greater. */
enum { OS_ERRNO_MAX = 11999 };

#endif
