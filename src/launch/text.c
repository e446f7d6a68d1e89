/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/text.h"

#include "launch/hex.h"

size_t text_length(const char16_t *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    return length;
}

void text_of_number(uint64_t number, char16_t text[TEXT_NUMBER_MAX])
{
    size_t digits = 1;

    for (uint64_t rest = number / 10; rest; rest /= 10)
        digits++;
    text[digits] = 0;
    for (; digits > 0; number /= 10)
        text[--digits] = (char16_t)(u'0' + number % 10);
}

static bool number_of_base(const char16_t *text, int base, uint64_t *number)
{
    uint64_t sum = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        int digit = launch_hex_value(*text);

        if (digit < 0 || digit >= base ||
            sum > (UINT64_MAX - (unsigned)digit) / (unsigned)base)
            return false;
        sum = sum * (unsigned)base + (unsigned)digit;
    }
    *number = sum;
    return true;
}

bool text_number(const char16_t *text, bool any_base, uint64_t *number)
{
    if (any_base && text[0] == u'0' && (text[1] == u'x' || text[1] == u'X'))
        return number_of_base(text + 2, 16, number);
    return number_of_base(text, any_base && text[0] == u'0' ? 8 : 10, number);
}

const char16_t *text_behind(const char16_t *text, const char16_t *prefix)
{
    while (*prefix) {
        if (*text++ != *prefix++)
            return NULL;
    }
    return text;
}
