/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Large buffers of one size that are needed rarely. They are made on demand; a few are kept, and a
 * limit bounds those in use. */

#ifndef SPD_LIB_POOL_H
#define SPD_LIB_POOL_H

#include "os/os.h"

struct spd_pool {
    os_mutex lock;
    size_t length;
    void *kept; /* linked through their first bytes */
    uint32_t kept_count;
    uint32_t in_use;
    uint32_t limit;
};

void spd_pool_init(struct spd_pool *pool, size_t length, uint32_t limit);
void spd_pool_destroy(struct spd_pool *pool);

/* Page-aligned; NULL when the limit is reached or there is no memory. */
void *spd_pool_take(struct spd_pool *pool);
void spd_pool_give(struct spd_pool *pool, void *buffer);

#endif
