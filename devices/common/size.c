/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char size_units[] = "KMGTPE";

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Digits of a base; returns the text behind them, or NULL when there are none or too many. */
static const char *parse_digits(const char *text, unsigned base, uint64_t *value)
{
    const char *p = text;
    uint64_t v = 0;

    for (; (unsigned)digit_value(*p) < base; p++) {
        unsigned digit = (unsigned)digit_value(*p);
        if (v > (UINT64_MAX - digit) / base)
            return NULL;
        v = v * base + digit;
    }
    *value = v;
    return p == text ? NULL : p;
}

bool size_parse_number(const char *text, uint64_t *value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t v;
    const char *end = hex ? parse_digits(text + 2, 16, &v) : parse_digits(text, 10, &v);

    if (!end || *end)
        return false;
    *value = v;
    return true;
}

bool size_parse(const char *text, uint64_t *bytes)
{
    uint64_t v;
    const char *end = parse_digits(text, 10, &v);
    unsigned shift = 0;

    if (!end)
        return false;
    if (*end) {
        char upper = *end >= 'a' && *end <= 'z' ? (char)(*end - 'a' + 'A') : *end;
        const char *unit = strchr(size_units, upper);
        if (!unit || end[1])
            return false;
        shift = 10 * (unsigned)(unit - size_units + 1);
    }
    if (v > UINT64_MAX >> shift)
        return false;
    *bytes = v << shift;
    return true;
}

const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
    unsigned unit = 0;

    while (unit < sizeof size_units - 1 && bytes && bytes % (UINT64_C(1) << 10 * (unit + 1)) == 0)
        unit++;
    if (unit)
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 " bytes (%" PRIu64 " %ciB)", bytes,
            bytes >> 10 * unit, size_units[unit - 1]);
    else
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 " bytes", bytes);
    return text;
}
