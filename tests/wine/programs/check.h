/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The small harness of the test programs. */

#ifndef WINE_CHECK_H
#define WINE_CHECK_H

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../windows/child.h"
#include "../../windows/suite.h"

#define BLOCK 512

extern const GUID guid_a, guid_b;

/* A failed check ends the process with status 1: the driver then takes its units away, and the
 * harness goes on with the next test in another process. */
void fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* Called by fail() before and after its line, and tidy() at its end; NULL: nothing. tidy() is the
 * test's, and takes away what would outlive the process. */
extern void (*before_failure)(void), (*after_failure)(void), (*tidy)(void);
#define CHECK(Condition) \
    do { \
        if (!(Condition)) \
            fail(__FILE__, __LINE__, "%s", #Condition); \
    } while (0)
#define CHECK_EQUAL(Value, Expected) \
    do { \
        unsigned long long value_ = (unsigned long long)(Value); \
        unsigned long long expected_ = (unsigned long long)(Expected); \
        if (value_ != expected_) \
            fail(__FILE__, __LINE__, "%s is %llu (0x%llx), not %s = %llu", #Value, value_, \
                value_, #Expected, expected_); \
    } while (0)
/* Milliseconds for what takes at most a second on a machine that has nothing else to do: a limit
 * for what hangs, not for what is slow. */
#define PATIENCE 120000
#define WAIT_UNTIL(Condition) \
    do { \
        DWORD begun_ = GetTickCount(); \
        while (!(Condition)) { \
            if (GetTickCount() - begun_ > PATIENCE) \
                fail(__FILE__, __LINE__, "never: %s", #Condition); \
            Sleep(1); \
        } \
    } while (0)
/* Prints the first byte that differs. */
void check_bytes(const char *file, int line, const char *what, const void *found,
    const void *wanted, size_t length);
#define CHECK_BYTES(Found, Wanted, Length) \
    check_bytes(__FILE__, __LINE__, #Found, Found, Wanted, Length)

/* The contents of a block of a test's own data. */
void fill_pattern(void *data, UINT64 block, UINT32 count, UCHAR seed);
BOOL is_pattern(const void *data, UINT64 block, UINT32 count, UCHAR seed);

#endif
