/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "ioq/turns.h"

void ioq_turns_init(struct ioq_turns *turns)
{
    turns->turn = NULL;
    atomic_init(&turns->count, 0);
}

static void set_count(struct ioq_turns *turns, int change)
{
    uint32_t count = atomic_load_explicit(&turns->count, memory_order_relaxed);

    atomic_store_explicit(&turns->count, count + (uint32_t)change, memory_order_relaxed);
}

static void set_place(struct ioq_waiter *waiter, struct ioq_turns *turns)
{
    atomic_store_explicit(&waiter->waits_in, turns, memory_order_relaxed);
}

/* The last turn is that before the first. */
static void ring_append(struct ioq_turns *turns, struct ioq_flow *flow)
{
    struct ioq_flow *first = turns->turn;

    if (!first) {
        flow->next = flow->previous = flow;
        turns->turn = flow;
        return;
    }
    flow->next = first;
    flow->previous = first->previous;
    flow->previous->next = flow;
    first->previous = flow;
}

static void ring_remove(struct ioq_turns *turns, struct ioq_flow *flow)
{
    if (flow->next == flow) {
        turns->turn = NULL;
        return;
    }
    flow->next->previous = flow->previous;
    flow->previous->next = flow->next;
    if (turns->turn == flow)
        turns->turn = flow->next;
}

void ioq_turns_put(struct ioq_turns *turns, struct ioq_flow *flow, struct ioq_waiter *waiter)
{
    struct ioq_waiter *last = flow->last;

    waiter->flow = flow;
    waiter->next = NULL;
    waiter->previous = last;
    if (last)
        last->next = waiter;
    else
        flow->first = waiter;
    flow->last = waiter;
    if (!last)
        ring_append(turns, flow);
    set_place(waiter, turns);
    set_count(turns, 1);
}

void ioq_turns_put_first(struct ioq_turns *turns, struct ioq_flow *flow, struct ioq_waiter *waiter)
{
    struct ioq_waiter *first = flow->first;

    if (!first) {
        ioq_turns_put(turns, flow, waiter);
        return;
    }
    waiter->flow = flow;
    waiter->next = first;
    waiter->previous = NULL;
    first->previous = waiter;
    flow->first = waiter;
    set_place(waiter, turns);
    set_count(turns, 1);
}

void ioq_turns_prefer(struct ioq_turns *turns, const struct ioq_waiter *waiter)
{
    ring_remove(turns, waiter->flow);
    ring_append(turns, waiter->flow);
    turns->turn = waiter->flow;
}

struct ioq_waiter *ioq_turns_first_below(const struct ioq_turns *turns, uint32_t held)
{
    struct ioq_flow *flow = turns->turn;

    while (flow && ioq_flow_held(flow) >= held)
        flow = flow->next == turns->turn ? NULL : flow->next;
    return flow ? flow->first : NULL;
}

static void unlink_waiter(struct ioq_flow *flow, struct ioq_waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        flow->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        flow->last = waiter->previous;
}

bool ioq_turns_remove(struct ioq_turns *turns, struct ioq_waiter *waiter)
{
    if (atomic_load_explicit(&waiter->waits_in, memory_order_relaxed) != turns)
        return false;
    unlink_waiter(waiter->flow, waiter);
    if (!waiter->flow->first)
        ring_remove(turns, waiter->flow);
    set_place(waiter, NULL);
    set_count(turns, -1);
    waiter->next = NULL;
    return true;
}

void ioq_turns_take(struct ioq_turns *turns, struct ioq_waiter *waiter, bool again)
{
    struct ioq_flow *flow = waiter->flow;

    ioq_turns_remove(turns, waiter);
    if (!flow->first || again)
        return;
    ring_remove(turns, flow);
    ring_append(turns, flow);
}
