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
 * request is not passed on, or the thread finds its new device.
 */

#include <stdatomic.h>

#include "lib/span.h"
#include "lib/unit.h"

static const spd_status aborted_command = {
    .scsi_status = SPD_STATUS_CHECK_CONDITION, .sense_key = SPD_SENSE_ABORTED_COMMAND
};

/* A device may complete within submit, and its completion may bring the next submit of the same
 * request. So completion only leaves a note while submit runs, and the caller's loop goes on. */
static bool call_submit(struct spd_request *request)
{
    struct spd_unit *unit = request->unit, *outer;
    uint32_t state = SPD_REQUEST_SUBMITTING;

    if (!spd_device_begin_handing(request))
        return spd_request_end_aborted(request);
    request->call = spd_device_watch(request, (enum scsi_step)request->step, false);
    outer = spd_enter_device(unit);
    unit->ops.submit(&unit->device, request);
    spd_in_device = outer;
    if (atomic_compare_exchange_strong(&request->state, &state, SPD_REQUEST_SUBMITTED))
        return false;
    spd_device_take_back(request);
    return true;
}

bool spd_device_submit(struct spd_request *request, enum scsi_step step)
{
    struct scsi_vec scratch;
    struct spd_span span;

    request->step = step;
    request->op_vec = NULL;
    request->op_vec_count = 0;
    request->op_vec_borrowed = NULL;
    if (spd_step_moves_data(step)) {
        if (!spd_span_find(request, &scratch, &span)) {
            request->outcome = spd_internal_failure;
            return true;
        }
        if (!spd_span_cut(request, &span)) {
            request->outcome = spd_no_room;
            return true;
        }
    }
    return call_submit(request);
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
    if (!unit->ops.submit)
        spd_misuse(function, "requests of a simple device end when the operation returns");
}

/* The device on top of the unit has ended it, and the request is this thread's. */
static void come_back(struct spd_request *request)
{
    struct spd_unit *unit = request->unit;

    spd_device_take_back(request);
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
    if (level)
        spd_request_return(request, level);
    else
        come_back(request);
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

static void pass(struct spd_request *request, spd_device *below, uint32_t level)
{
    struct spd_frame *frame = &request->frames[level];
    uint32_t state = SPD_REQUEST_SUBMITTING;
    struct spd_unit *outer;

    frame->device = below;
    frame->context = NULL;
    atomic_store(&frame->state, SPD_REQUEST_SUBMITTING);
    atomic_store(&request->level, level);
    if (atomic_load(&request->aborted)) {
        atomic_store(&frame->state, SPD_REQUEST_COMPLETED);
        request->returned = aborted_command;
        spd_request_return(request, level);
        return;
    }
    outer = spd_enter_device(request->unit);
    below->ops->submit(below, request);
    spd_in_device = outer;
    if (!atomic_compare_exchange_strong(&frame->state, &state, SPD_REQUEST_SUBMITTED))
        spd_request_return(request, level);
}

void spd_request_pass(spd_request *request, spd_device *below)
{
    struct spd_unit *unit;
    uint32_t level;

    SPD_NEEDS(request);
    SPD_NEEDS(below);
    check(request, __func__);
    if (!SPD_HAS(below, submit))
        spd_misuse(__func__, "the device below is not asynchronous");
    level = atomic_load(&request->level) + 1;
    if (level > SPD_FILTERS_MAX)
        spd_misuse(__func__, "%d filters have passed this request on already", SPD_FILTERS_MAX);
    unit = request->unit;
    /* As in spd_request_complete(): by then it may have been completed. */
    atomic_fetch_add_explicit(&unit->completing, 1, memory_order_relaxed);
    pass(request, below, level);
    atomic_fetch_sub_explicit(&unit->completing, 1, memory_order_release);
}
