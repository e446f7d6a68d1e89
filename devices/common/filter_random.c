/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filter.h"

/* SplitMix64 (Steele, Lea, Flood 2014): its state only counts, so that threads need no lock. */
uint64_t filter_random(_Atomic uint64_t *state)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = atomic_fetch_add(state, step) + step;

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

bool filter_chance(_Atomic uint64_t *state, uint64_t millionths)
{
    return filter_random(state) % 1000000 < millionths;
}
