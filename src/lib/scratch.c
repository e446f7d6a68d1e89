/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/scratch.h"

#include <stdatomic.h>

void spd_scratch_init(struct spd_scratch *scratch)
{
    spd_pool_init(&scratch->pool, SCSI_SCRATCH_LENGTH, UINT32_MAX);
    os_mutex_init(&scratch->lock);
    spd_fair_init(&scratch->waiting, SPD_FAIR_SCRATCH);
    spd_fair_init(&scratch->replies, SPD_FAIR_REPLY);
    scratch->in_use = 0;
}

void spd_scratch_destroy(struct spd_scratch *scratch)
{
    os_mutex_destroy(&scratch->lock);
    spd_pool_destroy(&scratch->pool);
}

static bool is_reply(const struct spd_request *request)
{
    return scsi_always_answered(&request->task);
}

static struct spd_fair *queue_of(struct spd_scratch *scratch, const struct spd_request *request)
{
    return is_reply(request) ? &scratch->replies : &scratch->waiting;
}

static uint32_t held(struct spd_scratch *scratch, const struct spd_request *request)
{
    struct scsi_flow *flow = spd_fair_flow(queue_of(scratch, request), request);

    return atomic_load_explicit(&flow->held, memory_order_relaxed);
}

/* A door that cannot go on later has a thread for each command, which is limit enough. */
static bool may_have(struct spd_scratch *scratch, const struct spd_request *request)
{
    if (!request->ops->later)
        return true;
    if (is_reply(request))
        return held(scratch, request) < SPD_SCRATCH_OWN;
    return scratch->in_use < SPD_SCRATCH_LIMIT && held(scratch, request) < SPD_SCRATCH_SHARE;
}

static void count(struct spd_scratch *scratch, struct spd_request *request, int change)
{
    struct scsi_flow *flow = spd_fair_flow(queue_of(scratch, request), request);

    atomic_store_explicit(
        &flow->held, held(scratch, request) + (uint32_t)change, memory_order_relaxed);
    if (!is_reply(request))
        scratch->in_use += (uint32_t)change;
    request->has_scratch = change > 0;
}

bool spd_scratch_take(struct spd_scratch *scratch, struct spd_request *request)
{
    if (!request->has_scratch) {
        bool now;

        os_mutex_lock(&scratch->lock);
        now = may_have(scratch, request);
        if (now)
            count(scratch, request, 1);
        else
            spd_fair_put(queue_of(scratch, request), request);
        os_mutex_unlock(&scratch->lock);
        if (!now)
            return false;
    }
    if (!request->task.scratch)
        request->task.scratch = spd_pool_take(&scratch->pool);
    return true;
}

/* The lock is held. When a reply gives its scratch back, only a reply of its nexus can go on. */
static struct spd_request *next(struct spd_scratch *scratch, const struct spd_request *giver)
{
    struct spd_fair *queue = queue_of(scratch, giver);
    struct spd_request *request = is_reply(giver) ? spd_fair_flow(queue, giver)->first
                                                  : spd_fair_first(queue);

    while (request && !may_have(scratch, request))
        request = is_reply(giver) ? NULL : spd_fair_after(queue, request);
    if (request) {
        spd_fair_take(queue, request, false);
        count(scratch, request, 1);
    }
    return request;
}

struct spd_request *spd_scratch_give(struct spd_scratch *scratch, struct spd_request *request)
{
    struct spd_request *granted;
    void *buffer = request->task.scratch;

    os_mutex_lock(&scratch->lock);
    count(scratch, request, -1);
    granted = next(scratch, request);
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
    cancelled = spd_fair_remove(queue_of(scratch, request), request);
    os_mutex_unlock(&scratch->lock);
    return cancelled;
}
