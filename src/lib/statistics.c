/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/statistics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/unit.h"

enum { SHARDS = 8, CACHE_LINE = 64 };

/* How many operations there were is the sum of the buckets: one counter less on the hot path. */
struct counters {
    _Atomic uint64_t errors;
    _Atomic uint64_t bytes;
    _Atomic uint64_t latency_total;
    _Atomic uint64_t latency[SPD_LATENCY_BUCKETS];
};

struct spd_shard {
    _Alignas(CACHE_LINE) _Atomic uint64_t commands;
    _Atomic uint64_t aborted;
    struct counters operation[SPD_UNMAP];
};

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct spd_shard *spd_shards_new(void)
{
    size_t length = SHARDS * sizeof(struct spd_shard);
    struct spd_shard *shards = aligned_alloc(CACHE_LINE, length);

    if (shards)
        memset(shards, 0, length);
    return shards;
}

static struct spd_shard *mine(struct spd_shard *shards)
{
    static _Atomic uint32_t next;
    static _Thread_local uint32_t index;

    if (!index)
        index = 1 + atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % SHARDS;
    return &shards[index - 1];
}

void spd_count_command(struct spd_shard *shards)
{
    add(&mine(shards)->commands, 1);
}

void spd_count_aborted(struct spd_shard *shards)
{
    add(&mine(shards)->aborted, 1);
}

static unsigned bucket(uint64_t nanoseconds)
{
    unsigned log2 = 63 - (unsigned)__builtin_clzll(nanoseconds | 1);

    return log2 < SPD_LATENCY_BUCKETS ? log2 : SPD_LATENCY_BUCKETS - 1;
}

void spd_count_operation(struct spd_shard *shards, enum spd_operation operation, bool failed,
    uint64_t bytes, uint64_t nanoseconds)
{
    struct counters *counters = &mine(shards)->operation[operation - SPD_READ];

    add(&counters->latency[bucket(nanoseconds)], 1);
    add(&counters->latency_total, nanoseconds);
    if (failed)
        add(&counters->errors, 1);
    else if (bytes)
        add(&counters->bytes, bytes);
}

static void sum_operation(const struct counters *from, spd_operation_statistics *to)
{
    to->errors += get(&from->errors);
    to->bytes += get(&from->bytes);
    to->latency_total += get(&from->latency_total);
    for (int i = 0; i < SPD_LATENCY_BUCKETS; i++) {
        uint64_t count = get(&from->latency[i]);

        to->latency[i] += count;
        to->operations += count;
    }
}

void spd_shards_sum(const struct spd_shard *shards, spd_statistics *statistics)
{
    memset(statistics, 0, sizeof *statistics);
    statistics->size = sizeof *statistics;
    for (int i = 0; i < SHARDS; i++) {
        statistics->commands += get(&shards[i].commands);
        statistics->aborted += get(&shards[i].aborted);
        for (int o = SPD_READ; o <= SPD_UNMAP; o++)
            sum_operation(&shards[i].operation[o - SPD_READ], &statistics->operation[o]);
    }
}
