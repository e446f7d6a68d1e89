/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/tcmu/rescan.h"

#include <string.h>

#include "doors/tcmu/target.h"
#include "lib/door.h"

void tcmu_rescan_init(struct tcmu_rescan *rescan, const struct tcmu_target *target)
{
    rescan->target = target;
    os_mutex_init(&rescan->lock);
    os_cond_init(&rescan->changed);
}

void tcmu_rescan_destroy(struct tcmu_rescan *rescan)
{
    os_cond_destroy(&rescan->changed);
    os_mutex_destroy(&rescan->lock);
}

/* True: there is a rescan to do. False: the thread ends. */
static bool await(struct tcmu_rescan *rescan)
{
    bool ends;

    os_mutex_lock(&rescan->lock);
    while (!rescan->wanted && !rescan->ends)
        os_cond_wait(&rescan->changed, &rescan->lock);
    rescan->wanted = false;
    ends = rescan->ends;
    os_mutex_unlock(&rescan->lock);
    return !ends;
}

static void run(void *argument)
{
    struct tcmu_rescan *rescan = argument;

    while (await(rescan))
        tcmu_target_rescan(rescan->target);
}

int tcmu_rescan_start(struct tcmu_rescan *rescan)
{
    int error = os_thread_create(&rescan->thread, "spd-tcmu-size", run, rescan);

    if (error)
        return spd_fail(SPD_ERROR_THREADS, "spd-tcmu-size: %s", strerror(error));
    rescan->started = true;
    return 0;
}

void tcmu_rescan_end(struct tcmu_rescan *rescan)
{
    if (!rescan->started)
        return;
    os_mutex_lock(&rescan->lock);
    rescan->ends = true;
    os_cond_signal(&rescan->changed);
    os_mutex_unlock(&rescan->lock);
    os_thread_join(rescan->thread);
    rescan->started = false;
}

void tcmu_rescan_want(struct tcmu_rescan *rescan)
{
    os_mutex_lock(&rescan->lock);
    rescan->wanted = true;
    os_cond_signal(&rescan->changed);
    os_mutex_unlock(&rescan->lock);
}
