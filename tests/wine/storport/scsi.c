/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests of a class driver above a unit's device: SRBs, by IRP_MJ_INTERNAL_DEVICE_CONTROL. */

#include "double.h"

#define SECONDS 60

static SCSI_REQUEST_BLOCK *srb_of(IRP *irp)
{
    return IoGetCurrentIrpStackLocation(irp)->Parameters.Scsi.Srb;
}

/* DataBuffer is an address within the MDL, where there is one; it need not be mapped. */
static UCHAR *data_of(IRP *irp)
{
    SCSI_REQUEST_BLOCK *srb = srb_of(irp);
    UCHAR *mapped;

    if (!irp->MdlAddress)
        return srb->DataBuffer;
    mapped = MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    return mapped ? mapped + ((UCHAR *)srb->DataBuffer -
                                 (UCHAR *)MmGetMdlVirtualAddress(irp->MdlAddress))
                  : NULL;
}

static NTSTATUS end(IRP *irp, UCHAR srb_status, NTSTATUS status)
{
    srb_of(irp)->SrbStatus = srb_status;
    complete_irp(irp, status, 0);
    return status;
}

static void scsi_done(struct request *request)
{
    IRP *irp = request->irp;
    SCSI_REQUEST_BLOCK *srb = srb_of(irp), *inner = &request->srb;
    ULONG moved = min(inner->DataTransferLength, request->length);
    NTSTATUS status = request_status(request);

    if (NT_SUCCESS(status) && inner->ScsiStatus)
        status = STATUS_IO_DEVICE_ERROR;
    if (moved && (srb->SrbFlags & SRB_FLAGS_DATA_IN))
        RtlCopyMemory(data_of(irp), request->buffer, moved);
    srb->SrbStatus = inner->SrbStatus;
    if (inner->SrbStatus & SRB_STATUS_AUTOSENSE_VALID) {
        if (srb->SenseInfoBuffer && !(srb->SrbFlags & SRB_FLAGS_DISABLE_AUTOSENSE))
            RtlCopyMemory(srb->SenseInfoBuffer, request->sense,
                min(srb->SenseInfoBufferLength, sizeof request->sense));
        else
            srb->SrbStatus &= ~SRB_STATUS_AUTOSENSE_VALID;
    }
    srb->ScsiStatus = inner->ScsiStatus;
    srb->DataTransferLength = moved;
    request_free(request);
    complete_irp(irp, status, moved);
}

static NTSTATUS pass_on(struct disk *disk, IRP *irp)
{
    SCSI_REQUEST_BLOCK *srb = srb_of(irp);
    ULONG length = srb->Function == SRB_FUNCTION_EXECUTE_SCSI ? srb->DataTransferLength : 0;
    struct request *request;

    if (length && !data_of(irp))
        return end(irp, SRB_STATUS_INVALID_REQUEST, STATUS_INSUFFICIENT_RESOURCES);
    request = request_new(disk->adapter, disk->btl, length);
    if (!request)
        return end(irp, SRB_STATUS_INTERNAL_ERROR, STATUS_INSUFFICIENT_RESOURCES);
    if (srb->Function == SRB_FUNCTION_EXECUTE_SCSI)
        request_set_cdb(request, srb->Cdb, min(srb->CdbLength, sizeof srb->Cdb),
            SCSI_IOCTL_DATA_UNSPECIFIED);
    request->srb.Function = srb->Function;
    request->srb.SrbFlags = srb->SrbFlags;
    request->srb.QueueAction = srb->QueueAction;
    request->irp = irp;
    request->done = scsi_done;
    if (length && (srb->SrbFlags & SRB_FLAGS_DATA_OUT))
        RtlCopyMemory(request->buffer, data_of(irp), length);
    IoMarkIrpPending(irp);
    request_issue(request, srb->TimeOutValue ? srb->TimeOutValue : SECONDS);
    return STATUS_PENDING;
}

/* A unit belongs to one class driver, which learns here what to send its SRBs to. */
static NTSTATUS claim(struct disk *disk, IRP *irp)
{
    if (InterlockedExchange(&disk->claimed, 1))
        return end(irp, SRB_STATUS_BUSY, STATUS_DEVICE_BUSY);
    srb_of(irp)->DataBuffer = disk->self;
    return end(irp, SRB_STATUS_SUCCESS, STATUS_SUCCESS);
}

NTSTATUS disk_scsi(struct disk *disk, IRP *irp)
{
    switch (srb_of(irp)->Function) {
    case SRB_FUNCTION_CLAIM_DEVICE:
        return claim(disk, irp);
    case SRB_FUNCTION_RELEASE_DEVICE:
        InterlockedExchange(&disk->claimed, 0);
        return end(irp, SRB_STATUS_SUCCESS, STATUS_SUCCESS);
    case SRB_FUNCTION_EXECUTE_SCSI:
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
    case SRB_FUNCTION_RESET_BUS:
    case SRB_FUNCTION_RESET_DEVICE:
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
        if (!disk->present || disk->adapter->stopping)
            return end(irp, SRB_STATUS_NO_DEVICE, STATUS_DEVICE_DOES_NOT_EXIST);
        return pass_on(disk, irp);
    case SRB_FUNCTION_LOCK_QUEUE:
    case SRB_FUNCTION_UNLOCK_QUEUE:
    case SRB_FUNCTION_RELEASE_QUEUE:
    case SRB_FUNCTION_FLUSH_QUEUE: /* no queue here is ever frozen */
        return end(irp, SRB_STATUS_SUCCESS, STATUS_SUCCESS);
    default:
        return end(irp, SRB_STATUS_INVALID_REQUEST, STATUS_INVALID_DEVICE_REQUEST);
    }
}
