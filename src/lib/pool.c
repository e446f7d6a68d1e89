/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/pool.h"

#include <string.h>

enum { KEEP = 4 };

void spd_pool_init(struct spd_pool *pool, size_t length, uint32_t limit)
{
    os_mutex_init(&pool->lock);
    pool->length = length;
    pool->kept = NULL;
    pool->kept_count = 0;
    pool->in_use = 0;
    pool->limit = limit;
}

static void *pop(struct spd_pool *pool) OS_REQUIRES(pool->lock)
{
    void *buffer = pool->kept;

    if (buffer) {
        memcpy(&pool->kept, buffer, sizeof pool->kept);
        pool->kept_count--;
    }
    return buffer;
}

/* Nobody else uses it any more. */
void spd_pool_destroy(struct spd_pool *pool) OS_UNCHECKED
{
    void *buffer;

    while ((buffer = pop(pool)))
        os_pages_free(buffer, pool->length);
    os_mutex_destroy(&pool->lock);
}

void *spd_pool_take(struct spd_pool *pool)
{
    void *buffer = NULL;
    bool allowed;

    os_mutex_lock(&pool->lock);
    allowed = pool->in_use < pool->limit;
    if (allowed) {
        pool->in_use++;
        buffer = pop(pool);
    }
    os_mutex_unlock(&pool->lock);
    if (buffer || !allowed)
        return buffer;

    buffer = os_pages_alloc(pool->length);
    if (!buffer) {
        os_mutex_lock(&pool->lock);
        pool->in_use--;
        os_mutex_unlock(&pool->lock);
    }
    return buffer;
}

void spd_pool_give(struct spd_pool *pool, void *buffer)
{
    bool keep;

    os_mutex_lock(&pool->lock);
    pool->in_use--;
    keep = pool->kept_count < KEEP;
    if (keep) {
        memcpy(buffer, &pool->kept, sizeof pool->kept);
        pool->kept = buffer;
        pool->kept_count++;
    }
    os_mutex_unlock(&pool->lock);
    if (!keep)
        os_pages_free(buffer, pool->length);
}
