/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Counters of a unit. Each thread counts in a shard, so that threads do not fight for cache lines;
 * a reader adds the shards up. */

#ifndef SPD_LIB_STATISTICS_H
#define SPD_LIB_STATISTICS_H

#include "lib/door.h"

struct spd_shard;

enum { SPD_THREADS_OWN = 15 };

/* The calling thread's number among the counting threads of the process. The first SPD_THREADS_OWN
 * have a number each, from 0, and all later ones share SPD_THREADS_OWN. */
uint32_t spd_thread_number(void);

/* NULL when there is no memory. */
struct spd_shard *spd_shards_new(void);
void spd_shards_free(struct spd_shard *shards);

void spd_count_command(struct spd_shard *shards);
void spd_count_aborted(struct spd_shard *shards);
void spd_count_operation(struct spd_shard *shards, enum spd_operation operation, bool failed,
    uint64_t bytes, uint64_t nanoseconds);
void spd_shards_sum(const struct spd_shard *shards, spd_statistics *statistics);
void spd_shards_sum_operation(const struct spd_shard *shards, spd_operation operation,
    spd_operation_statistics *statistics);

#endif
