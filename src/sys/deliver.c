/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Delivers requests to a transaction: their description and data go into its system buffer.
 *
 * All of a batch are moved before any may be answered, so a request that ends meanwhile is not
 * brought.
 */

#include "sys.h"

/* A pended transaction's wait is at the place of its later request, behind the head of either
 * block. Each wait has room for a block of data, of which the shortest has 512 bytes. */
#define WAIT_AT FIELD_OFFSET(SPD_IOCTL_TRANSACT_PARAMS, Dir)
C_ASSERT(WAIT_AT == sizeof(SPD_IOCTL_BATCH_PARAMS));
C_ASSERT(WAIT_AT + sizeof(struct sys_wait) <= sizeof(SPD_IOCTL_TRANSACT_PARAMS) + 512);
C_ASSERT(sizeof(struct sys_wait) <= sizeof(SPD_IOCTL_BATCH_ENTRY)); /* and leaves nothing of it */
C_ASSERT(sizeof(struct scsi_range) == sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR));
C_ASSERT(sizeof(struct ioq_entry) == sizeof(SPD_IOCTL_BATCH_ENTRY));
C_ASSERT(FIELD_OFFSET(struct ioq_entry, body) == FIELD_OFFSET(SPD_IOCTL_BATCH_ENTRY, Dir));

struct sys_wait *sys_wait_of(PIRP irp)
{
    return (struct sys_wait *)((UCHAR *)irp->AssociatedIrp.SystemBuffer + WAIT_AT);
}

/* The completion comes last: the adapter may go with its last IRP. */
void sys_wait_end(const struct sys_wait *at, NTSTATUS status, ULONG_PTR length)
{
    struct sys_wait wait = *at; /* its place may have a request by now */
    struct sys_adapter *adapter = wait.unit->adapter;

    if (wait.process)
        sys_process_unpend(wait.process, wait.irp);
    sys_unit_put(wait.unit);
    sys_complete_irp(adapter, wait.irp, status, length);
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

/* The length of its data. An operation never exceeds the maximum transfer length, and
 * there are at most so many ranges as fit in it. */
static ULONG length_out(const struct sys_request *request)
{
    const struct scsi_op *op = &request->task.op;

    switch (request->step) {
    case SCSI_WRITE:
        return op->blocks << request->unit->scsi.block_shift;
    case SCSI_UNMAP:
        return op->range_count * (ULONG)sizeof *op->ranges;
    default:
        return 0;
    }
}

/* It copies in pieces, each in some ten microseconds: the thread that ends the request waits until
 * nobody touches its data. False: it has ended, and the rest was not moved. From NULL come
 * zeros. */
bool sys_request_move(
    const struct sys_request *request, void *to, const void *from, uint64_t length)
{
    enum { PIECE = 64 * 1024 };

    for (uint64_t at = 0; at < length; at += PIECE) {
        size_t piece = (size_t)(length - at < PIECE ? length - at : PIECE);

        if (request->doomed)
            return false;
        if (from)
            memcpy((UCHAR *)to + at, (const UCHAR *)from + at, piece);
        else
            memset((UCHAR *)to + at, 0, piece);
    }
    return true;
}

/* False: the request has ended meanwhile. */
static bool move_out(const struct sys_request *request, UCHAR *to)
{
    const struct scsi_op *op = &request->task.op;
    const UCHAR *from = op->buffer == SCSI_BUFFER_SCRATCH ? request->task.scratch
                                                          : request->data.base;

    if (request->step == SCSI_WRITE)
        return sys_request_move(request, to, from + op->offset, length_out(request));
    if (request->step == SCSI_UNMAP)
        memcpy(to, op->ranges, length_out(request));
    return true;
}

/* The answer of a read needs as much room as the request of a write. */
bool sys_deliver_spends(const struct sys_request *request, size_t *room)
{
    ULONG length = length_out(request);

    if (request->step == SCSI_READ)
        length = request->task.op.blocks << request->unit->scsi.block_shift;
    return ioq_batch_spend(room, length);
}

static struct sys_request *first_of(PLIST_ENTRY requests)
{
    return CONTAINING_RECORD(requests->Flink, struct sys_request, link);
}

/* The request has its place: from now on it may be answered, even before the completion returns.
 * False: it has ended, or is for another program, and is not brought. */
static bool hand_over(PLIST_ENTRY requests, sys_delivered *delivered)
{
    struct sys_request *request = first_of(requests);

    RemoveEntryList(&request->link);
    return delivered(request);
}

/* In the original's block. A program whose request was not brought asks again. */
static ULONG deliver_one(
    const struct sys_wait *wait, PLIST_ENTRY requests, sys_delivered *delivered)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = wait->irp->AssociatedIrp.SystemBuffer;
    struct sys_request *request = first_of(requests);
    ULONG length = length_out(request);

    memset(&block->Dir, 0, sizeof block->Dir);
    block->ReqValid = 1;
    block->RspValid = 0;
    block->Dir.Req.Hint = request->hint;
    block->Dir.Req.Kind = describe(request, &block->Dir.Req);
    move_out(request, SPD_IOCTL_TRANSACT_DATA(block));
    return hand_over(requests, delivered) ? (ULONG)sizeof *block + length : 0;
}

/* It fits: sys_deliver_spends(). */
static void pack(const struct sys_request *request, struct ioq_batch *batch)
{
    struct ioq_entry *entry = ioq_batch_add(batch, length_out(request));
    SPD_IOCTL_TRANSACT_REQ req = { .Hint = request->hint };

    req.Kind = describe(request, &req);
    memcpy(entry->body, &req, sizeof req);
    /* It has ended, and is not brought; nor are the bytes of the buffer there. */
    if (!move_out(request, ioq_entry_data(entry)))
        memset(ioq_entry_data(entry), 0, entry->length);
}

static ULONG deliver_batch(
    const struct sys_wait *wait, PLIST_ENTRY requests, sys_delivered *delivered)
{
    SPD_IOCTL_BATCH_PARAMS *block = wait->irp->AssociatedIrp.SystemBuffer;
    struct ioq_batch batch = { .base = (UCHAR *)(block + 1), .room = wait->room.bytes };
    struct ioq_entry *entry = (struct ioq_entry *)(block + 1);
    bool any = false;

    for (PLIST_ENTRY at = requests->Flink; at != requests; at = at->Flink)
        pack(CONTAINING_RECORD(at, struct sys_request, link), &batch);
    block->Count = batch.count;
    block->Wanted = wait->room.wanted;
    for (; !IsListEmpty(requests); entry = ioq_entry_next(entry)) {
        if (hand_over(requests, delivered))
            any = true;
        else
            memset(entry->body, 0, sizeof entry->body);
    }
    return any ? (ULONG)(sizeof *block + batch.used) : 0;
}

/* The requests are busy meanwhile; the wait's reference ends with it. */
void sys_deliver(struct sys_wait *at, PLIST_ENTRY requests, sys_delivered *delivered)
{
    struct sys_wait wait = *at;
    ULONG length = wait.room.bytes ? deliver_batch(&wait, requests, delivered)
                                    : deliver_one(&wait, requests, delivered);

    sys_wait_end(&wait, STATUS_SUCCESS, length);
}
