/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "ioq/share.h"

void ioq_share_init(struct ioq_share *share, uint32_t limit, uint32_t each)
{
    *share = (struct ioq_share){ .limit = limit, .each = each };
    ioq_turns_init(&share->waiting);
}

static void count(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter, int change)
{
    atomic_store_explicit(
        &flow->held, ioq_flow_held(flow) + (uint32_t)change, memory_order_relaxed);
    share->in_use += (uint32_t)change;
    waiter->holds = change > 0;
}

bool ioq_share_take(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter, bool must)
{
    if (!must && (share->in_use >= share->limit || ioq_flow_held(flow) >= share->each)) {
        ioq_turns_put(&share->waiting, flow, waiter);
        return false;
    }
    count(share, flow, waiter, 1);
    return true;
}

/* If one was left all the time, each flow waits only for itself. */
static struct ioq_waiter *next(const struct ioq_share *share, const struct ioq_flow *giver)
{
    if (share->in_use >= share->limit)
        return NULL;
    if (share->in_use + 1 < share->limit)
        return ioq_flow_held(giver) < share->each ? giver->first : NULL;
    return ioq_turns_first_below(&share->waiting, share->each);
}

struct ioq_waiter *ioq_share_give(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter)
{
    struct ioq_waiter *granted;

    count(share, flow, waiter, -1);
    granted = next(share, flow);
    if (granted) {
        flow = granted->flow;
        ioq_turns_take(&share->waiting, granted, false);
        count(share, flow, granted, 1);
    }
    return granted;
}

bool ioq_share_cancel(struct ioq_share *share, struct ioq_waiter *waiter)
{
    return ioq_turns_remove(&share->waiting, waiter);
}
