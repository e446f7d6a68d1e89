/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reads, writes and flushes of a disk, as its class driver sends them. */

#include "double.h"

#define SECONDS 60
#define RETRIES 3

static ULONG retries_of(IRP *irp)
{
    return (ULONG)(ULONG_PTR)irp->Tail.Overlay.DriverContext[0];
}

static void set_retries(IRP *irp, ULONG retries)
{
    irp->Tail.Overlay.DriverContext[0] = (PVOID)(ULONG_PTR)retries;
}

static NTSTATUS sense_status(const UCHAR *sense)
{
    /* SPC-4 4.5.1: descriptor format keeps the key elsewhere. */
    UCHAR key = (sense[0] & 0x7f) >= 0x72 ? sense[1] & 15 : sense[2] & 15;
    UCHAR code = (sense[0] & 0x7f) >= 0x72 ? sense[2] : sense[12];

    switch (key) {
    case SCSI_SENSE_NOT_READY:
        return STATUS_DEVICE_NOT_READY;
    case SCSI_SENSE_MEDIUM_ERROR:
        return STATUS_DEVICE_DATA_ERROR;
    case SCSI_SENSE_DATA_PROTECT:
        return STATUS_MEDIA_WRITE_PROTECTED;
    case SCSI_SENSE_ILLEGAL_REQUEST:
        return code == 0x21 ? STATUS_NONEXISTENT_SECTOR : STATUS_INVALID_DEVICE_REQUEST;
    case SCSI_SENSE_UNIT_ATTENTION:
        return STATUS_VERIFY_REQUIRED;
    default:
        return STATUS_IO_DEVICE_ERROR;
    }
}

static NTSTATUS outcome(const struct request *request)
{
    NTSTATUS status = request_status(request);

    if (NT_SUCCESS(status) && request->srb.ScsiStatus == SCSISTAT_CHECK_CONDITION)
        return sense_status(request->sense);
    if (NT_SUCCESS(status) && request->srb.ScsiStatus)
        return STATUS_DEVICE_BUSY;
    return status;
}

static struct disk *disk_of(IRP *irp)
{
    return IoGetCurrentIrpStackLocation(irp)->DeviceObject->DeviceExtension;
}

static void put_be(UCHAR *out, ULONGLONG value, unsigned length)
{
    while (length--) {
        out[length] = (UCHAR)value;
        value >>= 8;
    }
}

static NTSTATUS start_transfer(struct disk *disk, IRP *irp);

static void transfer_done(struct request *request)
{
    IRP *irp = request->irp;
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = outcome(request);
    ULONG moved = min(request->srb.DataTransferLength, request->length);

    if (NT_SUCCESS(status) && stack->MajorFunction == IRP_MJ_READ)
        RtlCopyMemory(MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority),
            request->buffer, moved);
    request_free(request);
    if ((status == STATUS_VERIFY_REQUIRED || status == STATUS_DEVICE_BUSY) &&
        retries_of(irp) < RETRIES) {
        set_retries(irp, retries_of(irp) + 1);
        status = start_transfer(disk_of(irp), irp);
        if (status == STATUS_PENDING)
            return;
    }
    complete_irp(irp, status, NT_SUCCESS(status) ? moved : 0);
}

/* STATUS_PENDING: the IRP will be completed; anything else: it was not started. */
static NTSTATUS start_transfer(struct disk *disk, IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    BOOLEAN read = stack->MajorFunction == IRP_MJ_READ;
    ULONG length = stack->Parameters.Read.Length;
    ULONGLONG offset = (ULONGLONG)stack->Parameters.Read.ByteOffset.QuadPart;
    UCHAR cdb[16] = { read ? 0x88 : 0x8a };
    PVOID memory = MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    struct request *request;

    request = memory ? request_new(disk->adapter, disk->btl, length) : NULL;
    if (!request)
        return STATUS_INSUFFICIENT_RESOURCES;
    put_be(cdb + 2, offset / disk->block_length, 8);
    put_be(cdb + 10, length / disk->block_length, 4);
    request_set_cdb(request, cdb, 16, read ? SCSI_IOCTL_DATA_IN : SCSI_IOCTL_DATA_OUT);
    if (!read)
        RtlCopyMemory(request->buffer, memory, length);
    request->irp = irp;
    request->done = transfer_done;
    request_issue(request, SECONDS);
    return STATUS_PENDING;
}

NTSTATUS disk_read_write(struct disk *disk, IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    ULONG length = stack->Parameters.Read.Length;
    ULONGLONG offset = (ULONGLONG)stack->Parameters.Read.ByteOffset.QuadPart;
    ULONGLONG end = disk->block_count * disk->block_length;
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!length)
        status = STATUS_SUCCESS;
    else if (!(length % disk->block_length) && !(offset % disk->block_length) && offset <= end &&
        length <= end - offset)
        status = STATUS_PENDING;
    if (status == STATUS_PENDING) {
        set_retries(irp, 0);
        IoMarkIrpPending(irp);
        status = start_transfer(disk, irp);
        if (status == STATUS_PENDING)
            return STATUS_PENDING;
        complete_irp(irp, status, 0);
        return STATUS_PENDING;
    }
    complete_irp(irp, status, 0);
    return status;
}

static void adapter_flushed(struct request *request)
{
    IRP *irp = request->irp;
    NTSTATUS status = request_status(request);

    request_free(request);
    complete_irp(irp, status, 0);
}

static void cache_written(struct request *request)
{
    struct adapter *adapter = request->adapter;
    IRP *irp = request->irp;
    ULONG btl = disk_of(irp)->btl;
    NTSTATUS status = outcome(request);

    request_free(request);
    request = NULL;
    if (NT_SUCCESS(status) && adapter->config.CachesData)
        request = request_new(adapter, btl, 0);
    if (!request) {
        complete_irp(irp, status, 0);
        return;
    }
    request->srb.Function = (UCHAR)retries_of(irp);
    request->irp = irp;
    request->done = adapter_flushed;
    request_issue(request, SECONDS);
}

/* SYNCHRONIZE CACHE to the unit, then the SRB function to the adapter. */
NTSTATUS disk_flush(struct disk *disk, IRP *irp, UCHAR function)
{
    static const UCHAR cdb[10] = { 0x35 };
    struct request *request = request_new(disk->adapter, disk->btl, 0);

    if (!request) {
        complete_irp(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    set_retries(irp, function);
    request_set_cdb(request, cdb, 10, SCSI_IOCTL_DATA_UNSPECIFIED);
    request->srb.SrbFlags &= ~(ULONG)SRB_FLAGS_UNSPECIFIED_DIRECTION;
    request->irp = irp;
    request->done = cache_written;
    IoMarkIrpPending(irp);
    request_issue(request, SECONDS);
    return STATUS_PENDING;
}
