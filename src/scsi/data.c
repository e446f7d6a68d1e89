/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reads data-out, which may be in pieces and in memory that others can change: the engine reads
 * every byte once. */

#include "scsi/internal.h"

struct cursor {
    const struct scsi_vec *vec;
    uint32_t left;
    size_t skip;
};

static struct cursor cursor_at(const struct scsi_task *task, uint64_t offset)
{
    struct cursor cursor = { task->data, task->data_count, 0 };

    while (cursor.left && offset >= cursor.vec->length) {
        offset -= cursor.vec->length;
        cursor.vec++;
        cursor.left--;
    }
    cursor.skip = (size_t)offset;
    return cursor;
}

/* The next piece of at most `most` bytes, or NULL past the last. */
static const uint8_t *cursor_next(struct cursor *cursor, size_t most, size_t *length)
{
    while (cursor->left) {
        const uint8_t *piece = (const uint8_t *)cursor->vec->base + cursor->skip;
        size_t room = cursor->vec->length - cursor->skip;

        *length = room < most ? room : most;
        cursor->skip += *length;
        if (cursor->skip == cursor->vec->length) {
            cursor->vec++;
            cursor->left--;
            cursor->skip = 0;
        }
        if (*length)
            return piece;
    }
    return NULL;
}

void scsi_data_copy(const struct scsi_task *task, uint64_t offset, void *to, size_t length)
{
    struct cursor cursor = cursor_at(task, offset);
    uint8_t *out = to;
    const uint8_t *piece;
    size_t n;

    while (length && (piece = cursor_next(&cursor, length, &n))) {
        memcpy(out, piece, n);
        out += n;
        length -= n;
    }
}

void scsi_data_or(const struct scsi_task *task, uint64_t offset, void *into, size_t length)
{
    struct cursor cursor = cursor_at(task, offset);
    uint8_t *out = into;
    const uint8_t *piece;
    size_t n;

    while (length && (piece = cursor_next(&cursor, length, &n))) {
        for (size_t i = 0; i < n; i++)
            out[i] |= piece[i];
        out += n;
        length -= n;
    }
}

size_t scsi_data_compare(const struct scsi_task *task, uint64_t offset, const void *with,
    size_t length)
{
    struct cursor cursor = cursor_at(task, offset);
    const uint8_t *other = with;
    const uint8_t *piece;
    uint8_t copy[512]; /* so that bytes that differed at the first look still differ at the
                        * second */
    size_t done = 0, at = 0, n;

    while (done < length) {
        size_t left = length - done;

        piece = cursor_next(&cursor, left < sizeof copy ? left : sizeof copy, &n);
        if (!piece)
            break;
        memcpy(copy, piece, n);
        if (memcmp(copy, other + done, n)) {
            while (copy[at] == other[done + at])
                at++;
            return done + at;
        }
        done += n;
    }
    return done;
}
