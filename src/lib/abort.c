/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Requests that are aborted, and rounds of task management.
 *
 * Two threads may be at a request that the device has: the device's, which completes it, and the
 * door's, which aborts it. The state word decides. TELLING keeps the request in place while the
 * device's abort is called. A completion meanwhile only leaves a note, and the telling thread goes
 * on with it.
 */

#include <stdatomic.h>

#include "lib/unit.h"

static bool changes_nothing(const struct spd_request *request)
{
    spd_operation operation = spd_request_operation(request);

    return operation == SPD_READ || operation == SPD_FLUSH || operation >= SPD_EXTENTS;
}

/* The state of this level is TELLING. True: the device has ended it meanwhile. */
static bool tell(struct spd_request *request, uint32_t level)
{
    struct spd_unit *unit = request->unit, *outer;
    spd_device *device = request->frames[level].device;
    struct spd_request *granted = NULL;
    uint32_t state = SPD_REQUEST_TELLING;
    bool back;

    request->held = spd_held_of(request);
    spd_held_add(request);
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
static void tell_abort(struct spd_request *request)
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

static bool cancel_parked(struct spd_request *request, struct spd_request **granted)
{
    struct spd_gate *gate = &request->unit->gate;
    uint32_t inside = spd_gate_inside(gate);

    if (!spd_gate_cancel(gate, request, granted))
        return false;
    if (inside && request->task.exclusive && spd_gate_has_waited_long(request))
        spd_request_tell_waited(request, inside, "it has been aborted");
    return true;
}

bool spd_request_cancel(struct spd_request *request)
{
    struct spd_unit *unit = request->unit;
    struct spd_request *granted = NULL;
    bool cancelled = false, again = atomic_exchange(&request->aborted, true);

    /* The state only tells the place: the lock there decides whether the cancel was in time. */
    switch (atomic_load(&request->state)) {
    case SPD_REQUEST_MAPPING:
        cancelled = true;
        break;
    case SPD_REQUEST_WAITING:
        cancelled = spd_scratch_cancel(&unit->scratch, request);
        break;
    case SPD_REQUEST_PARKED:
        cancelled = cancel_parked(request, &granted);
        break;
    case SPD_REQUEST_QUEUED:
        cancelled = spd_dispatchers_cancel(&unit->dispatchers, request);
        break;
    case SPD_REQUEST_SUBMITTING:
    case SPD_REQUEST_SUBMITTED:
        if (!again)
            tell_abort(request);
        break;
    }
    if (!cancelled)
        return false;

    if (request->waiter.inside)
        granted = spd_gate_leave(&unit->gate, request);
    spd_request_release(request);
    spd_count_aborted(unit->shards);
    atomic_store_explicit(&request->state, SPD_REQUEST_DONE, memory_order_relaxed);
    spd_requests_run(granted);
    return true;
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
