/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The aborted requests that the device still has: a list of the unit, for the message that names
 * what the device does not end. */

#include <inttypes.h>
#include <stdio.h>

#include "lib/unit.h"

struct spd_held spd_held_of(const struct spd_request *request)
{
    spd_operation operation = spd_request_operation(request);

    return (struct spd_held){
        .operation = (uint8_t)operation,
        .lba = spd_request_lba(request),
        .since = request->started,
    };
}

void spd_held_add(struct spd_request *request)
{
    struct spd_unit *unit = request->unit;

    os_mutex_lock(&unit->told_lock);
    request->told = true;
    request->told_next = unit->told;
    request->told_link = &unit->told;
    if (unit->told)
        unit->told->told_link = &request->told_next;
    unit->told = request;
    os_mutex_unlock(&unit->told_lock);
}

static void remove_told(struct spd_request *request)
{
    struct spd_unit *unit = request->unit;

    os_mutex_lock(&unit->told_lock);
    request->told = false;
    *request->told_link = request->told_next;
    if (request->told_next)
        request->told_next->told_link = request->told_link;
    os_mutex_unlock(&unit->told_lock);
}

void spd_device_take_back(struct spd_request *request)
{
    if (request->op_vec_borrowed)
        spd_pool_give(&request->unit->lists, request->op_vec_borrowed);
    request->op_vec_borrowed = NULL;
    if (request->held_of_queue)
        atomic_fetch_sub_explicit(request->held_of_queue, 1, memory_order_relaxed);
    request->held_of_queue = NULL;
    if (request->told)
        remove_told(request);
}

void spd_device_list_held(struct spd_unit *unit, char *text, size_t size)
{
    struct spd_held oldest = { 0 };
    unsigned count = 0;

    os_mutex_lock(&unit->told_lock);
    for (const struct spd_request *at = unit->told; at; at = at->told_next, count++)
        if (!oldest.operation || spd_held_of(at).since < oldest.since)
            oldest = spd_held_of(at);
    os_mutex_unlock(&unit->told_lock);
    *text = 0;
    if (count)
        snprintf(text, size, "%u operation%s, the oldest %s, LBA %" PRIu64 ", %" PRIu64 " s",
            count, count == 1 ? "" : "s", spd_operation_names[oldest.operation], oldest.lba,
            (os_now_ns() - oldest.since) / 1000000000u);
}
