/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/scratch.h"

#include "lib/waiter.h"

void spd_scratch_init(struct spd_scratch *scratch)
{
    spd_pool_init(&scratch->pool, SCSI_SCRATCH_LENGTH, UINT32_MAX);
    os_mutex_init(&scratch->lock);
    ioq_share_init(&scratch->tasks, SPD_SCRATCH_LIMIT, SPD_SCRATCH_SHARE);
    ioq_share_init(&scratch->replies, IOQ_SHARE_ALL, SPD_SCRATCH_OWN);
}

void spd_scratch_destroy(struct spd_scratch *scratch)
{
    os_mutex_destroy(&scratch->lock);
    spd_pool_destroy(&scratch->pool);
}

static struct ioq_share *share_of(struct spd_scratch *scratch, const struct spd_request *request)
{
    return scsi_always_answered(&request->task) ? &scratch->replies : &scratch->tasks;
}

static struct ioq_flow *flow_of(const struct spd_request *request)
{
    return spd_flow_of(request,
        scsi_always_answered(&request->task) ? IOQ_PLACE_REPLY : IOQ_PLACE_SCRATCH);
}

bool spd_scratch_take(struct spd_scratch *scratch, struct spd_request *request)
{
    /* A door that cannot go on later has a thread for each command, and these threads are the
     * limit. */
    bool now, must = !request->ops->later;

    if (!request->waiter.holds) {
        os_mutex_lock(&scratch->lock);
        now = ioq_share_take(
            share_of(scratch, request), flow_of(request), &request->waiter, must);
        os_mutex_unlock(&scratch->lock);
        if (!now)
            return false;
    }
    if (!request->task.scratch)
        request->task.scratch = spd_pool_take(&scratch->pool);
    return true;
}

struct spd_request *spd_scratch_give(struct spd_scratch *scratch, struct spd_request *request)
{
    struct spd_request *granted;
    void *buffer = request->task.scratch;

    os_mutex_lock(&scratch->lock);
    granted = spd_request_of(ioq_share_give(
        share_of(scratch, request), flow_of(request), &request->waiter));
    os_mutex_unlock(&scratch->lock);

    request->task.scratch = NULL;
    if (granted)
        granted->task.scratch = buffer;
    else if (buffer)
        spd_pool_give(&scratch->pool, buffer);
    return granted;
}

bool spd_scratch_cancel(struct spd_scratch *scratch, struct spd_request *request)
{
    bool cancelled;

    os_mutex_lock(&scratch->lock);
    cancelled = ioq_share_cancel(share_of(scratch, request), &request->waiter);
    os_mutex_unlock(&scratch->lock);
    return cancelled;
}
