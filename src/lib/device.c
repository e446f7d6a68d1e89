/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Block operations on their way to the device's functions, and back.
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

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/span.h"
#include "lib/unit.h"

static_assert(SCSI_WRITE - SCSI_READ == SPD_WRITE - SPD_READ &&
                  SCSI_FLUSH - SCSI_READ == SPD_FLUSH - SPD_READ &&
                  SCSI_UNMAP - SCSI_READ == SPD_UNMAP - SPD_READ &&
                  SCSI_WRITE_ZEROES - SCSI_READ == SPD_WRITE_ZEROES - SPD_READ &&
                  SCSI_EXTENTS - SCSI_READ == SPD_EXTENTS - SPD_READ &&
                  SCSI_PREFETCH - SCSI_READ == SPD_PREFETCH - SPD_READ,
    "a step is its operation");
static_assert((int)SCSI_DEALLOCATED == (int)SPD_DEALLOCATED &&
                  (int)SCSI_ANCHORED == (int)SPD_ANCHORED,
    "the engine's states of blocks are the device's");
static_assert(sizeof(spd_vec) == sizeof(struct scsi_vec) &&
                  offsetof(spd_vec, length) == offsetof(struct scsi_vec, length) &&
                  sizeof(spd_range) == sizeof(struct scsi_range) &&
                  offsetof(spd_range, blocks) == offsetof(struct scsi_range, blocks),
    "the engine's pieces and ranges are the device's");

/* The request that this dispatcher thread has handed to the device. */
static _Thread_local struct spd_request *current;

_Thread_local struct spd_unit *spd_in_device;

/* HARDWARE ERROR, INTERNAL TARGET FAILURE: the device or a door broke its contract. */
static const struct scsi_outcome internal_failure = {
    .status = SCSI_CHECK_CONDITION, .sense_key = 0x04, .asc = 0x44
};
static const spd_status aborted_command = {
    .scsi_status = SPD_STATUS_CHECK_CONDITION, .sense_key = SPD_SENSE_ABORTED_COMMAND
};
static const struct scsi_outcome no_room = { .status = SCSI_TASK_SET_FULL };

static enum spd_operation operation_of(enum scsi_step step)
{
    return (enum spd_operation)(step - SCSI_READ + SPD_READ);
}

static struct scsi_outcome outcome_of(const spd_status *status)
{
    return (struct scsi_outcome){
        .status = status->scsi_status,
        .sense_key = status->sense_key,
        .asc = status->asc,
        .ascq = status->ascq,
        .information_valid = status->information_valid != 0,
        .information = status->information,
    };
}

static uint64_t first_lba(const struct spd_request *request, enum scsi_step step)
{
    const struct scsi_op *op = &request->task.op;

    return step == SCSI_UNMAP ? op->ranges[0].lba : op->lba;
}

static uint64_t blocks_of(const struct scsi_op *op, enum scsi_step step)
{
    uint64_t blocks = 0;

    if (step != SCSI_UNMAP)
        return step == SCSI_FLUSH ? 0 : op->blocks;
    for (uint32_t i = 0; i < op->range_count; i++)
        blocks += op->ranges[i].blocks;
    return blocks;
}

/* here: the call ends on this thread. */
static struct spd_call *watch_call(
    const struct spd_request *request, enum scsi_step step, bool here)
{
    enum spd_operation operation = operation_of(step);
    uint64_t lba = first_lba(request, step), blocks = blocks_of(&request->task.op, step);

    OS_PROBE4(device_begin, request, operation, lba, blocks);
    return spd_watch_begin(request->unit, operation, lba, blocks, request->started, here);
}

static void count_operation(const struct spd_request *request, enum scsi_step step)
{
    const struct spd_unit *unit = request->unit;
    uint64_t blocks = blocks_of(&request->task.op, step), taken = os_now_ns() - request->started;

    OS_PROBE3(device_end, request, request->outcome.status, request->outcome.sense_key);
    spd_count_operation(unit->shards, operation_of(step),
        !scsi_outcome_completed(&request->outcome),
        step >= SCSI_EXTENTS ? 0 : blocks << unit->block_shift, taken);
    if (taken >= unit->watch.slow)
        spd_watch_tell_end(unit, operation_of(step), first_lba(request, step), blocks, taken);
}

/* The data of this read or write is in pieces, request->op_vec. */
static int call_vectored(
    struct spd_request *request, enum scsi_step step, uint32_t flags, spd_status *status)
{
    struct spd_unit *unit = request->unit;
    const struct scsi_op *op = &request->task.op;

    return (step == SCSI_READ ? unit->ops.readv : unit->ops.writev)(&unit->device, request->op_vec,
        request->op_vec_count, op->lba, op->blocks, flags, status);
}

static int call_operation(struct spd_request *request, enum scsi_step step, void *buffer,
    uint32_t flags, spd_status *status)
{
    struct spd_unit *unit = request->unit;
    const struct scsi_op *op = &request->task.op;

    if (request->op_vec_count)
        return call_vectored(request, step, flags, status);
    switch (step) {
    case SCSI_READ:
        return unit->ops.read(&unit->device, buffer, op->lba, op->blocks, flags, status);
    case SCSI_WRITE:
        return unit->ops.write(&unit->device, buffer, op->lba, op->blocks, flags, status);
    case SCSI_FLUSH:
        return unit->ops.flush(&unit->device, op->lba, op->blocks, flags, status);
    case SCSI_WRITE_ZEROES:
        return unit->ops.write_zeroes(&unit->device, op->lba, op->blocks, flags, status);
    case SCSI_EXTENTS:
        return unit->ops.extents(&unit->device, op->lba, op->blocks, flags,
            (spd_extents *)op->extents, status);
    case SCSI_PREFETCH:
        return unit->ops.prefetch(&unit->device, op->lba, op->blocks, flags, status);
    default:
        return unit->ops.unmap(&unit->device, (const spd_range *)op->ranges, op->range_count, flags,
            status);
    }
}

static int call(struct spd_request *request, enum scsi_step step, void *buffer, uint32_t flags,
    spd_status *status)
{
    struct spd_unit *outer = spd_enter_device(request->unit);
    int result = call_operation(request, step, buffer, flags, status);

    spd_in_device = outer;
    return result;
}

/* A request that no door has made: only the last flush is one. */
static bool is_internal(const struct spd_request *request)
{
    return !request->ops;
}

/* The device was asked to refuse what takes long: no trouble. */
static bool is_refusal(
    const struct spd_request *request, enum scsi_step step, const spd_status *status)
{
    return spd_step_flags(request, step) & SPD_FAST_ONLY &&
        status->sense_key == SPD_SENSE_ILLEGAL_REQUEST;
}

static void judge(struct spd_request *request, enum scsi_step step, const spd_status *status)
{
    request->outcome = outcome_of(status);
    count_operation(request, step);
    /* A device that knows of the abort ends the operation with any status. */
    if (status->scsi_status != SCSI_GOOD && !atomic_load(&request->aborted) &&
        !is_refusal(request, step, status))
        spd_trouble_report(
            request->unit, operation_of(step), first_lba(request, step), status);
    if (is_internal(request))
        request->unit->flush_status = *status;
}

/* The device's answer. nowait: SPD_NOWAIT or 0. False: it would block. */
static bool call_and_judge(
    struct spd_request *request, enum scsi_step step, void *buffer, uint32_t nowait)
{
    uint32_t flags = spd_step_flags(request, step) | nowait;
    struct spd_call *watched = watch_call(request, step, true);
    spd_status status = { 0 };
    int result;

    result = call(request, step, buffer, flags, &status);
    spd_watch_end(watched);
    if (nowait && (result == SPD_ERROR_WOULD_BLOCK || result == -EAGAIN))
        return false;
    if (result && status.scsi_status == SCSI_GOOD)
        spd_status_of_result(&status, result, operation_of(step), first_lba(request, step));
    judge(request, step, &status);
    return true;
}

/* Pieces go through a bounce buffer to a device that takes one buffer only. */
static bool call_bounced(struct spd_request *request, enum scsi_step step,
    const struct spd_span *span, void *bounce, uint32_t nowait)
{
    struct spd_pool *pool = &request->unit->bounce;
    void *buffer = bounce ? bounce : spd_pool_take(pool);
    bool ended;

    if (!buffer) {
        request->outcome = no_room;
        return true;
    }
    if (step == SCSI_WRITE)
        spd_span_copy(span, buffer, false);
    ended = call_and_judge(request, step, buffer, nowait);
    if (ended && step == SCSI_READ && scsi_outcome_completed(&request->outcome))
        spd_span_copy(span, buffer, true);
    if (buffer != bounce)
        spd_pool_give(pool, buffer);
    return ended;
}

/* The span is request->op_vec. Its list goes back before anybody may end the request. */
static bool call_with_pieces(struct spd_request *request, enum scsi_step step, uint32_t nowait)
{
    bool ended = call_and_judge(request, step, NULL, nowait);

    if (request->op_vec_borrowed)
        spd_pool_give(&request->unit->lists, request->op_vec_borrowed);
    request->op_vec_borrowed = NULL;
    return ended;
}

static bool takes_pieces(const struct spd_unit *unit, enum scsi_step step)
{
    return step == SCSI_READ ? unit->ops.readv : unit->ops.writev;
}

/* False: it would block. */
static bool perform_simple(
    struct spd_request *request, enum scsi_step step, void *bounce, uint32_t nowait)
{
    struct scsi_vec scratch;
    struct spd_span span;

    request->op_vec_count = 0;
    if (!spd_step_moves_data(step))
        return call_and_judge(request, step, NULL, nowait);
    if (!spd_span_find(request, &scratch, &span)) {
        request->outcome = internal_failure;
        return true;
    }
    if (span.count == 1)
        return call_and_judge(request, step, (unsigned char *)span.first->base + span.skip, nowait);
    if (takes_pieces(request->unit, step) && spd_span_cut(request, &span))
        return call_with_pieces(request, step, nowait);
    request->op_vec_count = 0;
    return call_bounced(request, step, &span, bounce, nowait);
}

/* False: it was aborted. A thread that aborts it meanwhile sees the state, or this thread sees the
 * abort. */
static bool begin_handing(struct spd_request *request)
{
    request->frames[0].device = &request->unit->device;
    request->frames[0].context = NULL;
    atomic_store_explicit(&request->level, 0, memory_order_relaxed);
    request->started = os_now_ns();
    atomic_store(&request->state, SPD_REQUEST_SUBMITTING);
    if (!atomic_load(&request->aborted))
        return true;
    atomic_store(&request->state, SPD_REQUEST_RUNNING);
    return false;
}

bool spd_device_call(struct spd_request *request, enum scsi_step step, uint32_t nowait)
{
    request->started = os_now_ns();
    return perform_simple(request, step, NULL, nowait);
}

/* Meanwhile the initiator may lose patience. */
bool spd_device_call_on_own(struct spd_request *request, enum scsi_step step, void *bounce)
{
    request->step = step;
    if (!begin_handing(request))
        return spd_request_end_aborted(request);
    atomic_store(&request->state, SPD_REQUEST_SUBMITTED);
    current = request;
    perform_simple(request, step, bounce, 0);
    current = NULL;
    if (atomic_exchange(&request->state, SPD_REQUEST_COMPLETED) != SPD_REQUEST_SUBMITTED)
        return false;
    spd_device_take_back(request);
    return true;
}

/* A device may complete within submit, and its completion may bring the next submit of the same
 * request. So completion only leaves a note while submit runs, and the caller's loop goes on. */
static bool call_submit(struct spd_request *request)
{
    struct spd_unit *unit = request->unit, *outer;
    uint32_t state = SPD_REQUEST_SUBMITTING;

    if (!begin_handing(request))
        return spd_request_end_aborted(request);
    request->call = watch_call(request, (enum scsi_step)request->step, false);
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
            request->outcome = internal_failure;
            return true;
        }
        if (!spd_span_cut(request, &span)) {
            request->outcome = no_room;
            return true;
        }
    }
    return call_submit(request);
}

bool spd_device_post(struct spd_request *request, enum scsi_step step)
{
    request->step = step;
    atomic_store(&request->state, SPD_REQUEST_QUEUED);
    if (atomic_load(&request->aborted))
        return spd_request_end_aborted(request);
    if (spd_dispatchers_post(&request->unit->dispatchers, request))
        return false;
    request->outcome = no_room;
    return true;
}

bool spd_device_perform(struct spd_request *request, enum scsi_step step, void *bounce)
{
    struct spd_unit *unit = request->unit;

    if (step == SCSI_FLUSH && !unit->ops.flush && !unit->ops.submit) {
        request->outcome = (struct scsi_outcome){ 0 };
        return true;
    }
    return unit->executor->perform(request, step, bounce);
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
    if (is_internal(request)) {
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
        judge(request, (enum scsi_step)request->step, status);
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

/* It is on the stack, so it must have ended in every way before this returns. */
static void flush_async(struct spd_unit *unit, struct spd_request *request)
{
    if (!call_submit(request)) {
        os_mutex_lock(&unit->lock);
        while (!unit->flushed)
            os_cond_wait(&unit->changed, &unit->lock);
        os_mutex_unlock(&unit->lock);
    }
    while (atomic_load(&unit->completing))
        os_yield();
}

int spd_device_flush_all(struct spd_unit *unit)
{
    struct spd_request request = { .unit = unit, .step = SCSI_FLUSH, .started = os_now_ns() };
    char text[SPD_TROUBLE_TEXT_MAX];

    atomic_store(&unit->flushing, request.started);
    if (unit->ops.submit)
        flush_async(unit, &request);
    else if (unit->ops.flush)
        call_and_judge(&request, SCSI_FLUSH, NULL, 0);
    atomic_store(&unit->flushing, 0);
    if (scsi_outcome_completed(&request.outcome))
        return 0;
    spd_trouble_text(&unit->flush_status, text);
    return spd_fail(SPD_ERROR_FLUSH, "%s", text);
}

spd_request *spd_request_current(void)
{
    return current;
}
