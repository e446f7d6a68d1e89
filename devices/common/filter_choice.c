/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A choice of operations for a filter. The counts need a lock, which the filter has anyway. */

#include "filter_choice.h"

/* The first block of this range that is among the bad ones. */
static bool meets(const struct filter_choice *choice, uint64_t lba, uint64_t blocks, uint64_t *bad)
{
    uint64_t last = blocks ? lba + (blocks - 1) : UINT64_MAX; /* a flush of 0 blocks: all */

    if (lba > choice->lbas.last || last < choice->lbas.first)
        return false;
    *bad = lba > choice->lbas.first ? lba : choice->lbas.first;
    return true;
}

bool filter_choice_meets(
    const struct filter_choice *choice, const spd_request *request, uint64_t *bad)
{
    uint32_t count = 0;
    const spd_range *ranges = spd_request_ranges(request, &count);

    if (!ranges)
        return meets(choice, spd_request_lba(request), spd_request_blocks(request), bad);
    for (uint32_t i = 0; i < count; i++)
        if (meets(choice, ranges[i].lba, ranges[i].blocks, bad))
            return true;
    return false;
}

bool filter_choice_takes(struct filter_choice *choice, uint32_t operations,
    const spd_request *request, uint64_t *bad)
{
    return filter_has(operations, request) && filter_choice_meets(choice, request, bad) &&
        filter_chance(&choice->random, choice->rate);
}

bool filter_choice_counts(struct filter_choice *choice)
{
    uint64_t skip = choice->skip, count = choice->count, met = choice->met++;

    return met >= skip && (!count || met - skip < count);
}
