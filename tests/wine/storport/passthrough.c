/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* IOCTL_SCSI_PASS_THROUGH and _DIRECT, on the adapter for any unit and on a disk for its own. */

#include "double.h"

/* The two structures are alike up to the data's place. */
C_ASSERT(FIELD_OFFSET(SCSI_PASS_THROUGH, DataBufferOffset) ==
    FIELD_OFFSET(SCSI_PASS_THROUGH_DIRECT, DataBuffer));

static BOOLEAN is_direct(IRP *irp)
{
    return IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode ==
        IOCTL_SCSI_PASS_THROUGH_DIRECT;
}

static void return_sense(const struct request *request, UCHAR *buffer, SCSI_PASS_THROUGH *header)
{
    ULONG offset = is_direct(request->irp) ? ((SCSI_PASS_THROUGH_DIRECT *)header)->SenseInfoOffset
                                           : header->SenseInfoOffset;

    if (!(request->srb.SrbStatus & SRB_STATUS_AUTOSENSE_VALID)) {
        header->SenseInfoLength = 0;
        return;
    }
    header->SenseInfoLength = min(header->SenseInfoLength, request->srb.SenseInfoBufferLength);
    RtlCopyMemory(buffer + offset, request->sense, header->SenseInfoLength);
}

static void pass_through_done(struct request *request)
{
    IRP *irp = request->irp;
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    UCHAR *buffer = irp->AssociatedIrp.SystemBuffer;
    SCSI_PASS_THROUGH *header = (SCSI_PASS_THROUGH *)buffer;
    ULONG room = stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG moved = min(request->srb.DataTransferLength, request->length);
    NTSTATUS status = request_status(request);
    ULONG information;

    header->ScsiStatus = request->srb.ScsiStatus;
    header->DataTransferLength = moved;
    return_sense(request, buffer, header);
    information = max(sizeof *header, header->SenseInfoOffset + header->SenseInfoLength);
    if (is_direct(irp)) {
        SCSI_PASS_THROUGH_DIRECT *direct = (SCSI_PASS_THROUGH_DIRECT *)buffer;

        information = direct->SenseInfoOffset + direct->SenseInfoLength;
        information = max(sizeof *direct, information);
        if (header->DataIn == SCSI_IOCTL_DATA_IN && moved && NT_SUCCESS(status) &&
            !caller_write(&request->caller, request->buffer, moved))
            status = STATUS_ACCESS_VIOLATION;
    } else if (header->DataIn == SCSI_IOCTL_DATA_IN && moved) {
        RtlCopyMemory(buffer + header->DataBufferOffset, request->buffer, moved);
        information = max(information, (ULONG)header->DataBufferOffset + moved);
    }
    caller_close(&request->caller);
    request_free(request);
    complete_irp(irp, status, NT_SUCCESS(status) ? min(information, room) : 0);
}

static BOOLEAN inside(ULONG_PTR offset, ULONG length, ULONG room)
{
    return offset <= room && length <= room - offset;
}

static NTSTATUS check(IRP *irp, const SCSI_PASS_THROUGH *header, BOOLEAN direct)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    ULONG in = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG out = stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG size = direct ? sizeof(SCSI_PASS_THROUGH_DIRECT) : sizeof *header;
    ULONG sense;

    if (in < size)
        return STATUS_INVALID_PARAMETER;
    if (header->Length != size)
        return STATUS_REVISION_MISMATCH;
    sense = direct ? ((const SCSI_PASS_THROUGH_DIRECT *)header)->SenseInfoOffset
                   : header->SenseInfoOffset;
    if (header->CdbLength > 16 || header->DataIn > SCSI_IOCTL_DATA_UNSPECIFIED)
        return STATUS_INVALID_PARAMETER;
    if (header->SenseInfoLength && !inside(sense, header->SenseInfoLength, out))
        return STATUS_INVALID_PARAMETER;
    if (header->DataTransferLength > 64 << 20)
        return STATUS_INVALID_PARAMETER;
    if (direct || !header->DataTransferLength)
        return STATUS_SUCCESS;
    return inside(header->DataBufferOffset, header->DataTransferLength,
               header->DataIn == SCSI_IOCTL_DATA_OUT ? in : out)
        ? STATUS_SUCCESS
        : STATUS_INVALID_PARAMETER;
}

static NTSTATUS fetch_data(struct request *request, const UCHAR *buffer)
{
    const SCSI_PASS_THROUGH *header = (const SCSI_PASS_THROUGH *)buffer;

    if (header->DataIn != SCSI_IOCTL_DATA_OUT) {
        /* The rest of a data-in buffer that a unit leaves must not be another's memory. */
        RtlZeroMemory(request->buffer, request->length);
        return STATUS_SUCCESS;
    }
    if (!is_direct(request->irp)) {
        RtlCopyMemory(request->buffer, buffer + header->DataBufferOffset, request->length);
        return STATUS_SUCCESS;
    }
    return caller_read(&request->caller, request->buffer, request->length)
        ? STATUS_SUCCESS
        : STATUS_ACCESS_VIOLATION;
}

/* Windows: once a unit is a disk, what is sent to the adapter for it is for its class driver. */
static BOOLEAN belongs_to_a_disk(struct adapter *adapter, const SCSI_PASS_THROUGH *header)
{
    const struct disk *disk = disk_at(adapter, ADDRESS(header->PathId, header->TargetId));

    return !header->Lun && disk && disk->present &&
        (disk->started || disk->claimed);
}

NTSTATUS pass_through(struct adapter *adapter, IRP *irp, ULONG code, const struct disk *disk)
{
    SCSI_PASS_THROUGH *header = irp->AssociatedIrp.SystemBuffer;
    NTSTATUS status = check(irp, header, code == IOCTL_SCSI_PASS_THROUGH_DIRECT);
    struct request *request = NULL;
    ULONG btl, seconds;

    if (!status && !disk && belongs_to_a_disk(adapter, header))
        status = STATUS_INVALID_DEVICE_REQUEST;
    if (!status) {
        btl = disk ? disk->btl : ADDRESS(header->PathId, header->TargetId) | header->Lun;
        request = request_new(adapter, btl, header->DataTransferLength);
        status = request ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!status) {
        request->irp = irp;
        request->done = pass_through_done;
        if (is_direct(irp) && request->length &&
            !caller_open(&request->caller, irp, ((SCSI_PASS_THROUGH_DIRECT *)header)->DataBuffer,
                request->length, header->DataIn == SCSI_IOCTL_DATA_IN))
            status = STATUS_ACCESS_VIOLATION;
        else
            status = fetch_data(request, (const UCHAR *)header);
    }
    if (status) {
        if (request) {
            caller_close(&request->caller);
            request_free(request);
        }
        complete_irp(irp, status, 0);
        return status;
    }
    request_set_cdb(request, header->Cdb, header->CdbLength, header->DataIn);
    seconds = header->TimeOutValue ? header->TimeOutValue : 10;
    IoMarkIrpPending(irp);
    request_issue(request, seconds);
    gather_asked(adapter);
    return STATUS_PENDING;
}
