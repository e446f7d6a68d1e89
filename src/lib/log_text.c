/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Makes text of others fit for a log: a single line, and nothing that a terminal obeys. */

#include <stdio.h>
#include <string.h>

#include "lib/log.h"

/* Characters that change what others look like. */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    { 0x00, 0x1f },
    { 0x7f, 0x9f },     /* C1: U+009B alone begins a terminal's command */
    { 0x200e, 0x200f }, /* marks of direction */
    { 0x2028, 0x202e }, /* ends of lines and paragraphs; embeddings and overrides */
    { 0x2066, 0x2069 }, /* isolates */
    { 0xd800, 0xdfff }, /* no characters (RFC 3629 3) */
    { 0xfeff, 0xfeff },
};

static bool printable(uint32_t character)
{
    for (size_t i = 0; i < sizeof unprintable / sizeof unprintable[0]; i++)
        if (character >= unprintable[i].first && character <= unprintable[i].last)
            return false;
    return true;
}

size_t spd_printable(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
    uint32_t character = length == 1 ? *s : *s & (0x7fu >> length);

    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        character = character << 6 | (s[i] & 0x3f);
    }
    return length && character >= least[length] && character <= 0x10ffff && printable(character)
        ? length
        : 0;
}

void spd_log_escape(const char *raw, char *line, size_t size)
{
    static const char cut[] = "...";
    const unsigned char *s = (const unsigned char *)raw;
    size_t used = 0, whole = 0; /* whole: the length up to which "..." still fits behind it */

    while (*s) {
        size_t length = spd_printable((const char *)s);
        size_t need = length ? length : sizeof "\\xHH" - 1;

        if (used + need >= size) {
            memcpy(line + whole, cut, sizeof cut);
            return;
        }
        if (length)
            memcpy(line + used, s, length);
        else
            snprintf(line + used, size - used, "\\x%02x", *s);
        used += need;
        s += length ? length : 1;
        if (used + sizeof cut <= size)
            whole = used;
    }
    line[used] = 0;
}
