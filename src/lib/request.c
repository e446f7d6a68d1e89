/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The way of a request:
 *
 *   start -> [map] -> [scratch] -> [gate] -> device ... device -> leave the gate -> done
 *
 * A request is with one thread at a time. If it has to wait it is put down (state has the place).
 * The thread that ends the wait goes on with it: the door's, that of a task that left the gate, a
 * dispatcher or the device's. No thread touches a request after putting it down.
 *
 * Between the operations of a long command it goes to the end of the dispatchers' queue, or back to
 * its door for a later turn. So others have their turns.
 */

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/unit.h"

/* A command may move this many bytes before others that wait have their turn; any other operation
 * is a turn. */
enum { TURN_BYTES = 256 << 10 };

static const struct scsi_outcome busy = { .status = SCSI_BUSY };
static const struct scsi_outcome aborted = { .status = SCSI_CHECK_CONDITION, .sense_key = 0x0b };

static void set_state(struct spd_request *request, uint32_t state)
{
    atomic_store_explicit(&request->state, state, memory_order_relaxed);
}

void spd_request_put_off(struct spd_request *request, enum scsi_step step)
{
    request->step = step;
    set_state(request, SPD_REQUEST_LATER);
    request->ops->later(request);
}

/* The request that has waited for the scratch goes on later: the releasing thread may not run
 * another. */
void spd_request_release(struct spd_request *request)
{
    struct spd_request *granted;

    if (!request->waiter.holds)
        return;
    granted = spd_scratch_give(&request->unit->scratch, request);
    if (granted)
        spd_request_put_off(granted, SCSI_SCRATCH);
}

void spd_request_free(struct spd_request *request)
{
    free(request->area);
}

/* Returns the requests that may pass the gate now that this one has left. */
static struct spd_request *finish(struct spd_request *request)
{
    struct spd_unit *unit = request->unit;
    struct spd_request *granted = NULL;

    if (request->dispatched)
        spd_dispatchers_leave(request);
    if (request->waiter.inside)
        granted = spd_gate_leave(&unit->gate, request);
    if (!request->task.reply)
        spd_request_release(request);
    spd_count_command(unit->shards);
    set_state(request, SPD_REQUEST_DONE);
    OS_PROBE2(request_done, request, request->task.status);
    request->ops->done(request);
    return granted;
}

/* False: put down until the door has the data. */
static bool map(struct spd_request *request, enum scsi_step step)
{
    if (request->mapped)
        return true;
    request->mapped = true;
    request->step = step;
    set_state(request, SPD_REQUEST_MAPPING);
    if (!request->ops->map(request))
        return false;
    set_state(request, SPD_REQUEST_RUNNING);
    return true;
}

/* Everything that comes before the first block operation. The data comes before the gate: a task
 * that waits for its initiator must not hold up those of others. */
static bool prepare(struct spd_request *request, enum scsi_step step, struct spd_request **granted)
{
    const struct scsi_task *task = &request->task;

    if (task->direction != SCSI_NO_DATA && task->buffer_length && !map(request, step))
        return false;
    if (!request->waiter.inside && (task->medium || task->exclusive || step == SCSI_ENTER)) {
        request->step = step;
        set_state(request, SPD_REQUEST_PARKED);
        OS_PROBE2(gate, request, task->exclusive);
        return spd_gate_enter(&request->unit->gate, request, granted);
    }
    return true;
}

/* False: put down until another gives one back. */
static bool take_scratch(struct spd_request *request)
{
    set_state(request, SPD_REQUEST_WAITING);
    if (!spd_scratch_take(&request->unit->scratch, request))
        return false;
    set_state(request, SPD_REQUEST_RUNNING);
    request->outcome = (struct scsi_outcome){
        .status = request->task.scratch ? SCSI_GOOD : SCSI_TASK_SET_FULL
    };
    return true;
}

void spd_request_tell_waited(
    const struct spd_request *request, uint32_t inside, const char *outcome)
{
    static struct spd_log_limit limit = { .kind = "commands that waited for the device" };
    const struct spd_unit *unit = request->unit;
    char oldest[SPD_WATCH_TEXT_MAX];
    bool known = spd_watch_oldest(unit, oldest);

    spd_log_limited(&limit, NULL, SPD_LOG_WARNING,
        "%s: command %02Xh, which none may run beside, waited %" PRIu64 " s for %u operation%s of "
        "others that the device has not ended%s%s; %s",
        unit->doors[0]->uri, scsi_operation_code(&request->task),
        (os_now_ns() - request->waiter.since) / UINT64_C(1000000000), inside,
        inside == 1 ? "" : "s", known ? ", the oldest " : "", known ? oldest : "", outcome);
}

static bool end_refused(struct spd_request *request)
{
    spd_request_tell_waited(
        request, request->waiter.refused_for, "it is answered BUSY, so that others go on");
    request->waiter.refused_for = 0;
    request->outcome = busy;
    return true;
}

bool spd_request_end_aborted(struct spd_request *request)
{
    request->outcome = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x0b };
    return true;
}

/* To the device, by its executor. */
static bool perform(struct spd_request *request, enum scsi_step step, void *bounce)
{
    struct spd_unit *unit = request->unit;

    if (step == SCSI_FLUSH && !unit->ops.flush && !spd_is_asynchronous(&unit->ops)) {
        request->outcome = (struct scsi_outcome){ 0 };
        return true;
    }
    return unit->executor->perform(request, step, bounce);
}

/* False: put down. True: the step has ended, with request->outcome. */
static bool take_step(
    struct spd_request *request, enum scsi_step step, void *bounce, struct spd_request **granted)
{
    switch (step) {
    case SCSI_SCRATCH:
        return take_scratch(request);
    case SCSI_DATA:
        request->outcome = (struct scsi_outcome){ 0 };
        return map(request, step);
    default:
        if (atomic_load_explicit(&request->aborted, memory_order_relaxed))
            return spd_request_end_aborted(request);
        if (request->waiter.refused_for)
            return end_refused(request);
        if (!prepare(request, step, granted))
            return false;
        if (!scsi_admit(&request->task, &request->outcome))
            return true;
        if (step == SCSI_ENTER) {
            request->outcome = (struct scsi_outcome){ 0 };
            return true;
        }
        return perform(request, step, bounce);
    }
}

/* Whether others should have their turn before its next step, and it can wait for another turn. */
static bool is_turn_over(struct spd_request *request, enum scsi_step step, const void *bounce)
{
    const struct spd_unit *unit = request->unit;
    uint64_t bytes = TURN_BYTES;

    if (step < SCSI_READ || !request->waiter.inside) /* it has not begun */
        return false;
    if (step == SCSI_READ || step == SCSI_WRITE)
        bytes = (uint64_t)request->task.op.blocks << unit->block_shift;
    request->spent += bytes;
    if (request->spent < TURN_BYTES)
        return false;
    request->spent = 0;
    if (bounce)
        return spd_dispatchers_busy(&unit->dispatchers);
    return !unit->executor->keeps_thread && request->ops->later;
}

static void end_turn(struct spd_request *request, enum scsi_step step, const void *bounce)
{
    struct spd_dispatchers *dispatchers = &request->unit->dispatchers;

    if (!bounce) {
        spd_request_put_off(request, step);
        return;
    }
    request->step = step;
    set_state(request, SPD_REQUEST_QUEUED);
    spd_dispatchers_post(dispatchers, request); /* they close after all requests have ended */
}

/* True: it has ended. False: put down. */
static bool advance(
    struct spd_request *request, enum scsi_step step, void *bounce, struct spd_request **granted)
{
    while (step != SCSI_DONE) {
        if (!take_step(request, step, bounce, granted))
            return false;
        step = scsi_resume(&request->task, &request->outcome);
        if (is_turn_over(request, step, bounce)) {
            end_turn(request, step, bounce);
            return false;
        }
    }
    return true;
}

/* Requests that pass the gate after this one are run from the list, not by recursion: thousands may
 * have been waiting. They were never queued, so the dispatcher's leave to block is not theirs. */
void spd_request_run(struct spd_request *request, enum scsi_step step, void *bounce)
{
    struct spd_request *waiting = NULL, **end = &waiting;

    for (;;) {
        struct spd_request *granted = NULL;

        if (advance(request, step, bounce, &granted))
            granted = finish(request);

        for (*end = granted; *end; end = &(*end)->next)
            ;
        request = waiting;
        if (!request)
            return;
        waiting = request->next;
        if (!waiting)
            end = &waiting;
        step = request->step;
        bounce = NULL;
    }
}

/* Sets up a request before the engine reads it. */
static inline void reset(struct spd_request *request)
{
    request->mapped = false;
    request->waiter.inside = false;
    request->waiter.refused_for = 0;
    request->task.data = NULL;
    request->task.data_count = 0;
    request->task.scratch = NULL;
    request->round = atomic_load_explicit(&request->unit->round, memory_order_acquire);
    request->held.operation = 0;
    atomic_store_explicit(&request->aborted, false, memory_order_relaxed);
    request->waiter.holds = false;
    request->dispatched = false;
    request->spent = 0;
    set_state(request, SPD_REQUEST_RUNNING);
}

void spd_request_start(struct spd_request *request)
{
    enum scsi_step step;

    reset(request);
    step = scsi_begin(&request->task);
    OS_PROBE3(request_begin, request, request->task.cdb[0], request->task.transfer_length);
    spd_request_run(request, step, NULL);
}

void spd_request_start_block(struct spd_request *request, const struct scsi_block *block)
{
    enum scsi_step step;

    reset(request);
    step = scsi_begin_block(&request->task, block);
    OS_PROBE4(block_begin, request, block->operation, block->lba, block->blocks);
    spd_request_run(request, step, NULL);
}

void spd_request_mapped(struct spd_request *request)
{
    set_state(request, SPD_REQUEST_RUNNING);
    spd_request_run(request, request->step, NULL);
}

bool spd_request_go_on(struct spd_request *request)
{
    enum scsi_step step = (enum scsi_step)request->step;

    if (atomic_load_explicit(&request->state, memory_order_relaxed) != SPD_REQUEST_LATER)
        return false;
    set_state(request, SPD_REQUEST_RUNNING);
    if (atomic_load(&request->aborted))
        step = scsi_resume(&request->task, &aborted);
    spd_request_run(request, step, NULL);
    return true;
}

void spd_requests_run(struct spd_request *granted)
{
    while (granted) {
        struct spd_request *next = granted->next;

        spd_request_run(granted, granted->step, NULL);
        granted = next;
    }
}

void spd_requests_abort(struct spd_request *waiting)
{
    while (waiting) {
        struct spd_request *next = waiting->next;

        spd_request_run(waiting, scsi_resume(&waiting->task, &aborted), NULL);
        waiting = next;
    }
}
