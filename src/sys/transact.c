/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Transactions: the IRPs by which a program gets requests and answers them. */

#include "sys.h"

/* Called when a transaction of the unit was cancelled. */
static void (*cancelled)(struct sys_unit *unit);

void sys_transact_prepare(void (*on_cancelled)(struct sys_unit *unit))
{
    cancelled = on_cancelled;
}

/* It owns the IRP, even if another thread has taken the server off the queue meanwhile. */
_Requires_no_locks_held_
static VOID NTAPI cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct sys_wait *wait = sys_wait_of(irp);
    struct sys_unit *unit = wait->unit;
    KIRQL irql;

    UNREFERENCED_PARAMETER(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    KeAcquireSpinLock(&unit->lock, &irql);
    ioq_cancel_wait(&unit->ioq, &wait->server);
    KeReleaseSpinLock(&unit->lock, irql);
    cancelled(unit);
    sys_wait_end(wait, STATUS_CANCELLED, 0);
}

/* IRPs that cannot be cancelled any more go to `irps`. */
void sys_transact_cancel_all(struct sys_unit *unit, PLIST_ENTRY irps)
{
    struct ioq_server *server;

    while ((server = ioq_drain_server(&unit->ioq))) {
        struct sys_wait *wait = CONTAINING_RECORD(server, struct sys_wait, server);

        if (IoSetCancelRoutine(wait->irp, NULL))
            InsertTailList(irps, &wait->irp->Tail.Overlay.ListEntry);
    }
}

/* Sets who may transact from now on, or nobody. Waiting calls would get requests that they may not
 * answer any more: they go to `irps`. Returns the former process, whose reference becomes the
 * caller's. */
struct sys_process *sys_transact_redirect(
    struct sys_unit *unit, struct sys_process *server, PLIST_ENTRY irps)
{
    struct sys_process *old;
    KIRQL irql;

    KeAcquireSpinLock(&unit->lock, &irql);
    old = unit->server;
    unit->server = server;
    if (old != server) {
        sys_transact_cancel_all(unit, irps);
        sys_request_redirect(unit);
    }
    KeReleaseSpinLock(&unit->lock, irql);
    return old;
}

void sys_transact_complete_all(PLIST_ENTRY irps)
{
    while (!IsListEmpty(irps)) {
        PIRP irp = CONTAINING_RECORD(RemoveHeadList(irps), IRP, Tail.Overlay.ListEntry);

        sys_wait_end(sys_wait_of(irp), STATUS_CANCELLED, 0);
    }
}

/* There is no request. */
_Requires_lock_held_(unit->lock)
static NTSTATUS pend(struct sys_unit *unit, struct sys_wait *wait)
{
    uint64_t hint;

    if (!sys_process_pend(unit->server, wait->irp))
        return STATUS_INSUFFICIENT_RESOURCES;
    wait->process = unit->server;
    ioq_wait(&unit->ioq, &wait->server, &hint);
    IoSetCancelRoutine(wait->irp, cancel);
    /* It was cancelled before it was pended: nobody else will complete it. */
    if (!wait->irp->Cancel || !IoSetCancelRoutine(wait->irp, NULL))
        return STATUS_PENDING;
    ioq_cancel_wait(&unit->ioq, &wait->server);
    return STATUS_CANCELLED;
}

/* A request waits. No transaction waits then, so nobody else wants the
 * others. */
_Requires_lock_held_(unit->lock)
static void take(struct sys_unit *unit, struct sys_wait *wait, PLIST_ENTRY requests)
{
    size_t room = wait->room.bytes;
    ULONG count = 0;
    struct ioq_request *next;

    while (count < wait->room.wanted && (next = ioq_peek(&unit->ioq))) {
        struct sys_request *request = CONTAINING_RECORD(next, struct sys_request, queued);

        if (wait->room.bytes && !sys_deliver_spends(request, &room))
            break;
        ioq_wait(&unit->ioq, &wait->server, &request->hint);
        request->busy = true;
        request->deadline = unit->adapter->ticks + unit->adapter->settings.timeout + 1;
        InsertTailList(requests, &request->link);
        count++;
    }
    wait->room.wanted = unit->ioq.pending_count;
    unit->calls++;
    unit->brought += count;
    unit->together += count > 1 ? count : 0;
}

/* Takes requests, or waits for one. */
_Requires_lock_held_(unit->lock)
static NTSTATUS take_or_pend(struct sys_unit *unit, struct sys_wait *wait, PLIST_ENTRY requests)
{
    if (unit->ioq.stopped)
        return STATUS_CANCELLED;
    if (!unit->ioq.pending_count)
        return pend(unit, wait);
    take(unit, wait, requests);
    return STATUS_PENDING;
}

/* Unless it fails, the reference to the unit goes with the IRP. */
_Requires_lock_not_held_(unit->lock)
static NTSTATUS wait_for_requests(
    struct sys_unit *unit, PEPROCESS caller, PIRP irp, struct sys_room room)
{
    struct sys_wait *wait = sys_wait_of(irp);
    NTSTATUS status = STATUS_ACCESS_DENIED;
    LIST_ENTRY requests;
    KIRQL irql;

    InitializeListHead(&requests);
    memset(wait, 0, sizeof *wait);
    wait->irp = irp;
    wait->unit = unit;
    wait->room = room;
    KeAcquireSpinLock(&unit->lock, &irql);
    if (sys_owner_lets_serve(unit, caller))
        status = take_or_pend(unit, wait, &requests);
    KeReleaseSpinLock(&unit->lock, irql);

    if (!IsListEmpty(&requests))
        sys_deliver(wait, &requests, sys_request_delivered);
    else if (status != STATUS_PENDING && wait->process)
        sys_process_unpend(wait->process, irp);
    return status;
}

_Requires_lock_not_held_(unit->lock)
static bool may_transact(struct sys_unit *unit, PEPROCESS caller)
{
    bool may;
    KIRQL irql;

    KeAcquireSpinLock(&unit->lock, &irql);
    may = sys_owner_lets_serve(unit, caller);
    KeReleaseSpinLock(&unit->lock, irql);
    return may;
}

/* Only the server needs to know the longest transfer. */
NTSTATUS sys_transact_length(
    struct sys_adapter *adapter, UINT32 btl, PEPROCESS caller, UINT32 *length)
{
    struct sys_unit *unit = sys_unit_get(adapter, btl);
    bool may;

    if (!unit)
        return STATUS_CANCELLED;
    may = may_transact(unit, caller);
    *length = unit->params.MaxTransferLength;
    sys_unit_put(unit);
    return may ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

NTSTATUS sys_transact_counts(
    struct sys_adapter *adapter, UINT32 btl, SPD_IOCTL_COUNTS_PARAMS *counts)
{
    struct sys_unit *unit = sys_unit_get(adapter, btl);
    KIRQL irql;

    if (!unit)
        return STATUS_CANCELLED;
    KeAcquireSpinLock(&unit->lock, &irql);
    counts->Dir.Ret.Calls = unit->calls;
    counts->Dir.Ret.Requests = unit->brought;
    counts->Dir.Ret.Together = unit->together;
    KeReleaseSpinLock(&unit->lock, irql);
    sys_unit_put(unit);
    return STATUS_SUCCESS;
}

static bool status_is_known(const SPD_IOCTL_STORAGE_UNIT_STATUS *status)
{
    UINT32 last;

    memcpy(&last, (const UCHAR *)(status + 1) - sizeof last, sizeof last);
    /* Only InformationValid has a meaning in the last word. */
    return !status->ReservedCSI && !status->ReservedSKS && !(last & ~0x100u);
}

static bool reserved_are_zero(const SPD_IOCTL_TRANSACT_PARAMS *block)
{
    UINT32 flags;

    memcpy(&flags, (const UCHAR *)&block->Btl + sizeof block->Btl, sizeof flags);
    return !(flags & ~3u) && (!block->RspValid || status_is_known(&block->Dir.Rsp.Status));
}

/* The output buffer has no room for the longest request. */
static NTSTATUS no_room(struct sys_unit *unit, PEPROCESS caller)
{
    return may_transact(unit, caller) ? STATUS_ACCESS_VIOLATION : STATUS_ACCESS_DENIED;
}

static NTSTATUS transact(
    struct sys_unit *unit, PIRP irp, PEPROCESS caller, ULONG in, ULONG out)
{
    static const struct sys_room one = { .wanted = 1 };
    SPD_IOCTL_TRANSACT_PARAMS *block = irp->AssociatedIrp.SystemBuffer;
    NTSTATUS status;

    if (block->ReqValid && out - sizeof *block < unit->params.MaxTransferLength)
        return no_room(unit, caller);
    if (block->RspValid) {
        const void *data = block->DataBuffer ? SPD_IOCTL_TRANSACT_DATA(block) : NULL;
        SPD_IOCTL_TRANSACT_RSP response = block->Dir.Rsp;

        if (!sys_request_answer(
                unit, caller, &response, data, in - (ULONG)sizeof *block, &status))
            return status;
    }
    return block->ReqValid ? wait_for_requests(unit, caller, irp, one) : STATUS_SUCCESS;
}

NTSTATUS sys_transact(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, ULONG in, ULONG out)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = irp->AssociatedIrp.SystemBuffer;
    struct sys_unit *unit;
    NTSTATUS status;
    KIRQL irql;

    if (in < sizeof *block || out < sizeof *block)
        return STATUS_INVALID_PARAMETER;
    if (!block->ReqValid && !block->RspValid)
        return STATUS_INVALID_PARAMETER;
    if (block->ReqValid && !block->DataBuffer)
        return STATUS_INVALID_PARAMETER;
    if (!reserved_are_zero(block))
        return STATUS_INVALID_PARAMETER;
    unit = sys_unit_get(adapter, block->Btl);
    if (!unit)
        return STATUS_CANCELLED;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    status = transact(unit, irp, caller, in, out);
    KeLowerIrql(irql);
    if (status != STATUS_PENDING)
        sys_unit_put(unit);
    return status;
}

static NTSTATUS answer(struct sys_unit *unit, PEPROCESS caller, struct ioq_entry *entry)
{
    SPD_IOCTL_TRANSACT_RSP response;
    NTSTATUS status;
    KIRQL irql;

    memcpy(&response, entry->body, sizeof response);
    if (!status_is_known(&response.Status))
        return STATUS_INVALID_PARAMETER;
    /* Between answers others may use the processor. */
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    sys_request_answer(unit, caller, &response, entry->length ? ioq_entry_data(entry) : NULL,
        entry->length, &status);
    KeLowerIrql(irql);
    return status;
}

/* Takes all answers, and returns the error of the first that is refused. */
static NTSTATUS answer_all(
    struct sys_unit *unit, PEPROCESS caller, struct ioq_entry *entry, ULONG count)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (; count; count--, entry = ioq_entry_next(entry)) {
        NTSTATUS now = answer(unit, caller, entry);

        if (NT_SUCCESS(status))
            status = now;
    }
    return status;
}

static NTSTATUS batch(struct sys_unit *unit, PIRP irp, PEPROCESS caller, ULONG out)
{
    SPD_IOCTL_BATCH_PARAMS *block = irp->AssociatedIrp.SystemBuffer;
    struct sys_room room = { .bytes = out - sizeof *block, .wanted = block->Wanted };
    NTSTATUS status;
    KIRQL irql;

    if (room.wanted && room.bytes < ioq_entry_size(unit->params.MaxTransferLength))
        return no_room(unit, caller);
    status = answer_all(unit, caller, (struct ioq_entry *)(block + 1), block->Count);
    if (!NT_SUCCESS(status) || !room.wanted)
        return status;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    status = wait_for_requests(unit, caller, irp, room);
    KeLowerIrql(irql);
    return status;
}

NTSTATUS sys_transact_batch(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, ULONG in, ULONG out)
{
    SPD_IOCTL_BATCH_PARAMS *block = irp->AssociatedIrp.SystemBuffer;
    struct sys_unit *unit;
    NTSTATUS status;

    if (in < sizeof *block || block->Reserved || (block->Wanted && out < sizeof *block))
        return STATUS_INVALID_PARAMETER;
    if (!block->Wanted && !block->Count)
        return STATUS_INVALID_PARAMETER;
    if (!ioq_batch_check(block + 1, in - sizeof *block, block->Count))
        return STATUS_INVALID_PARAMETER;
    unit = sys_unit_get(adapter, block->Btl);
    if (!unit)
        return STATUS_CANCELLED;
    status = batch(unit, irp, caller, out);
    if (status != STATUS_PENDING)
        sys_unit_put(unit);
    return status;
}
