/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef OS_POSIX_TYPES_H
#define OS_POSIX_TYPES_H

#include <errno.h>
#include <pthread.h>

#include "os/guard.h"

typedef struct OS_CAPABILITY os_mutex {
    pthread_mutex_t mutex;
} os_mutex;
#define OS_MUTEX_INIT { PTHREAD_MUTEX_INITIALIZER }
typedef pthread_cond_t os_cond;
#define OS_COND_INIT PTHREAD_COND_INITIALIZER
typedef pthread_t os_thread;

#define OS_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

/* errno values that some systems lack. */
#define OS_EDQUOT EDQUOT
#define OS_EHOSTDOWN EHOSTDOWN
#define OS_ENOMEDIUM ENOMEDIUM
#define OS_ESHUTDOWN ESHUTDOWN
#define OS_ESTALE ESTALE
#define OS_EUCLEAN EUCLEAN

/* No errno value is greater. */
enum { OS_ERRNO_MAX = 4095 };

#endif
