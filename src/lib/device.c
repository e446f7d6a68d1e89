/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Block operations on their way to the device's functions. */

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/unit.h"

static_assert(SCSI_WRITE - SCSI_READ == SPD_WRITE - SPD_READ &&
                  SCSI_FLUSH - SCSI_READ == SPD_FLUSH - SPD_READ &&
                  SCSI_UNMAP - SCSI_READ == SPD_UNMAP - SPD_READ,
    "a step is its operation");
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
        !scsi_outcome_completed(&request->outcome), blocks << unit->block_shift, taken);
    if (taken >= unit->watch.slow)
        spd_watch_tell_end(unit, operation_of(step), first_lba(request, step), blocks, taken);
}

/* Where in a scatter list an operation lies. */
struct span {
    const struct scsi_vec *first;
    uint32_t count;
    size_t skip; /* bytes into the first piece */
    size_t length;
};

/* False when the operation is not within its buffer. */
static bool find_span(
    const struct spd_request *request, struct scsi_vec *scratch, struct span *span)
{
    const struct scsi_task *task = &request->task;
    const struct scsi_vec *data = task->data;
    uint32_t left = task->data_count;
    uint64_t offset = task->op.offset, covered;

    if (task->op.buffer == SCSI_BUFFER_SCRATCH) {
        *scratch = (struct scsi_vec){ task->scratch, task->scratch ? SCSI_SCRATCH_LENGTH : 0 };
        data = scratch;
        left = 1;
    }
    for (; left && offset >= data->length; data++, left--)
        offset -= data->length;
    span->length = (size_t)task->op.blocks << request->unit->block_shift;
    span->first = data;
    span->skip = (size_t)offset;
    span->count = 0;
    for (covered = 0; left && covered < offset + span->length; left--)
        covered += data[span->count++].length;
    return covered >= offset + span->length;
}

static void copy_span(const struct span *span, unsigned char *buffer, bool into_span)
{
    size_t left = span->length, skip = span->skip;

    for (const struct scsi_vec *piece = span->first; left; piece++, skip = 0) {
        size_t part = piece->length - skip < left ? piece->length - skip : left;
        unsigned char *at = (unsigned char *)piece->base + skip;

        memcpy(into_span ? at : buffer, into_span ? buffer : at, part);
        buffer += part;
        left -= part;
    }
}

static int call_operation(struct spd_request *request, enum scsi_step step, void *buffer,
    uint32_t flags, spd_status *status)
{
    struct spd_unit *unit = request->unit;
    const struct scsi_op *op = &request->task.op;

    switch (step) {
    case SCSI_READ:
        return unit->ops.read(unit, buffer, op->lba, op->blocks, flags, status);
    case SCSI_WRITE:
        return unit->ops.write(unit, buffer, op->lba, op->blocks, flags, status);
    case SCSI_FLUSH:
        return unit->ops.flush(unit, op->lba, op->blocks, flags, status);
    default:
        return unit->ops.unmap(unit, (const spd_range *)op->ranges, op->range_count, flags, status);
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

static void judge(struct spd_request *request, enum scsi_step step, const spd_status *status)
{
    request->outcome = outcome_of(status);
    count_operation(request, step);
    /* A device that was told of the abort ends the operation as it likes. */
    if (status->scsi_status != SCSI_GOOD && !atomic_load(&request->aborted))
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

/* Simple devices take one contiguous buffer. Pieces that are not go through a bounce buffer. */
static bool call_bounced(struct spd_request *request, enum scsi_step step, const struct span *span,
    void *bounce, uint32_t nowait)
{
    struct spd_pool *pool = &request->unit->bounce;
    void *buffer = bounce ? bounce : spd_pool_take(pool);
    bool ended;

    if (!buffer) {
        request->outcome = no_room;
        return true;
    }
    if (step == SCSI_WRITE)
        copy_span(span, buffer, false);
    ended = call_and_judge(request, step, buffer, nowait);
    if (ended && step == SCSI_READ && scsi_outcome_completed(&request->outcome))
        copy_span(span, buffer, true);
    if (buffer != bounce)
        spd_pool_give(pool, buffer);
    return ended;
}

/* False: it would block. */
static bool perform_simple(
    struct spd_request *request, enum scsi_step step, void *bounce, uint32_t nowait)
{
    struct scsi_vec scratch;
    struct span span;

    if (!spd_step_moves_data(step))
        return call_and_judge(request, step, NULL, nowait);
    if (!find_span(request, &scratch, &span)) {
        request->outcome = internal_failure;
        return true;
    }
    if (span.count == 1)
        return call_and_judge(request, step, (unsigned char *)span.first->base + span.skip, nowait);
    return call_bounced(request, step, &span, bounce, nowait);
}

/* False: it was aborted. A thread that aborts it meanwhile sees the state, or is seen here. */
static bool begin_handing(struct spd_request *request)
{
    request->device_context = NULL;
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

/* Cuts the operation out of the door's scatter list without copying data: the list itself where it
 * fits, else a copy of its pieces with the ends trimmed. */
static bool cut_vec(struct spd_request *request, const struct span *span)
{
    enum { INLINE = sizeof request->op_vec_inline / sizeof request->op_vec_inline[0] };
    struct spd_vec *pieces = request->op_vec_inline;
    size_t left = span->length, total = 0;

    for (uint32_t i = 0; i < span->count; i++)
        total += span->first[i].length;
    request->op_vec_count = span->count;
    if (total == span->length && request->task.op.buffer == SCSI_BUFFER_DATA) {
        request->op_vec = (const spd_vec *)span->first;
        return true;
    }
    if (span->count > INLINE) {
        if (span->count > SPD_LIST_LENGTH / sizeof *pieces)
            return false;
        pieces = spd_pool_take(&request->unit->lists);
        request->op_vec_borrowed = pieces;
        if (!pieces)
            return false;
    }
    for (uint32_t i = 0; i < span->count; i++) {
        size_t skip = i ? 0 : span->skip;
        size_t length = span->first[i].length - skip;

        pieces[i].base = (unsigned char *)span->first[i].base + skip;
        pieces[i].length = length < left ? length : left;
        left -= pieces[i].length;
    }
    request->op_vec = pieces;
    return true;
}

/* A device may complete within submit, and its completion may bring the next submit of the same
 * request. So completion only leaves a note while submit runs, and the caller's loop goes on. */
static bool call_submit(struct spd_request *request)
{
    struct spd_unit *unit = request->unit, *outer;

    if (!begin_handing(request))
        return spd_request_end_aborted(request);
    request->call = watch_call(request, (enum scsi_step)request->step, false);
    outer = spd_enter_device(unit);
    unit->ops.submit(unit, request);
    spd_in_device = outer;
    if (atomic_exchange(&request->state, SPD_REQUEST_SUBMITTED) != SPD_REQUEST_COMPLETED)
        return false;
    spd_device_take_back(request);
    return true;
}

bool spd_device_submit(struct spd_request *request, enum scsi_step step)
{
    struct scsi_vec scratch;
    struct span span;

    request->step = step;
    request->op_vec = NULL;
    request->op_vec_count = 0;
    request->op_vec_borrowed = NULL;
    if (spd_step_moves_data(step)) {
        if (!find_span(request, &scratch, &span)) {
            request->outcome = internal_failure;
            return true;
        }
        if (!cut_vec(request, &span)) {
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

/* The call that a request is in while the device has it. */
static bool is_handed(uint32_t state)
{
    return state == SPD_REQUEST_SUBMITTING || state == SPD_REQUEST_SUBMITTED ||
        state == SPD_REQUEST_TELLING;
}

/* A request of the past may be another command by now, whose completion is then one too many. */
static _Noreturn void completed_twice(void)
{
    spd_misuse("spd_request_complete", "the device does not have this request: it was completed "
        "before, or never submitted");
}

/* Before anything of the request is touched, and of its unit before it is known to be there. */
static void check_completion(const struct spd_request *request)
{
    const struct spd_unit *unit = request->unit;

    if (!is_handed(atomic_load_explicit(&request->state, memory_order_relaxed)))
        completed_twice();
    if (unit->forks != atomic_load_explicit(&spd_forks, memory_order_relaxed))
        spd_misuse("spd_request_complete", "the request was submitted before fork(), and is the "
            "parent's alone");
    if (!unit->ops.submit)
        spd_misuse("spd_request_complete", "requests of a simple device end when the operation "
            "returns");
}

static void complete(struct spd_request *request, const spd_status *status)
{
    struct spd_unit *unit = request->unit;
    uint32_t before;

    spd_watch_end(request->call);
    judge(request, (enum scsi_step)request->step, status ? status : &(spd_status){ 0 });
    before = atomic_exchange(&request->state, SPD_REQUEST_COMPLETED);
    if (!is_handed(before))
        completed_twice(); /* by two threads at once */
    if (before != SPD_REQUEST_SUBMITTED)
        return; /* to the thread that hands it over or tells of its abort */
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

void spd_request_complete(spd_request *request, const spd_status *status)
{
    struct spd_unit *unit;

    SPD_NEEDS(request);
    check_completion(request);
    unit = request->unit;
    /* Once the request is done the unit may go away under us, unless it knows that we are here. */
    atomic_fetch_add_explicit(&unit->completing, 1, memory_order_relaxed);
    complete(request, status);
    atomic_fetch_sub_explicit(&unit->completing, 1, memory_order_release);
}

/* On the stack, so it must be over in every way before this returns. */
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
