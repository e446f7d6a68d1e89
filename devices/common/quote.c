/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Controls, and characters that change the look of their neighbours. */
static bool is_visible(uint32_t character)
{
    return character >= 0xa0 && !(character >= 0x2000 && character <= 0x206f) &&
        !(character >= 0xd800 && character <= 0xdfff) && character != 0xfeff;
}

size_t quote_printable(const char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    size_t length = *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 1;
    uint32_t character = *s & (0x7fu >> length);

    if (length == 1)
        return *s >= 0x20 && *s < 0x7f;
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        character = character << 6 | (s[i] & 0x3f);
    }
    return character >= least[length] && character <= 0x10ffff && is_visible(character) ? length
                                                                                        : 0;
}

size_t quote_line(const char *text, char *line, size_t size)
{
    size_t used = 0;

    while (*text) {
        size_t length = quote_printable(text), need = length ? length : sizeof "\\xHH" - 1;

        if (used + need >= size)
            break;
        if (length)
            memcpy(line + used, text, length);
        else
            snprintf(line + used, size - used, "\\x%02x", (unsigned char)*text);
        used += need;
        text += length ? length : 1;
    }
    line[used] = '\0';
    return used;
}
