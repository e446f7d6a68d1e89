/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/buffers.h"

#include "doors/iscsi/limits.h"
#include "os/os.h"

static unsigned class_of(uint32_t length)
{
    unsigned class = 0;

    while (((uint32_t)1 << (BUFFER_SHIFT + class)) < length)
        class++;
    return class;
}

uint32_t iscsi_buffer_length(uint32_t length)
{
    return (uint32_t)1 << (BUFFER_SHIFT + class_of(length));
}

struct iscsi_buffer iscsi_buffer_get(struct iscsi_buffer_pool *pool, uint32_t length)
{
    unsigned class = class_of(length);
    uint32_t whole = (uint32_t)1 << (BUFFER_SHIFT + class);
    void *base = pool->free[class];

    if (base) {
        pool->free[class] = *(void **)base;
        pool->cached -= whole;
    } else {
        base = os_pages_alloc(whole);
    }
    return (struct iscsi_buffer){ .base = base, .length = whole };
}

void iscsi_buffer_put(struct iscsi_buffer_pool *pool, struct iscsi_buffer *buffer)
{
    if (!buffer->base)
        return;
    if (pool->cached + buffer->length > ISCSI_CACHE_MAX) {
        os_pages_free(buffer->base, buffer->length);
    } else {
        unsigned class = class_of(buffer->length);

        *(void **)(void *)buffer->base = pool->free[class];
        pool->free[class] = buffer->base;
        pool->cached += buffer->length;
    }
    buffer->base = NULL;
    buffer->length = 0;
}

void iscsi_buffer_trim(struct iscsi_buffer_pool *pool)
{
    for (unsigned class = 0; class < BUFFER_CLASSES; class++)
        while (pool->free[class]) {
            void *base = pool->free[class];

            pool->free[class] = *(void **)base;
            os_pages_free(base, (size_t)1 << (BUFFER_SHIFT + class));
        }
    pool->cached = 0;
}
