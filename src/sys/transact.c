/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Transactions: the IRPs by which a program gets requests and answers them. */

#include "sys.h"

/* A pended transaction's wait lies where its request will be written. */
#define WAIT_AT FIELD_OFFSET(SPD_IOCTL_TRANSACT_PARAMS, Dir)
C_ASSERT(WAIT_AT + sizeof(struct sys_wait) <= sizeof(SPD_IOCTL_TRANSACT_PARAMS));
C_ASSERT(sizeof(struct scsi_range) == sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR));

static SPD_IOCTL_TRANSACT_PARAMS *block_of(PIRP irp)
{
    return irp->AssociatedIrp.SystemBuffer;
}

static struct sys_wait *wait_of(PIRP irp)
{
    return (struct sys_wait *)((UCHAR *)block_of(irp) + WAIT_AT);
}

/* The completion is the last of it: the adapter may go with its last IRP. Where its wait was, there
 * may be a request by now. */
static void end(struct sys_wait wait, NTSTATUS status, ULONG_PTR length)
{
    struct sys_adapter *adapter = wait.unit->adapter;
    PIRP irp = wait.irp;

    if (wait.process)
        sys_process_unpend(wait.process, irp);
    sys_unit_put(wait.unit);
    sys_complete_irp(adapter, irp, status, length);
}

/* It owns the IRP, whether or not someone has taken the server off the queue meanwhile. */
static VOID NTAPI cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct sys_wait *wait = wait_of(irp);
    struct sys_unit *unit = wait->unit;
    KIRQL irql;

    UNREFERENCED_PARAMETER(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    KeAcquireSpinLock(&unit->lock, &irql);
    ioq_cancel_wait(&unit->ioq, &wait->server);
    KeReleaseSpinLock(&unit->lock, irql);
    sys_owner_check(unit);
    end(*wait, STATUS_CANCELLED, 0);
}

static UINT8 describe(const struct sys_request *request, SPD_IOCTL_TRANSACT_REQ *req)
{
    const struct scsi_op *op = &request->task.op;

    switch (request->step) {
    case SCSI_READ:
        req->Op.Read.BlockAddress = op->lba;
        req->Op.Read.BlockCount = op->blocks;
        req->Op.Read.ForceUnitAccess = op->fua;
        return SpdIoctlTransactReadKind;
    case SCSI_WRITE:
        req->Op.Write.BlockAddress = op->lba;
        req->Op.Write.BlockCount = op->blocks;
        req->Op.Write.ForceUnitAccess = op->fua;
        return SpdIoctlTransactWriteKind;
    case SCSI_FLUSH:
        req->Op.Flush.BlockAddress = op->lba;
        req->Op.Flush.BlockCount = op->blocks;
        return SpdIoctlTransactFlushKind;
    default:
        req->Op.Unmap.Count = op->range_count;
        return SpdIoctlTransactUnmapKind;
    }
}

/* Moves what goes out with a request, and returns its length: 0 also when the request has ended
 * meanwhile. It fits: an operation never exceeds the maximum transfer length, and there are at most
 * so many ranges as fit in it. */
static ULONG move_out(const struct sys_request *request, UCHAR *to)
{
    const struct scsi_op *op = &request->task.op;
    const UCHAR *from = request->data.base;
    ULONG length;

    if (request->step == SCSI_UNMAP) {
        length = op->range_count * (ULONG)sizeof *op->ranges;
        memcpy(to, op->ranges, length);
        return length;
    }
    if (request->step != SCSI_WRITE)
        return 0;
    if (op->buffer == SCSI_BUFFER_SCRATCH)
        from = request->task.scratch;
    length = op->blocks << request->unit->scsi.block_shift;
    return sys_request_move(request, to, from + op->offset, length) ? length : 0;
}

/* The request is busy with this; the wait's reference goes with it. */
void sys_transact_deliver(struct sys_wait *at, struct sys_request *request, uint64_t hint)
{
    struct sys_wait wait = *at;
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(wait.irp);
    ULONG length;
    bool wanted;

    memset(&block->Dir, 0, sizeof block->Dir);
    block->ReqValid = 1;
    block->RspValid = 0;
    block->Dir.Req.Hint = hint;
    block->Dir.Req.Kind = describe(request, &block->Dir.Req);
    length = move_out(request, (UCHAR *)SPD_IOCTL_TRANSACT_DATA(block));
    /* First this: the answer may come before the completion returns. A request that has ended by
     * now, or is for another program, is not brought, and the program asks again. */
    wanted = sys_request_delivered(request, hint);
    end(wait, STATUS_SUCCESS, wanted ? sizeof *block + length : 0);
}

/* The unit's lock is held. Those that cannot be cancelled any more go to `irps`. */
void sys_transact_cancel_all(struct sys_unit *unit, PLIST_ENTRY irps)
{
    struct ioq_server *server;

    while ((server = ioq_drain_server(&unit->ioq)) != NULL) {
        struct sys_wait *wait = CONTAINING_RECORD(server, struct sys_wait, server);

        if (IoSetCancelRoutine(wait->irp, NULL))
            InsertTailList(irps, &wait->irp->Tail.Overlay.ListEntry);
    }
}

/* Whoever holds the adapter's lock says who may transact from now on, or nobody. What waits would
 * get requests that it may not answer any more: it goes to `irps`. Returns the one before, whose
 * reference becomes the caller's. */
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

        end(*wait_of(irp), STATUS_CANCELLED, 0);
    }
}

/* The unit's lock is held, and there is no request. */
static NTSTATUS pend(struct sys_unit *unit, struct sys_wait *wait)
{
    uint64_t hint;

    if (!sys_process_pend(unit->server, wait->irp))
        return STATUS_INSUFFICIENT_RESOURCES;
    wait->process = unit->server;
    ioq_wait(&unit->ioq, &wait->server, &hint);
    IoSetCancelRoutine(wait->irp, cancel);
    /* Cancelled before it could be: nobody else will complete it. */
    if (!wait->irp->Cancel || !IoSetCancelRoutine(wait->irp, NULL))
        return STATUS_PENDING;
    ioq_cancel_wait(&unit->ioq, &wait->server);
    return STATUS_CANCELLED;
}

/* The unit's lock is held. Takes a request, or waits for one. */
static NTSTATUS take_or_pend(
    struct sys_unit *unit, struct sys_wait *wait, struct sys_request **request, uint64_t *hint)
{
    if (unit->ioq.stopped)
        return STATUS_CANCELLED;
    if (!unit->ioq.pending_count)
        return pend(unit, wait);
    *request = CONTAINING_RECORD(
        ioq_wait(&unit->ioq, &wait->server, hint), struct sys_request, queued);
    (*request)->busy = true;
    (*request)->deadline = unit->adapter->ticks + unit->adapter->settings.timeout + 1;
    return STATUS_PENDING;
}

/* Unless it fails, the reference to the unit goes with the IRP. */
static NTSTATUS wait_for_request(struct sys_unit *unit, PEPROCESS caller, PIRP irp)
{
    struct sys_wait *wait = wait_of(irp);
    struct sys_request *request = NULL;
    NTSTATUS status = STATUS_ACCESS_DENIED;
    uint64_t hint;
    KIRQL irql;

    memset(wait, 0, sizeof *wait);
    wait->irp = irp;
    wait->unit = unit;
    KeAcquireSpinLock(&unit->lock, &irql);
    if (sys_owner_lets_serve(unit, caller))
        status = take_or_pend(unit, wait, &request, &hint);
    KeReleaseSpinLock(&unit->lock, irql);

    if (request)
        sys_transact_deliver(wait, request, hint);
    else if (status != STATUS_PENDING && wait->process)
        sys_process_unpend(wait->process, irp);
    return status;
}

static bool may_transact(struct sys_unit *unit, PEPROCESS caller)
{
    bool may;
    KIRQL irql;

    KeAcquireSpinLock(&unit->lock, &irql);
    may = sys_owner_lets_serve(unit, caller);
    KeReleaseSpinLock(&unit->lock, irql);
    return may;
}

/* Only its server needs to know how much there may be to move. */
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

static bool reserved_are_zero(const SPD_IOCTL_TRANSACT_PARAMS *block)
{
    const SPD_IOCTL_STORAGE_UNIT_STATUS *status = &block->Dir.Rsp.Status;
    UINT32 flags, last;

    memcpy(&flags, (const UCHAR *)&block->Btl + sizeof block->Btl, sizeof flags);
    memcpy(&last, (const UCHAR *)(status + 1) - sizeof last, sizeof last);
    if (flags & ~3u)
        return false;
    /* Of the last word, only InformationValid means anything. */
    return !block->RspValid ||
        (!status->ReservedCSI && !status->ReservedSKS && !(last & ~0x100u));
}

static NTSTATUS transact(
    struct sys_unit *unit, PIRP irp, PEPROCESS caller, ULONG in, ULONG out)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(irp);
    NTSTATUS status;

    if (block->ReqValid && out - sizeof *block < unit->params.MaxTransferLength)
        return may_transact(unit, caller) ? STATUS_ACCESS_VIOLATION : STATUS_ACCESS_DENIED;
    if (block->RspValid) {
        const void *data = block->DataBuffer ? SPD_IOCTL_TRANSACT_DATA(block) : NULL;
        SPD_IOCTL_TRANSACT_RSP response = block->Dir.Rsp;

        if (!sys_request_answer(
                unit, caller, &response, data, in - (ULONG)sizeof *block, &status))
            return status;
    }
    return block->ReqValid ? wait_for_request(unit, caller, irp) : STATUS_SUCCESS;
}

/* STATUS_PENDING: it is completed, now or later; otherwise the caller does it. */
NTSTATUS sys_transact(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, ULONG in, ULONG out)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(irp);
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
