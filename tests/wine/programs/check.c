/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "check.h"
#include <stdarg.h>

const GUID guid_a = { 0x4112a9a1, 0xf079, 0x4f3d,
    { 0xba, 0x53, 0x2d, 0x5d, 0xf2, 0x7d, 0x28, 0xb5 } };
const GUID guid_b = { 0xd7f5a95d, 0xb9f0, 0x4e47,
    { 0x87, 0x3b, 0x0a, 0xb0, 0x0a, 0x89, 0xf9, 0x5a } };

void (*before_failure)(void), (*after_failure)(void), (*tidy)(void);

void fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    if (before_failure)
        before_failure();
    for (const char *c = file; *c; c++)
        if (*c == '/' || *c == '\\') /* clang has Windows' */
            file = c + 1;
    printf("# %s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    if (after_failure)
        after_failure();
    fflush(stdout);
    if (tidy)
        tidy();
    ExitProcess(1);
}

void check_bytes(const char *file, int line, const char *what, const void *found,
    const void *wanted, size_t length)
{
    const UCHAR *a = found, *b = wanted;
    size_t i;

    for (i = 0; i < length; i++)
        if (a[i] != b[i])
            fail(file, line, "byte %u of %s is %02x, not %02x", (unsigned)i, what, a[i], b[i]);
}

void fill_pattern(void *data, UINT64 block, UINT32 count, UCHAR seed)
{
    UCHAR *bytes = data;
    UINT32 i, k;

    for (i = 0; i < count; i++)
        for (k = 0; k < BLOCK; k++)
            *bytes++ = (UCHAR)((block + i) * 37 + k * 11 + (k >> 8) + seed);
}

BOOL is_pattern(const void *data, UINT64 block, UINT32 count, UCHAR seed)
{
    UCHAR wanted[BLOCK];
    UINT32 i;

    for (i = 0; i < count; i++) {
        fill_pattern(wanted, block + i, 1, seed);
        if (memcmp((const UCHAR *)data + i * BLOCK, wanted, BLOCK))
            return FALSE;
    }
    return TRUE;
}
