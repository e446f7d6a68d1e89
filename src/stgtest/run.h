/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The test itself: cycles of operations on one range, with the data that must be read back. */

#ifndef STGTEST_RUN_H
#define STGTEST_RUN_H

#include "stgtest/target.h"

enum { OPS_MAX = 32 };

struct run_options {
    uint32_t seed;
    uint64_t count;          /* single operations, at least 1 */
    char ops[OPS_MAX + 1];   /* upper-case letters out of RWFU */
    uint64_t address;
    bool random_address;
    uint32_t blocks;         /* at least 1 */
    bool random_blocks;
    bool progress;           /* draw it on stderr */
};

struct run_totals {
    uint64_t operations;
    uint64_t bytes; /* read and written */
};

/* 0 or an error, already reported on stderr. */
int run(struct target *target, const struct run_options *options, struct run_totals *totals);

#endif
