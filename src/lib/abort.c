/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Requests that are aborted while the device has them, and rounds of task management.
 *
 * Two threads may be at such a request: the device's, which completes it, and the door's, which
 * aborts it. The state word decides. TELLING keeps the request in place while the device's abort is
 * called. A completion meanwhile only leaves a note, and the telling thread goes on with it.
 */

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "lib/unit.h"

bool spd_request_end_aborted(struct spd_request *request)
{
    request->outcome = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x0b };
    return true;
}

static bool changes_nothing(const struct spd_request *request)
{
    spd_operation operation = spd_request_operation(request);

    return operation == SPD_READ || operation == SPD_FLUSH || operation >= SPD_EXTENTS;
}

static void told_add(struct spd_request *request)
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

static void told_remove(struct spd_request *request)
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
    if (request->told)
        told_remove(request);
}

static struct spd_held held_of(const struct spd_request *request)
{
    const struct scsi_op *op = &request->task.op;
    spd_operation operation = spd_request_operation(request);

    return (struct spd_held){
        .operation = (uint8_t)operation,
        .lba = operation == SPD_UNMAP ? op->ranges[0].lba : op->lba,
        .since = request->started,
    };
}

/* The state of this level is TELLING. True: the device has ended it meanwhile. */
static bool tell(struct spd_request *request, uint32_t level)
{
    struct spd_unit *unit = request->unit, *outer;
    spd_device *device = request->frames[level].device;
    struct spd_request *granted = NULL;
    uint32_t state = SPD_REQUEST_TELLING;
    bool back;

    request->held = held_of(request);
    told_add(request);
    /* Otherwise an exclusive task would wait for it, and everybody else for that task. */
    if (request->waiter.inside && changes_nothing(request))
        granted = spd_gate_leave(&unit->gate, request);
    outer = spd_enter_device(unit);
    if (SPD_HAS(device, abort))
        device->ops->abort(device, request);
    spd_in_device = outer;
    back = !atomic_compare_exchange_strong(
        spd_level_state(request, level), &state, SPD_REQUEST_SUBMITTED);
    spd_requests_run(granted);
    return back;
}

static void tell_and_go_on(struct spd_request *request, uint32_t level)
{
    if (!tell(request, level))
        return;
    request->held.operation = 0;
    if (level) {
        spd_request_return(request, level);
        return;
    }
    spd_device_take_back(request);
    spd_request_run(request, scsi_resume(&request->task, &request->outcome), NULL);
}

/* Tells the device that has it. While a request moves from one device of a stack to another, no
 * thread waits for anything outside; and one that is aborted is not passed on any more. */
void spd_request_tell_abort(struct spd_request *request)
{
    for (;;) {
        uint32_t level = atomic_load(&request->level);
        _Atomic uint32_t *state = spd_level_state(request, level);
        uint32_t now = atomic_load(state);

        if (!level && now != SPD_REQUEST_SUBMITTING && now != SPD_REQUEST_SUBMITTED)
            return; /* the library has it, and sees that it is aborted */
        if (now == SPD_REQUEST_SUBMITTED &&
            atomic_compare_exchange_strong(state, &now, SPD_REQUEST_TELLING)) {
            tell_and_go_on(request, level);
            return;
        }
        os_yield();
    }
}

void spd_device_list_held(struct spd_unit *unit, char *text, size_t size)
{
    struct spd_held oldest = { 0 };
    unsigned count = 0;

    os_mutex_lock(&unit->told_lock);
    for (const struct spd_request *at = unit->told; at; at = at->told_next, count++)
        if (!oldest.operation || held_of(at).since < oldest.since)
            oldest = held_of(at);
    os_mutex_unlock(&unit->told_lock);
    *text = 0;
    if (count)
        snprintf(text, size, "%u operation%s, the oldest %s, LBA %" PRIu64 ", %" PRIu64 " s",
            count, count == 1 ? "" : "s", spd_operation_names[oldest.operation], oldest.lba,
            (os_now_ns() - oldest.since) / 1000000000u);
}

/* Rounds. */

static void tell_others(const struct spd_door *door)
{
    const struct spd_unit *unit = door->unit;

    for (uint32_t i = 0; i < unit->door_count; i++)
        for (struct spd_door *at = unit->doors[i]; at; at = at->part)
            if (at != door)
                at->ops->look(at);
}

uint32_t spd_round_begin(struct spd_door *door)
{
    uint32_t round = atomic_fetch_add(&door->unit->round, 1) + 1;

    tell_others(door);
    return round;
}

uint32_t spd_round(const struct spd_door *door)
{
    return atomic_load(&door->unit->round);
}

bool spd_round_ended(const struct spd_door *door, uint32_t round)
{
    const struct spd_unit *unit = door->unit;

    for (uint32_t i = 0; i < unit->door_count; i++)
        for (const struct spd_door *at = unit->doors[i]; at; at = at->part)
            if (at != door && (int32_t)(atomic_load(&at->ended) - round) < 0)
                return false;
    return true;
}

void spd_round_report(struct spd_door *door, uint32_t round)
{
    atomic_store(&door->ended, round);
    tell_others(door);
}
