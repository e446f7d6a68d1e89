/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Block operations on their way to an asynchronous device and its filters, and back.
 *
 * A request of an asynchronous device has a frame for each device of its stack: the unit's device
 * has the first one, and a filter that passes the request on gives the next one to the device
 * below. request.level is the frame of the device that has the request. The frames are part of the
 * request, since nothing is allocated on the way of a command.
 *
 * Each level has a state of its own, with one meaning: where a request is completed while a thread
 * hands it over, or tells of its abort, the completion is only noted, and that thread goes on. The
 * thread that tells of an abort reads the level without a lock, so the order counts: a frame is
 * pushed before `aborted` is read, and `aborted` is set before the level is read. Either the
 * request is not passed on, or the thread finds its new device. In the first case the device above
 * may be in its abort just then, and finds its own context by `holder`.
 */

#include <stdatomic.h>
#include <stdlib.h>

#include "lib/outbox.h"
#include "lib/span.h"
#include "lib/unit.h"

static const spd_status aborted_command = {
    .scsi_status = SPD_STATUS_CHECK_CONDITION, .sense_key = SPD_SENSE_ABORTED_COMMAND
};

/* The memory is used again, also by other units; it is kept with that of the request. */
static bool has_area(struct spd_request *request)
{
    uint32_t size = request->unit->ops.request_size;
    void *area;

    if (size <= request->area_size)
        return true;
    area = calloc(1, size);
    if (!area)
        return false;
    free(request->area);
    request->area = area;
    request->area_size = size;
    return true;
}

/* False: it has ended, with request->outcome. */
static bool attach_data(struct spd_request *request, enum scsi_step step)
{
    struct scsi_vec scratch;
    struct spd_span span;

    request->op_vec = NULL;
    request->op_vec_count = 0;
    request->op_vec_borrowed = NULL;
    if (!spd_step_moves_data(step))
        return true;
    if (!spd_span_find(request, &scratch, &span)) {
        request->outcome = spd_internal_failure;
        return false;
    }
    if (spd_span_cut(request, &span))
        return true;
    request->outcome = spd_no_room;
    return false;
}

bool spd_device_hand(struct spd_request *request, enum scsi_step step)
{
    request->step = step;
    if (!attach_data(request, step))
        return false;
    if (has_area(request) && spd_device_begin_handing(request)) {
        request->call = spd_device_watch(request, step, false);
        return true;
    }
    request->outcome = spd_no_room; /* or nobody waits for it any more */
    spd_device_take_back(request);
    return false;
}

/* A device may complete within submit, and its completion may bring the next submit of the same
 * request. So completion only leaves a note while submit runs, and the caller's loop goes on. */
bool spd_device_handed(struct spd_request *request)
{
    uint32_t state = SPD_REQUEST_SUBMITTING;

    if (atomic_compare_exchange_strong(&request->state, &state, SPD_REQUEST_SUBMITTED))
        return false;
    spd_device_take_back(request);
    return true;
}

bool spd_device_submit(struct spd_request *request, enum scsi_step step)
{
    struct spd_unit *unit = request->unit, *outer;

    request->queue = NULL;
    request->held_of_queue = NULL;
    if (!spd_device_hand(request, step))
        return true;
    outer = spd_enter_device(unit);
    unit->ops.submit(&unit->device, request);
    spd_in_device = outer;
    return spd_device_handed(request);
}

/* The states in which a device has a request. */
static bool is_handed(uint32_t state)
{
    return state == SPD_REQUEST_SUBMITTING || state == SPD_REQUEST_SUBMITTED ||
        state == SPD_REQUEST_TELLING;
}

static const char has_it_not[] =
    "the device does not have this request: it was completed before, or never submitted";

/* A former request may be another command by now, whose completion would then come twice. The
 * unit is not looked at before it is known to be there. */
static void check(struct spd_request *request, const char *function)
{
    const struct spd_unit *unit = request->unit;
    uint32_t level = atomic_load_explicit(&request->level, memory_order_relaxed);

    if (!is_handed(
            atomic_load_explicit(spd_level_state(request, level), memory_order_relaxed)))
        spd_misuse(function, "%s", has_it_not);
    if (unit->forks != atomic_load_explicit(&spd_forks, memory_order_relaxed))
        spd_misuse(function, "the request was submitted before fork(), and is the parent's alone");
    if (!spd_is_asynchronous(&unit->ops))
        spd_misuse(function, "requests of a simple device end when the operation returns");
}

void spd_request_come_back(struct spd_request *request)
{
    struct spd_unit *unit = request->unit;

    if (spd_request_is_internal(request)) {
        os_mutex_lock(&unit->lock);
        unit->flushed = true;
        os_cond_broadcast(&unit->changed);
        os_mutex_unlock(&unit->lock);
        return;
    }
    spd_request_run(request, scsi_resume(&request->task, &request->outcome), NULL);
}

static void end(struct spd_request *request, const spd_status *status);

void spd_request_return(struct spd_request *request, uint32_t level)
{
    spd_device *device = request->frames[level - 1].device;
    struct spd_unit *outer;

    atomic_store_explicit(&request->holder, level - 1, memory_order_relaxed);
    atomic_store(&request->level, level - 1);
    outer = spd_enter_device(request->unit);
    if (SPD_HAS(device, returned))
        device->ops->returned(device, request, &request->returned);
    else
        end(request, &request->returned);
    spd_in_device = outer;
}

static void end(struct spd_request *request, const spd_status *status)
{
    uint32_t level = atomic_load(&request->level), before;

    if (level) {
        request->returned = *status;
    } else {
        spd_watch_end(request->call);
        spd_device_judge(request, (enum scsi_step)request->step, status);
    }
    before = atomic_exchange(spd_level_state(request, level), SPD_REQUEST_COMPLETED);
    if (!is_handed(before))
        spd_misuse("spd_request_complete", "%s", has_it_not); /* by two threads at once */
    if (before != SPD_REQUEST_SUBMITTED)
        return; /* to the thread that hands it over or tells of its abort */
    if (level) {
        spd_request_return(request, level);
        return;
    }
    spd_device_take_back(request);
    spd_request_come_back(request);
}

void spd_request_complete(spd_request *request, const spd_status *status)
{
    static const spd_status good;
    struct spd_unit *unit;

    SPD_NEEDS(request);
    check(request, __func__);
    unit = request->unit;
    /* Once the request is done the unit may go away, unless it knows of this thread. */
    atomic_fetch_add_explicit(&unit->completing, 1, memory_order_relaxed);
    end(request, status ? status : &good);
    atomic_fetch_sub_explicit(&unit->completing, 1, memory_order_release);
}

void spd_requests_complete(
    spd_request *const *requests, const spd_status *statuses, uint32_t count)
{
    struct spd_outbox outbox;

    SPD_NEEDS(requests);
    spd_outbox_open(&outbox);
    for (uint32_t i = 0; i < count; i++)
        spd_request_complete(requests[i], statuses ? &statuses[i] : NULL);
    spd_outbox_close(&outbox);
}

/* A request on its way from a filter to the device below. */
struct passing {
    struct spd_request *request;
    struct spd_unit *unit;
    uint32_t level; /* the level of the device below */
};

/* As in spd_request_complete(), the unit stays: by the end the request may have been completed. */
static struct passing begin_passing(struct spd_request *request, const char *function)
{
    struct passing passing = { .request = request, .unit = request->unit };

    check(request, function);
    passing.level = atomic_load(&request->level) + 1;
    if (passing.level > SPD_FILTERS_MAX)
        spd_misuse(function, "%d filters have passed this request on already", SPD_FILTERS_MAX);
    atomic_fetch_add_explicit(&passing.unit->completing, 1, memory_order_relaxed);
    return passing;
}

static void end_passing(const struct passing *passing)
{
    atomic_fetch_sub_explicit(&passing->unit->completing, 1, memory_order_release);
}

/* False: it was aborted, and the filter has it back. */
static bool hand_below(const struct passing *passing, spd_device *below)
{
    struct spd_request *request = passing->request;
    struct spd_frame *frame = &request->frames[passing->level];

    frame->device = below;
    atomic_store_explicit(&frame->context, NULL, memory_order_relaxed);
    atomic_store(&frame->state, SPD_REQUEST_SUBMITTING);
    atomic_store(&request->level, passing->level);
    if (!atomic_load(&request->aborted)) {
        atomic_store_explicit(&request->holder, passing->level, memory_order_relaxed);
        return true;
    }
    atomic_store(&frame->state, SPD_REQUEST_COMPLETED);
    request->returned = aborted_command;
    spd_request_return(request, passing->level);
    return false;
}

static void handed_below(const struct passing *passing)
{
    _Atomic uint32_t *at = &passing->request->frames[passing->level].state;
    uint32_t state = SPD_REQUEST_SUBMITTING;

    if (!atomic_compare_exchange_strong(at, &state, SPD_REQUEST_SUBMITTED))
        spd_request_return(passing->request, passing->level);
}

static void submit_below(struct spd_request *const *requests, uint32_t count, spd_device *below,
    const char *function)
{
    struct spd_queue *queue = requests[0]->queue;
    struct spd_unit *outer = spd_enter_device(requests[0]->unit);

    if (queue && SPD_HAS(below, submit_many))
        below->ops->submit_many(below, queue, requests, count);
    else if (!SPD_HAS(below, submit))
        spd_misuse(function, "the device below has submit_many only, and the filter has not");
    else
        for (uint32_t i = 0; i < count; i++)
            below->ops->submit(below, requests[i]);
    spd_in_device = outer;
}

/* They are of one queue, or of none. */
static void pass(struct spd_request *const *requests, uint32_t count, spd_device *below,
    const char *function)
{
    struct spd_request *ready[SPD_BATCH_MAX];
    struct passing passing[SPD_BATCH_MAX];
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        passing[used] = begin_passing(requests[i], function);
        ready[used] = requests[i];
        if (hand_below(&passing[used], below))
            used++;
        else
            end_passing(&passing[used]);
    }
    if (used)
        submit_below(ready, used, below, function);
    for (uint32_t i = 0; i < used; i++) {
        handed_below(&passing[i]);
        end_passing(&passing[i]);
    }
}

static void pass_all(struct spd_request *const *requests, uint32_t count, spd_device *below,
    const char *function)
{
    if (!SPD_HAS(below, submit) && !SPD_HAS(below, submit_many))
        spd_misuse(function, "the device below is not asynchronous");
    for (uint32_t i = 0, part; i < count; i += part) {
        part = count - i < SPD_BATCH_MAX ? count - i : SPD_BATCH_MAX;
        pass(requests + i, part, below, function);
    }
}

void spd_requests_pass(spd_request *const *requests, uint32_t count, spd_device *below)
{
    SPD_NEEDS(requests);
    SPD_NEEDS(below);
    pass_all(requests, count, below, __func__);
}

void spd_request_pass(spd_request *request, spd_device *below)
{
    SPD_NEEDS(request);
    SPD_NEEDS(below);
    pass_all(&request, 1, below, __func__);
}
