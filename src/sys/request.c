/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A request from its begin to its end: the engine, the gate, the queue. */

#include "sys.h"

/* The waiting requests that go on are added to `granted`, for run(). */
_Requires_lock_held_(CONTAINING_RECORD(waiters, struct sys_request, waiter)->unit->lock)
static void go_on(struct ioq_waiter *waiters, PLIST_ENTRY granted)
{
    for (; waiters; waiters = waiters->next) {
        struct sys_request *request = CONTAINING_RECORD(waiters, struct sys_request, waiter);

        request->busy = true;
        InsertTailList(granted, &request->link);
    }
}

/* All initiators of a unit are one nexus, also if a request has its own. */
static struct ioq_flow *flow_of(struct sys_unit *unit, enum ioq_place place)
{
    return &unit->nexus.flows[place];
}

/* False: it waits. No waiting request goes on: there is only one flow, and none is refused. */
_Requires_lock_held_(unit->lock)
static bool gate_enter(struct sys_unit *unit, struct sys_request *request)
{
    struct ioq_waiter *waiter = &request->waiter;

    waiter->exclusive = request->task.exclusive;
    waiter->head = request->task.attribute == SCSI_HEAD_OF_QUEUE;
    ioq_gate_enter(&unit->gate, flow_of(unit, IOQ_PLACE_GATE), waiter, 0);
    request->busy = waiter->inside;
    return waiter->inside;
}

/* A waiting request that was taken out kept others out, too. */
_Requires_lock_held_(unit->lock)
static void gate_leave(struct sys_unit *unit, struct sys_request *request, PLIST_ENTRY granted)
{
    struct ioq_waiter *waiter = &request->waiter;

    go_on(waiter->inside ? ioq_gate_leave(&unit->gate, waiter) : ioq_gate_admit(&unit->gate),
        granted);
}

/*
 * Scratch memory: a unit has its share, whatever other programs do with theirs. A request
 * that gets none waits, behind those before it. It has not passed the gate, so requests with
 * scratch never wait for it. Commands that must always be answered hold theirs only while they
 * are, and need not be counted.
 */

_Requires_lock_held_(unit->lock)
static void scratch_leave(struct sys_unit *unit, struct sys_request *request, PLIST_ENTRY granted)
{
    if (request->waiter.holds)
        go_on(ioq_share_give(&unit->scratch, flow_of(unit, IOQ_PLACE_SCRATCH), &request->waiter),
            granted);
}

static void set_deadline(struct sys_request *request)
{
    const struct sys_adapter *adapter = request->unit->adapter;

    request->deadline = adapter->ticks + adapter->settings.timeout + 1;
}

/* False: the request is parked. A doomed request goes on to its end. */
_Requires_lock_not_held_(request->unit->lock)
static bool scratch_enter(struct sys_request *request)
{
    struct sys_unit *unit = request->unit;
    KIRQL irql;
    bool now;

    if (scsi_always_answered(&request->task) || request->waiter.holds)
        return true;
    KeAcquireSpinLock(&unit->lock, &irql);
    now = ioq_share_take(&unit->scratch, flow_of(unit, IOQ_PLACE_SCRATCH), &request->waiter,
        request->doomed != SYS_NOT_DOOMED);
    if (!now) {
        request->step = SCSI_SCRATCH;
        set_deadline(request);
        request->busy = false;
    }
    KeReleaseSpinLock(&unit->lock, irql);
    return now;
}

/* The last of a request. Requests that it kept out go to `granted`. */
_Requires_lock_not_held_(request->unit->lock)
static void finish(struct sys_request *request, PLIST_ENTRY granted)
{
    struct sys_unit *unit = request->unit;
    bool awaited;
    KIRQL irql;

    KeAcquireSpinLock(&unit->lock, &irql);
    awaited = request->awaited;
    unit->adapter->leaving++;
    ioq_cancel(&unit->ioq, &request->queued);
    RemoveEntryList(&request->all);
    gate_leave(unit, request, granted);
    scratch_leave(unit, request, granted);
    KeReleaseSpinLock(&unit->lock, irql);

    sys_srb_finish(request);
    unit->adapter->leaving--;
    if (awaited)
        sys_srb_ended(unit->adapter);
    sys_unit_put(unit);
}

/* The transaction that got the request; NULL: it is pending. */
_Requires_lock_held_(unit->lock)
static struct sys_wait *matched(
    struct sys_unit *unit, enum ioq_result result, struct ioq_server *server, uint64_t *hint)
{
    while (result == IOQ_MATCHED) {
        struct sys_wait *wait = CONTAINING_RECORD(server, struct sys_wait, server);

        /* The IRP belongs to the thread that takes the cancel routine away: here its canceller. */
        if (IoSetCancelRoutine(wait->irp, NULL)) {
            wait->room.wanted = 0; /* nothing else waits */
            unit->calls++;
            unit->brought++;
            return wait;
        }
        result = ioq_requeue(&unit->ioq, *hint, &server, hint);
    }
    return NULL;
}

/* A request comes alone if a transaction waited for it: there is no other. */
static void deliver(struct sys_wait *wait, struct sys_request *request, uint64_t hint)
{
    LIST_ENTRY alone;

    InitializeListHead(&alone);
    request->hint = hint;
    InsertTailList(&alone, &request->link);
    sys_deliver(wait, &alone, sys_request_delivered);
}

/* Gets the memory that the engine asks for, and returns its next step. SCSI_SCRATCH: there is no
 * memory. */
_Requires_lock_not_held_(request->unit->lock)
static enum scsi_step provide(struct sys_request *request, enum scsi_step step)
{
    static const struct scsi_outcome none = { .status = SCSI_TASK_SET_FULL };
    struct scsi_task *task = &request->task;
    struct sys_unit *unit = request->unit;
    bool inquiry = task->cdb[0] == 0x12;
    KIRQL irql;

    while (step == SCSI_SCRATCH || step == SCSI_DATA) {
        if (step == SCSI_SCRATCH && !scratch_enter(request))
            return step;
        if (step == SCSI_SCRATCH && !task->scratch)
            task->scratch = sys_scratch_take(unit->adapter);
        if (step == SCSI_DATA) {
            task->data = &request->data;
            task->data_count = 1;
        }
        /* INQUIRY shows whose disk it is, which changes when a program takes it over. */
        if (inquiry)
            KeAcquireSpinLock(&unit->lock, &irql);
        step = scsi_resume(task, step == SCSI_SCRATCH && !task->scratch ? &none : NULL);
        if (inquiry)
            KeReleaseSpinLock(&unit->lock, irql);
    }
    return step;
}

/* Goes on up to a block operation, through memory and the gate. True: it comes to one. False: it is
 * parked, or has ended; requests that it kept out go to `granted`. */
_Requires_lock_not_held_(request->unit->lock)
_When_(return, _Acquires_lock_(request->unit->lock))
static bool enter(
    struct sys_request *request, enum scsi_step step, PLIST_ENTRY granted, KIRQL *irql)
{
    struct sys_unit *unit = request->unit;

    while ((step = provide(request, step)) != SCSI_DONE) {
        struct scsi_outcome outcome = { 0 };
        bool parked, admitted;

        if (step == SCSI_SCRATCH)
            return false;
        request->step = step;
        KeAcquireSpinLock(&unit->lock, irql);
        if (request->doomed) {
            KeReleaseSpinLock(&unit->lock, *irql);
            break;
        }
        set_deadline(request);
        parked = !request->waiter.inside && !gate_enter(unit, request);
        admitted = !parked && scsi_admit(&request->task, &outcome);
        if (admitted && step != SCSI_ENTER)
            return true;
        KeReleaseSpinLock(&unit->lock, *irql);
        if (parked)
            return false;
        step = scsi_resume(&request->task, &outcome);
    }
    finish(request, granted);
    return false;
}

_Requires_lock_held_(request->unit->lock)
static void doom(struct sys_request *request, enum sys_doom why)
{
    request->doomed = (uint8_t)why;
    request->awaited = true;
    request->unit->adapter->ending++;
}

/* Brings a request to the next point where it waits or ends. hint: the hint under which it was
 * served so far, or 0. The next operation of a long command waits behind others' operations. */
static void advance(
    struct sys_request *request, enum scsi_step step, uint64_t hint, PLIST_ENTRY granted)
{
    static const struct scsi_outcome full = { .status = SCSI_TASK_SET_FULL };
    struct sys_unit *unit = request->unit;
    struct ioq_server *server = NULL;
    struct sys_wait *wait;
    enum ioq_result result;
    KIRQL irql;

    if (!enter(request, step, granted, &irql))
        return;
    if (hint)
        ioq_complete(&unit->ioq, hint);
    request->astray = false;
    result = ioq_post(&unit->ioq, &request->queued, &server, &hint);
    wait = matched(unit, result, server, &hint);
    if (result == IOQ_STOPPED)
        doom(request, SYS_ABORTED);
    request->busy = wait || result == IOQ_FULL || result == IOQ_STOPPED;
    KeReleaseSpinLock(&unit->lock, irql);

    if (result == IOQ_FULL)
        scsi_resume(&request->task, &full);
    if (result == IOQ_FULL || result == IOQ_STOPPED)
        finish(request, granted);
    else if (wait)
        deliver(wait, request, hint);
}

/* Requests that pass the gate after another has left are run from a list, not by recursion. */
static void run(PLIST_ENTRY granted)
{
    while (!IsListEmpty(granted)) {
        struct sys_request *request = CONTAINING_RECORD(
            RemoveHeadList(granted), struct sys_request, link);

        advance(request, request->step, 0, granted);
    }
}

/* The SRB's task, nexus and data are set. */
void sys_request_start(struct sys_unit *unit, struct sys_request *request)
{
    LIST_ENTRY granted;
    bool stopped;
    KIRQL irql;

    InitializeListHead(&granted);
    InterlockedIncrement(&unit->references);
    request->unit = unit;
    request->busy = true;
    KeAcquireSpinLock(&unit->lock, &irql);
    stopped = unit->ioq.stopped;
    if (stopped)
        request->doomed = SYS_ABORTED;
    InsertTailList(&unit->requests, &request->all);
    KeReleaseSpinLock(&unit->lock, irql);

    if (stopped)
        finish(request, &granted);
    else
        advance(request, scsi_begin(&request->task), 0, &granted);
    run(&granted);
}

/* Requests that are not busy go to `ended`, for sys_request_finish_all(). */
void sys_request_doom(struct sys_request *request, enum sys_doom why, PLIST_ENTRY ended)
{
    struct sys_unit *unit = request->unit;

    if (request->doomed)
        return;
    doom(request, why);
    ioq_cancel(&unit->ioq, &request->queued);
    if (request->busy)
        return;
    if (!ioq_gate_cancel(&unit->gate, &request->waiter))
        ioq_share_cancel(&unit->scratch, &request->waiter);
    request->busy = true;
    InsertTailList(ended, &request->link);
}

void sys_request_finish_all(PLIST_ENTRY ended)
{
    LIST_ENTRY granted;

    InitializeListHead(&granted);
    while (!IsListEmpty(ended))
        finish(CONTAINING_RECORD(RemoveHeadList(ended), struct sys_request, link), &granted);
    run(&granted);
}

/* Its server has changed. A request that is being delivered to the former server becomes pending
 * again afterwards: no one else could answer it. */
void sys_request_redirect(struct sys_unit *unit)
{
    PLIST_ENTRY at;

    for (at = unit->requests.Flink; at != &unit->requests; at = at->Flink) {
        struct sys_request *request = CONTAINING_RECORD(at, struct sys_request, all);

        request->astray = request->busy && request->queued.state == IOQ_SERVED;
    }
}

/* The transaction that gets the request in the place of the former one. */
_Requires_lock_held_(unit->lock)
static struct sys_wait *deliver_again(
    struct sys_unit *unit, struct sys_request *request, uint64_t *hint)
{
    struct ioq_server *server = NULL;
    enum ioq_result result = ioq_requeue(&unit->ioq, *hint, &server, hint);

    request->astray = false;
    return matched(unit, result, server, hint);
}

/* The data of a request has been moved to its transaction, and it may be answered. False: it has
 * ended or is for another server, and is not the caller's any more. */
bool sys_request_delivered(struct sys_request *request)
{
    struct sys_unit *unit = request->unit;
    struct sys_wait *wait = NULL;
    uint64_t hint = request->hint;
    LIST_ENTRY granted;
    bool doomed, astray;
    KIRQL irql;

    InitializeListHead(&granted);
    KeAcquireSpinLock(&unit->lock, &irql);
    doomed = request->doomed;
    astray = request->astray;
    if (astray && !doomed)
        wait = deliver_again(unit, request, &hint);
    request->busy = doomed || wait;
    KeReleaseSpinLock(&unit->lock, irql);
    if (doomed)
        finish(request, &granted);
    else if (wait)
        deliver(wait, request, hint);
    run(&granted);
    return !doomed && !astray;
}

/* The kind that a transaction calls a step. */
static UINT8 kind_of(enum scsi_step step)
{
    static const UINT8 kinds[] = {
        [SCSI_READ] = SpdIoctlTransactReadKind,
        [SCSI_WRITE] = SpdIoctlTransactWriteKind,
        [SCSI_FLUSH] = SpdIoctlTransactFlushKind,
        [SCSI_UNMAP] = SpdIoctlTransactUnmapKind,
    };
    return kinds[step];
}

/* Copies a read's data to the engine's place; NULL is zeros. The requester's buffer may end
 * within the last block. */
static void move_in(struct sys_request *request, const void *data, uint64_t length)
{
    const struct scsi_op *op = &request->task.op;
    UCHAR *base = op->buffer == SCSI_BUFFER_SCRATCH ? request->task.scratch : request->data.base;
    uint64_t room = op->buffer == SCSI_BUFFER_SCRATCH ? SCSI_SCRATCH_LENGTH : request->data.length;

    room = op->offset < room ? room - op->offset : 0;
    sys_request_move(request, base + op->offset, data, length < room ? length : room);
}

static struct scsi_outcome outcome_of(const SPD_IOCTL_STORAGE_UNIT_STATUS *status)
{
    return (struct scsi_outcome){
        .status = status->ScsiStatus,
        .sense_key = status->SenseKey,
        .asc = status->ASC,
        .ascq = status->ASCQ,
        .information_valid = status->InformationValid,
        .information = status->Information,
    };
}

/* False, with *status: the answer is not acceptable and the request still waits for one. An answer
 * to nothing, or to a request that is being answered, is ignored. */
bool sys_request_answer(struct sys_unit *unit, PEPROCESS caller,
    const SPD_IOCTL_TRANSACT_RSP *response, const void *data, ULONG length, NTSTATUS *status)
{
    struct scsi_outcome outcome = outcome_of(&response->Status);
    struct sys_request *request = NULL;
    struct ioq_request *queued;
    LIST_ENTRY granted;
    uint64_t needed = 0;
    KIRQL irql;

    InitializeListHead(&granted);
    *status = STATUS_SUCCESS;
    KeAcquireSpinLock(&unit->lock, &irql);
    if (!sys_owner_lets_serve(unit, caller)) {
        KeReleaseSpinLock(&unit->lock, irql);
        *status = STATUS_ACCESS_DENIED;
        return false;
    }
    queued = ioq_find(&unit->ioq, response->Hint);
    if (queued)
        request = CONTAINING_RECORD(queued, struct sys_request, queued);
    if (request && !request->busy) {
        if (request->step == SCSI_READ && scsi_outcome_completed(&outcome))
            needed = (uint64_t)request->task.op.blocks << unit->scsi.block_shift;
        if (response->Kind != kind_of(request->step))
            *status = STATUS_INVALID_PARAMETER;
        else if (data && length < needed)
            *status = STATUS_ACCESS_VIOLATION;
        else
            request->busy = true;
    } else {
        request = NULL;
    }
    KeReleaseSpinLock(&unit->lock, irql);
    if (!request || *status != STATUS_SUCCESS)
        return *status == STATUS_SUCCESS;

    /* A read that is GOOD needs no data, and gets zeros. Here the data has been lost. */
    if (needed && !data && outcome.status != SCSI_GOOD)
        outcome = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x4,
            .asc = 0x44 };
    else if (needed)
        move_in(request, data, needed);
    advance(request, scsi_resume(&request->task, &outcome), response->Hint, &granted);
    run(&granted);
    return true;
}

/* Requests that were delivered to a former server become pending again, in the order of arrival.
 * The new server gets them; the unit takes its reference. */
void sys_request_again(struct sys_unit *unit, struct sys_process *server)
{
    PLIST_ENTRY at;
    KIRQL irql;

    KeAcquireSpinLock(&unit->lock, &irql);
    unit->orphan = false;
    unit->server = server;
    for (at = unit->requests.Flink; at != &unit->requests; at = at->Flink) {
        struct sys_request *request = CONTAINING_RECORD(at, struct sys_request, all);
        struct ioq_server *none;
        uint64_t hint;

        set_deadline(request);
        /* Without a server nothing waits, and the slot is the request's own: this only queues. */
        if (!request->busy && ioq_cancel(&unit->ioq, &request->queued))
            ioq_post(&unit->ioq, &request->queued, &none, &hint);
    }
    KeReleaseSpinLock(&unit->lock, irql);
}
