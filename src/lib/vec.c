/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Copies between one buffer and scattered data, for devices. */

#include <string.h>

#include <spd/device.h>

struct cursor {
    const spd_vec *piece, *end;
    size_t skip; /* bytes into the piece */
};

static struct cursor cursor_at(const spd_vec *vec, uint32_t count, size_t offset)
{
    struct cursor cursor = { vec, vec + count, offset };

    for (; cursor.piece < cursor.end && cursor.skip >= cursor.piece->length; cursor.piece++)
        cursor.skip -= cursor.piece->length;
    return cursor;
}

/* At most `most` bytes in one piece; *at is where they are. 0: the pieces end here. */
static size_t next_part(struct cursor *cursor, size_t most, unsigned char **at)
{
    size_t part;

    while (cursor->piece < cursor->end && cursor->skip == cursor->piece->length) {
        cursor->piece++;
        cursor->skip = 0;
    }
    if (cursor->piece == cursor->end)
        return 0;
    part = cursor->piece->length - cursor->skip;
    part = part < most ? part : most;
    *at = (unsigned char *)cursor->piece->base + cursor->skip;
    cursor->skip += part;
    return part;
}

size_t spd_vec_put(
    const spd_vec *vec, uint32_t count, size_t offset, const void *buffer, size_t length)
{
    struct cursor cursor = cursor_at(vec, count, offset);
    const unsigned char *from = buffer;
    unsigned char *at;
    size_t done = 0, part;

    for (; done < length && (part = next_part(&cursor, length - done, &at)); done += part) {
        if (from)
            memcpy(at, from + done, part);
        else
            memset(at, 0, part);
    }
    return done;
}

size_t spd_vec_get(const spd_vec *vec, uint32_t count, size_t offset, void *buffer, size_t length)
{
    struct cursor cursor = cursor_at(vec, count, offset);
    unsigned char *at;
    size_t done = 0, part;

    for (; done < length && (part = next_part(&cursor, length - done, &at)); done += part)
        memcpy((unsigned char *)buffer + done, at, part);
    return done;
}
