/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Block operations on their way to the functions of a simple device, and back. */

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

const struct scsi_outcome spd_internal_failure = {
    .status = SCSI_CHECK_CONDITION, .sense_key = 0x04, .asc = 0x44
};
const struct scsi_outcome spd_no_room = { .status = SCSI_TASK_SET_FULL };

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

struct spd_call *spd_device_watch(
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

/* The device was asked to refuse what takes long: no trouble. */
static bool is_refusal(
    const struct spd_request *request, enum scsi_step step, const spd_status *status)
{
    return spd_step_flags(request, step) & SPD_FAST_ONLY &&
        status->sense_key == SPD_SENSE_ILLEGAL_REQUEST;
}

void spd_device_judge(struct spd_request *request, enum scsi_step step, const spd_status *status)
{
    request->outcome = outcome_of(status);
    count_operation(request, step);
    /* A device that knows of the abort ends the operation with any status. */
    if (status->scsi_status != SCSI_GOOD && !atomic_load(&request->aborted) &&
        !is_refusal(request, step, status))
        spd_trouble_report(
            request->unit, operation_of(step), first_lba(request, step), status);
    if (spd_request_is_internal(request))
        request->unit->flush_status = *status;
}

/* The device's answer. nowait: SPD_NOWAIT or 0. False: it would block. */
static bool call_and_judge(
    struct spd_request *request, enum scsi_step step, void *buffer, uint32_t nowait)
{
    uint32_t flags = spd_step_flags(request, step) | nowait;
    struct spd_call *watched = spd_device_watch(request, step, true);
    spd_status status = { 0 };
    int result;

    result = call(request, step, buffer, flags, &status);
    spd_watch_end(watched);
    if (nowait && (result == SPD_ERROR_WOULD_BLOCK || result == -EAGAIN))
        return false;
    if (result && status.scsi_status == SCSI_GOOD)
        spd_status_of_result(&status, result, operation_of(step), first_lba(request, step));
    spd_device_judge(request, step, &status);
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
        request->outcome = spd_no_room;
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
        request->outcome = spd_internal_failure;
        return true;
    }
    if (span.count == 1)
        return call_and_judge(request, step, (unsigned char *)span.first->base + span.skip, nowait);
    if (takes_pieces(request->unit, step) && spd_span_cut(request, &span))
        return call_with_pieces(request, step, nowait);
    request->op_vec_count = 0;
    return call_bounced(request, step, &span, bounce, nowait);
}

bool spd_device_begin_handing(struct spd_request *request)
{
    request->frames[0].device = &request->unit->device;
    atomic_store_explicit(&request->frames[0].context, NULL, memory_order_relaxed);
    atomic_store_explicit(&request->level, 0, memory_order_relaxed);
    atomic_store_explicit(&request->holder, 0, memory_order_relaxed);
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
    if (!spd_device_begin_handing(request))
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

bool spd_device_post(struct spd_request *request, enum scsi_step step)
{
    request->step = step;
    atomic_store(&request->state, SPD_REQUEST_QUEUED);
    if (atomic_load(&request->aborted))
        return spd_request_end_aborted(request);
    if (spd_dispatchers_post(&request->unit->dispatchers, request))
        return false;
    request->outcome = spd_no_room;
    return true;
}

bool spd_device_flush_here(struct spd_request *request)
{
    if (request->unit->ops.flush)
        call_and_judge(request, SCSI_FLUSH, NULL, 0);
    return true;
}

static void wait_flushed(struct spd_unit *unit)
{
    os_mutex_lock(&unit->lock);
    while (!unit->flushed)
        os_cond_wait(&unit->changed, &unit->lock);
    os_mutex_unlock(&unit->lock);
}

int spd_device_flush_all(struct spd_unit *unit)
{
    struct spd_request request = { .unit = unit, .step = SCSI_FLUSH, .started = os_now_ns() };
    char text[SPD_TROUBLE_TEXT_MAX];

    atomic_store(&unit->flushing, request.started);
    if (!unit->executor->flush(&request))
        wait_flushed(unit);
    /* The request is on the stack: it must have ended in every way before this returns. */
    while (atomic_load(&unit->completing))
        os_yield();
    spd_request_free(&request);
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
