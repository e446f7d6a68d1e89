/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A test that cannot run says why, in the comment before its line, where the runner looks. */

#ifndef TESTS_UNIT_SKIP_H
#define TESTS_UNIT_SKIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ends the test. */
#define SKIP_BECAUSE(Reason) \
    do { \
        print_message("# %s\n", Reason); \
        skip(); \
    } while (0)

/* The thread sanitizer ends a child of several threads that makes a thread. */
#ifdef __SANITIZE_THREAD__
enum { CHILDREN_HAVE_THREADS = 0 };
#else
enum { CHILDREN_HAVE_THREADS = 1 };
#endif
#define NO_THREADS_IN_CHILDREN "the thread sanitizer ends a child that makes threads"

#endif
