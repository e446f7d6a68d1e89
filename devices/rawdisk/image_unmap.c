/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Makes ranges zeros, in pieces. File systems lock the file meanwhile, and the time of a piece
 * depends on its fragmentation: a mebibyte may take longer than a gibibyte elsewhere. So the time
 * of a piece decides the length of the next one, and reads and writes get in between.
 */

#include "image_os.h"

#include <errno.h>

enum { PIECE_MIN = 1 << 20, PIECE_MAX = 1 << 30, PIECE_MS = 20 };

static int write_zeros(struct image *image, uint64_t length, uint64_t offset, uint64_t *failed)
{
    static const char zeros[65536];
    int error = 0;

    while (length && !error) {
        size_t piece = length < sizeof zeros ? (size_t)length : sizeof zeros;
        error = image_write(image, zeros, piece, offset, 0, failed);
        offset += piece;
        length -= piece;
    }
    return error;
}

static int zero_piece(struct image *image, uint64_t length, uint64_t offset, unsigned flags,
    uint64_t *failed)
{
    int error;

    *failed = offset;
    error = image_check_end(image, length, offset, failed);
    if (error)
        return error;
    error = image_os_zero(image, length, offset, flags & IMAGE_KEEP);
    return error == EOPNOTSUPP && !(flags & IMAGE_FAST)
        ? write_zeros(image, length, offset, failed) : error;
}

/* All pieces but the first and last are at multiples of PIECE_MIN. A block device may refuse other
 * places, if they are no multiples of its sectors, and then zeros are written. */
static uint64_t piece_at(uint64_t offset, uint64_t length, uint64_t piece)
{
    uint64_t past = offset % PIECE_MIN;
    uint64_t part = past ? PIECE_MIN - past : piece;

    if (part < length)
        return part;
    past = (offset + length) % PIECE_MIN;
    return length > past && past ? length - past : length;
}

static uint64_t next_piece(uint64_t piece, uint64_t ms)
{
    if (ms < PIECE_MS / 4)
        return piece < PIECE_MAX ? piece * 2 : piece;
    for (; ms > PIECE_MS && piece > PIECE_MIN; ms /= 2)
        piece /= 2;
    return piece;
}

int image_zero(struct image *image, uint64_t length, uint64_t offset, unsigned flags,
    uint64_t *failed)
{
    uint64_t piece = PIECE_MIN;
    int error = 0;

    *failed = offset;
    while (length && !error) {
        uint64_t part = piece_at(offset, length, piece);
        uint64_t begun = image_os_now_ms();

        error = zero_piece(image, part, offset, flags, failed);
        piece = next_piece(piece, image_os_now_ms() - begun);
        offset += part;
        length -= part;
    }
    return error || !(flags & IMAGE_DURABLE) ? error : image_flush(image);
}

int image_unmap(struct image *image, uint64_t length, uint64_t offset, uint64_t *failed)
{
    return image_zero(image, length, offset, image->cached ? 0 : IMAGE_DURABLE, failed);
}
