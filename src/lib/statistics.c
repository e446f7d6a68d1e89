/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/statistics.h"

#include <stdatomic.h>
#include <string.h>

#include "lib/unit.h"

enum { SHARDS = SPD_THREADS_OWN + 1, CACHE_LINE = 64 };

/* The number of operations is the sum of the buckets: a counter less on the hot path. */
struct counters {
    _Atomic uint64_t errors;
    _Atomic uint64_t bytes;
    _Atomic uint64_t latency_total;
    _Atomic uint64_t latency[SPD_LATENCY_BUCKETS];
};

struct spd_shard {
    _Alignas(CACHE_LINE) _Atomic uint64_t commands;
    _Atomic uint64_t aborted;
    struct counters operation[SPD_OPERATION_LAST];
};

/* The first threads of the process have a shard each, in which no other thread writes. So adding
 * needs no locked instruction, which after a large copy would wait until the copy has left the CPU.
 * All later threads share the last shard. */
struct place {
    struct spd_shard *shard;
    bool shared;
};

uint32_t spd_thread_number(void)
{
    static _Atomic uint32_t next;
    static _Thread_local uint32_t number __attribute__((tls_model("initial-exec")));

    if (!number) {
        number = 1 + atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
        if (number > SHARDS)
            number = SHARDS;
    }
    return number - 1;
}

static struct place here(struct spd_shard *shards)
{
    uint32_t number = spd_thread_number();

    return (struct place){ &shards[number], number == SPD_THREADS_OWN };
}

static void add(struct place place, _Atomic uint64_t *counter, uint64_t amount)
{
    if (place.shared)
        atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
    else
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount,
            memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct spd_shard *spd_shards_new(void)
{
    return os_pages_alloc(SHARDS * sizeof(struct spd_shard));
}

void spd_shards_free(struct spd_shard *shards)
{
    os_pages_free(shards, SHARDS * sizeof(struct spd_shard));
}

void spd_count_command(struct spd_shard *shards)
{
    struct place place = here(shards);

    add(place, &place.shard->commands, 1);
}

void spd_count_aborted(struct spd_shard *shards)
{
    struct place place = here(shards);

    add(place, &place.shard->aborted, 1);
}

/* The two bits below the highest one choose among the four buckets of a power of two. The values
 * below 4 have a bucket each. */
static unsigned bucket(uint64_t nanoseconds)
{
    unsigned shift = 61 - (unsigned)__builtin_clzll(nanoseconds | 4);
    uint64_t index = 4 * (uint64_t)shift + (nanoseconds >> shift);

    return index < SPD_LATENCY_BUCKETS ? (unsigned)index : SPD_LATENCY_BUCKETS - 1;
}

uint64_t spd_latency_bound(uint32_t index)
{
    if (index >= SPD_LATENCY_BUCKETS - 1)
        return UINT64_MAX;
    return index < 4 ? index + 1 : (uint64_t)(index % 4 + 5) << (index / 4 - 1);
}

void spd_count_operation(struct spd_shard *shards, enum spd_operation operation, bool failed,
    uint64_t bytes, uint64_t nanoseconds)
{
    struct place place = here(shards);
    struct counters *counters = &place.shard->operation[operation - SPD_READ];

    add(place, &counters->latency[bucket(nanoseconds)], 1);
    add(place, &counters->latency_total, nanoseconds);
    if (failed)
        add(place, &counters->errors, 1);
    else if (bytes)
        add(place, &counters->bytes, bytes);
}

static void add_operation(const struct counters *from, spd_operation_statistics *to)
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
    *statistics = (spd_statistics){ 0 };
    for (int i = 0; i < SHARDS; i++) {
        statistics->commands += get(&shards[i].commands);
        statistics->aborted += get(&shards[i].aborted);
    }
}

void spd_shards_sum_operation(
    const struct spd_shard *shards, spd_operation operation, spd_operation_statistics *statistics)
{
    *statistics = (spd_operation_statistics){ 0 };
    for (int i = 0; i < SHARDS; i++)
        add_operation(&shards[i].operation[operation - SPD_READ], statistics);
}
