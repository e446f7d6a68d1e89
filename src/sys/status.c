/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A task's end in StorPort's terms. */

#include "sys.h"

void sys_srb_complete(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb, UCHAR status)
{
    srb->SrbStatus = status;
    StorPortNotification(RequestComplete, adapter, srb);
}

static void store_sense(PSCSI_REQUEST_BLOCK srb, const struct scsi_task *task)
{
    UCHAR length = task->sense_length;

    srb->SrbStatus = SRB_STATUS_ERROR;
    if (!srb->SenseInfoBuffer || (srb->SrbFlags & SRB_FLAGS_DISABLE_AUTOSENSE))
        return;
    if (length > srb->SenseInfoBufferLength)
        length = srb->SenseInfoBufferLength;
    memset(srb->SenseInfoBuffer, 0, srb->SenseInfoBufferLength);
    memcpy(srb->SenseInfoBuffer, task->sense, length);
    if (length >= 18 || length == task->sense_length)
        srb->SrbStatus |= SRB_STATUS_AUTOSENSE_VALID;
}

/* A reply is cut to the buffer, as the initiator asked; a transfer that is cut is an overrun. */
void sys_srb_store_status(struct sys_request *request)
{
    const struct scsi_task *task = &request->task;
    PSCSI_REQUEST_BLOCK srb = request->srb;
    uint64_t moved = task->moved_length;

    if (moved > srb->DataTransferLength)
        moved = srb->DataTransferLength;
    srb->ScsiStatus = task->status;
    if (task->status == SCSI_GOOD) {
        if (task->reply && moved)
            memcpy(request->data.base, task->reply, (size_t)moved);
        srb->SrbStatus = task->overflow && task->medium ? SRB_STATUS_DATA_OVERRUN
                                                        : SRB_STATUS_SUCCESS;
    } else if (task->status == SCSI_CHECK_CONDITION) {
        store_sense(srb, task);
    } else {
        srb->SrbStatus = SRB_STATUS_ERROR;
    }
    if (task->direction != SCSI_DATA_OUT || task->status != SCSI_GOOD)
        srb->DataTransferLength = (ULONG)moved;
}

/* SPC-4 table E.13: 2E/01 COMMAND TIMEOUT BEFORE PROCESSING, 2E/02 DURING PROCESSING */
static void time_out(struct sys_request *request)
{
    const struct scsi_outcome outcome = {
        .status = SCSI_CHECK_CONDITION,
        .sense_key = 0xb,
        .asc = 0x2e,
        .ascq = request->doomed == SYS_TIMED_OUT_PENDING ? 0x01 : 0x02,
    };

    request->task.moved_length = 0;
    scsi_task_fail(&request->task, &outcome);
}

/* The request is on no list any more. */
void sys_srb_finish(struct sys_request *request)
{
    struct sys_adapter *adapter = request->unit->adapter;
    PSCSI_REQUEST_BLOCK srb = request->srb;

    if (request->doomed == SYS_ABORTED) {
        srb->SrbStatus = SRB_STATUS_ABORTED;
        srb->DataTransferLength = 0;
    } else {
        if (request->doomed)
            time_out(request);
        sys_srb_store_status(request);
    }
    if (request->task.scratch)
        sys_scratch_give(adapter, request->task.scratch);
    StorPortNotification(RequestComplete, adapter, srb);
}

/* A doomed request has been completed. */
void sys_srb_ended(struct sys_adapter *adapter)
{
    LIST_ENTRY resets;
    KIRQL irql;

    if (--adapter->ending)
        return;
    InitializeListHead(&resets);
    KeAcquireSpinLock(&adapter->lock, &irql);
    while (!adapter->ending && !IsListEmpty(&adapter->resets))
        InsertTailList(&resets, RemoveHeadList(&adapter->resets));
    KeReleaseSpinLock(&adapter->lock, irql);
    while (!IsListEmpty(&resets))
        sys_srb_complete(adapter,
            CONTAINING_RECORD(RemoveHeadList(&resets), struct sys_request, link)->srb,
            SRB_STATUS_SUCCESS);
}
