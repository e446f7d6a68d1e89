/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Checks of UTF-16 text, in characters of ASCII. */

#ifndef TESTS_TEXT16_H
#define TESTS_TEXT16_H

#include <stdlib.h>
#include <uchar.h>

/* The caller frees it. Other characters are `?`, a NUL is `|`. */
static inline char *narrow(const char16_t *text, size_t length)
{
    char *narrowed = malloc(length + 1);

    if (!narrowed)
        abort();
    for (size_t i = 0; i < length; i++)
        narrowed[i] = (char)(text[i] == 0 ? '|' : text[i] < 128 ? text[i] : '?');
    narrowed[length] = 0;
    return narrowed;
}

/* On the heap, of the exact size, so that a sanitizer sees what is read behind it. */
static inline char16_t *wide(const char *text, size_t length)
{
    char16_t *widened = malloc(length * sizeof *widened + !length);

    if (!widened)
        abort();
    for (size_t i = 0; i < length; i++)
        widened[i] = (char16_t)(text[i] == '|' ? 0 : text[i]);
    return widened;
}

#endif
