/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * An asynchronous device made of a simple one: threads take its requests. Filters are asynchronous,
 * since they hold requests that no thread should wait for.
 */

#ifndef DEVICES_COMMON_WORKERS_H
#define DEVICES_COMMON_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include <spd/spd.h>

#include "monitor.h"

enum { WORKERS = 8, WORKERS_MAX = 1024 };

struct work;

struct workers {
    spd_device device; /* the workers, for the filter above */
    spd_ops ops;
    spd_device below;
    uint32_t block_length;
    struct monitor *monitor; /* it guards the rest */
    struct work *first, **last;
    bool ended;
    struct monitor_thread *threads[WORKERS_MAX];
    uint32_t count;
};

/* Makes the device; its threads come later. below, of blocks of this length, is simple. workers
 * stay where they are. */
void workers_init(struct workers *workers, const spd_device *below, uint32_t block_length);
/* Before the unit starts. False: there is no memory, or no thread. workers_close() all the same. */
bool workers_open(struct workers *workers, uint32_t count);
/* No request comes any more. */
void workers_close(struct workers *workers);

#endif
