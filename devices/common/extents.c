/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "extents.h"

enum { RUNS_MAX = 4096 }; /* for one call, to bound its time */

/* How many blocks from `at` on are in one state. A hole ends with its last whole block, and other
 * bytes with the block of their last one. */
static uint64_t count_blocks(const struct extents_source *source, uint64_t at, uint64_t end,
    bool *hole)
{
    uint64_t length = source->block_length, past, next;

    if (source->run(source->context, at * length, end * length, &past, hole)) {
        *hole = false;
        return end - at;
    }
    if (past > end * length)
        past = end * length;
    next = *hole ? past / length : (past + length - 1) / length;
    if (next > at)
        return next - at;
    *hole = false; /* it is shorter than a block */
    return 1;
}

void extents_describe(const struct extents_source *source, uint64_t lba, uint32_t blocks,
    spd_extents *extents)
{
    uint64_t at = lba, end = lba + blocks;

    for (unsigned runs = 0; at < end && runs < RUNS_MAX; runs++) {
        bool hole = false;
        uint64_t count = count_blocks(source, at, end, &hole);

        if (!spd_extents_add(extents, count, hole ? SPD_DEALLOCATED : SPD_MAPPED))
            return;
        at += count;
    }
}
