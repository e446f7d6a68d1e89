/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The thread that lets the kernel find a new capacity. The kernel asks for it when it is ordered
 * to, and it waits for our answer meanwhile, so the loop cannot order it. */

#ifndef DOORS_TCMU_RESCAN_H
#define DOORS_TCMU_RESCAN_H

#include <stdbool.h>

#include "os/os.h"

struct tcmu_target;

struct tcmu_rescan {
    const struct tcmu_target *target;
    os_thread thread;
    bool started;
    os_mutex lock; /* guards the rest */
    os_cond changed;
    bool wanted, ends;
};

void tcmu_rescan_init(struct tcmu_rescan *rescan, const struct tcmu_target *target);
void tcmu_rescan_destroy(struct tcmu_rescan *rescan);
/* The target has its disk from now on, until the end. 0 or a spd_error with its detail. */
int tcmu_rescan_start(struct tcmu_rescan *rescan);
/* Waits for a rescan that runs. Does nothing to a thread that was not started. */
void tcmu_rescan_end(struct tcmu_rescan *rescan);
/* Any thread; returns at once. */
void tcmu_rescan_want(struct tcmu_rescan *rescan);

#endif
