/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/fair.h"

#include <assert.h>
#include <stdatomic.h>

static_assert(SPD_FAIR_REPLY + 1 == SCSI_FLOWS, "a nexus has a queue for each place");

void spd_fair_init(struct spd_fair *fair, enum spd_fair_place place)
{
    fair->turn = NULL;
    fair->place = place;
    atomic_init(&fair->count, 0);
}

struct scsi_flow *spd_fair_flow(const struct spd_fair *fair, const struct spd_request *request)
{
    return &request->task.nexus->flows[fair->place];
}

static void set_count(struct spd_fair *fair, int change)
{
    uint32_t count = atomic_load_explicit(&fair->count, memory_order_relaxed);

    atomic_store_explicit(&fair->count, count + (uint32_t)change, memory_order_relaxed);
}

static void set_place(struct spd_request *request, struct spd_fair *fair)
{
    atomic_store_explicit(&request->waits_in, fair, memory_order_relaxed);
}

/* The last turn is that before the first. */
static void ring_append(struct spd_fair *fair, struct scsi_flow *flow)
{
    struct scsi_flow *first = fair->turn;

    if (!first) {
        flow->next = flow->previous = flow;
        fair->turn = flow;
        return;
    }
    flow->next = first;
    flow->previous = first->previous;
    flow->previous->next = flow;
    first->previous = flow;
}

static void ring_remove(struct spd_fair *fair, struct scsi_flow *flow)
{
    if (flow->next == flow) {
        fair->turn = NULL;
        return;
    }
    flow->next->previous = flow->previous;
    flow->previous->next = flow->next;
    if (fair->turn == flow)
        fair->turn = flow->next;
}

void spd_fair_put(struct spd_fair *fair, struct spd_request *request)
{
    struct scsi_flow *flow = spd_fair_flow(fair, request);
    struct spd_request *last = flow->last;

    request->next = NULL;
    request->previous = last;
    if (last)
        last->next = request;
    else
        flow->first = request;
    flow->last = request;
    if (!last)
        ring_append(fair, flow);
    set_place(request, fair);
    set_count(fair, 1);
}

void spd_fair_put_first(struct spd_fair *fair, struct spd_request *request)
{
    struct scsi_flow *flow = spd_fair_flow(fair, request);
    struct spd_request *first = flow->first;

    if (!first) {
        spd_fair_put(fair, request);
        return;
    }
    request->next = first;
    request->previous = NULL;
    first->previous = request;
    flow->first = request;
    set_place(request, fair);
    set_count(fair, 1);
}

void spd_fair_prefer(struct spd_fair *fair, const struct spd_request *request)
{
    struct scsi_flow *flow = spd_fair_flow(fair, request);

    ring_remove(fair, flow);
    ring_append(fair, flow);
    fair->turn = flow;
}

struct spd_request *spd_fair_first(const struct spd_fair *fair)
{
    return fair->turn ? fair->turn->first : NULL;
}

struct spd_request *spd_fair_after(const struct spd_fair *fair, const struct spd_request *request)
{
    struct scsi_flow *next = spd_fair_flow(fair, request)->next;

    return next == fair->turn ? NULL : next->first;
}

static void unlink_request(struct scsi_flow *flow, struct spd_request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        flow->first = request->next;
    if (request->next)
        request->next->previous = request->previous;
    else
        flow->last = request->previous;
}

bool spd_fair_remove(struct spd_fair *fair, struct spd_request *request)
{
    struct scsi_flow *flow = spd_fair_flow(fair, request);

    if (atomic_load_explicit(&request->waits_in, memory_order_relaxed) != fair)
        return false;
    unlink_request(flow, request);
    if (!flow->first)
        ring_remove(fair, flow);
    set_place(request, NULL);
    set_count(fair, -1);
    request->next = NULL;
    return true;
}

void spd_fair_take(struct spd_fair *fair, struct spd_request *request, bool again)
{
    struct scsi_flow *flow = spd_fair_flow(fair, request);

    spd_fair_remove(fair, request);
    if (!flow->first || again)
        return;
    ring_remove(fair, flow);
    ring_append(fair, flow);
}
