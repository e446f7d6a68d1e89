/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Plays the drivers that another kernel would have above the double's devices: sends them IRPs of
 * its own. */

#include "double.h"
#include "control.h"

struct class_request {
    IRP *caller;
    SCSI_REQUEST_BLOCK srb;
    UCHAR sense[18];
};

static NTSTATUS NTAPI ended(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    struct class_request *request = context;
    struct double_class *reply = request->caller->AssociatedIrp.SystemBuffer;

    (void)device;
    reply->status = irp->IoStatus.Status;
    reply->srb_status = request->srb.SrbStatus;
    reply->scsi_status = request->srb.ScsiStatus;
    reply->length = request->srb.DataTransferLength;
    RtlCopyMemory(reply->sense, request->sense, sizeof reply->sense);
    complete_irp(request->caller, STATUS_SUCCESS, sizeof *reply);
    ExFreePoolWithTag(request, TAG);
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void fill(struct class_request *request, IRP *caller)
{
    struct double_class *wanted = caller->AssociatedIrp.SystemBuffer;
    SCSI_REQUEST_BLOCK *srb = &request->srb;

    RtlZeroMemory(request, sizeof *request);
    request->caller = caller;
    srb->Length = sizeof *srb;
    srb->Function = wanted->function;
    srb->CdbLength = sizeof wanted->cdb;
    RtlCopyMemory(srb->Cdb, wanted->cdb, sizeof wanted->cdb);
    srb->SenseInfoBuffer = request->sense;
    srb->SenseInfoBufferLength = sizeof request->sense;
    srb->DataTransferLength = min(wanted->length, sizeof wanted->data);
    srb->DataBuffer = wanted->data;
    srb->SrbFlags = SRB_FLAGS_NO_QUEUE_FREEZE | (wanted->out ? SRB_FLAGS_DATA_OUT
                                                             : SRB_FLAGS_DATA_IN);
}

NTSTATUS class_send(struct adapter *adapter, IRP *caller)
{
    const struct double_class *wanted = caller->AssociatedIrp.SystemBuffer;
    struct disk *disk = disk_at(adapter, ADDRESS(0, wanted->target));
    struct class_request *request = NULL;
    IO_STACK_LOCATION *stack;
    IRP *irp = disk ? IoAllocateIrp(disk->self->StackSize, FALSE) : NULL;

    if (irp)
        request = ExAllocatePoolWithTag(NonPagedPool, sizeof *request, TAG);
    if (!request) {
        if (irp)
            IoFreeIrp(irp);
        complete_irp(caller, STATUS_NO_SUCH_DEVICE, 0);
        return STATUS_NO_SUCH_DEVICE;
    }
    fill(request, caller);
    stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    stack->Parameters.Scsi.Srb = &request->srb;
    request->srb.OriginalRequest = irp;
    IoSetCompletionRoutine(irp, ended, request, TRUE, TRUE, TRUE);
    IoMarkIrpPending(caller);
    IoCallDriver(disk->self, irp);
    return STATUS_PENDING;
}

/* The completion routine of the driver between. */
static NTSTATUS NTAPI passes(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    (void)device;
    (void)irp;
    (void)context;
    return STATUS_SUCCESS;
}

/* The completion routine of the driver above. */
static NTSTATUS NTAPI stacked_ended(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    IRP *caller = context;

    (void)device;
    *(LONG *)caller->AssociatedIrp.SystemBuffer = irp->IoStatus.Status;
    complete_irp(caller, STATUS_SUCCESS, sizeof(LONG));
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS class_send_stacked(struct adapter *adapter, IRP *caller)
{
    IRP *irp = IoAllocateIrp(adapter->self->StackSize + 1, FALSE);

    if (!irp) {
        complete_irp(caller, STATUS_INSUFFICIENT_RESOURCES, 0);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    IoSetCompletionRoutine(irp, stacked_ended, caller, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL; /* of code 0 */
    IoSetCompletionRoutine(irp, passes, NULL, TRUE, TRUE, TRUE);
    IoMarkIrpPending(caller);
    IoCallDriver(adapter->self, irp);
    return STATUS_PENDING;
}
