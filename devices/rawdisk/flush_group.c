/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "flush_group.h"

#include <errno.h>
#include <stddef.h>

int flush_group_open(struct flush_group *group, int (*flush)(void *context), void *context)
{
    *group = (struct flush_group){
        .flush = flush, .context = context, .monitor = monitor_new()
    };
    return group->monitor ? 0 : ENOMEM;
}

void flush_group_close(struct flush_group *group)
{
    monitor_delete(group->monitor);
    group->monitor = NULL;
}

/* The lock is held, except while the flush runs. */
static void run_one(struct flush_group *group)
{
    int error;

    group->running = true;
    group->begun++;
    monitor_unlock(group->monitor);
    error = group->flush(group->context);
    monitor_lock(group->monitor);
    group->running = false;
    if (error)
        group->lost = error;
    else
        group->succeeded++;
    monitor_wake_all(group->monitor);
}

static void wait_for_other(struct flush_group *group)
{
    group->waiting++;
    monitor_wait(group->monitor);
    group->waiting--;
}

int flush_group_join(struct flush_group *group)
{
    uint64_t ticket;
    int error;

    monitor_lock(group->monitor);
    /* A running flush may have begun before this thread's data was written: it does not count. */
    ticket = group->begun + 1;
    while (group->succeeded < ticket && !group->lost) {
        if (group->running)
            wait_for_other(group);
        else
            run_one(group);
    }
    error = group->succeeded < ticket ? group->lost : 0;
    monitor_unlock(group->monitor);
    return error;
}

int flush_group_lost(struct flush_group *group)
{
    int error;

    monitor_lock(group->monitor);
    error = group->lost;
    monitor_unlock(group->monitor);
    return error;
}
