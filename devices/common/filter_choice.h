/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The operations that a filter chooses: of some kinds, at some blocks, so many of them. The random
 * choices come from a seed, so that a test meets the same ones again.
 */

#ifndef DEVICES_COMMON_FILTER_CHOICE_H
#define DEVICES_COMMON_FILTER_CHOICE_H

#include "filter.h"

struct filter_choice {
    _Atomic uint32_t operations; /* 0: the filter knows which */
    struct filter_lbas lbas;
    _Atomic uint64_t rate, skip, count; /* a count of 0 has no end */
    union {
        uint64_t seed;
        _Atomic uint64_t random;
    };
    uint64_t met; /* the operations that skip and count are for; a lock of the filter guards it */
};

/* The keys, for the table of a filter that has the choice as its member `choice`. */
#define FILTER_CHOICE_OPTIONS(structure)                                                           \
    { "lba", "operations with one of these blocks: 5, 5-9, 5-", FILTER_LBAS, .initial = "0-",      \
        .offset = offsetof(structure, choice.lbas) },                                              \
    { "rate", "so many of these, in percent", FILTER_PERCENT, .initial = "100", .live = true,      \
        .offset = offsetof(structure, choice.rate) },                                              \
    { "skip", "the first so many of these are spared", FILTER_NUMBER, .max = UINT64_MAX,           \
        .initial = "0", .live = true, .offset = offsetof(structure, choice.skip) },                \
    { "count", "no more than so many; 0: all", FILTER_NUMBER, .max = UINT64_MAX, .initial = "0",   \
        .live = true, .offset = offsetof(structure, choice.count) },                               \
    { "seed", "another series of random choices", FILTER_NUMBER, .max = UINT64_MAX,                \
        .initial = "1", .offset = offsetof(structure, choice.seed) }

/* Whether a block of the request is among those of the choice; *bad is the first such block. */
bool filter_choice_meets(
    const struct filter_choice *choice, const spd_request *request, uint64_t *bad);
/* Whether the kind, the blocks and chance choose the request; any thread. operations: 1 <<
 * spd_operation for each. */
bool filter_choice_takes(struct filter_choice *choice, uint32_t operations,
    const spd_request *request, uint64_t *bad);
/* Counts a request that was taken: whether it is neither spared nor one too many. The caller has
 * the lock. */
bool filter_choice_counts(struct filter_choice *choice);

#endif
