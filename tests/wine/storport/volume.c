/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The size of a disk without a file system. As Windows' RAW has it, a block is an allocation unit,
 * and none is free. */

#include "double.h"
#include <ntddk.h>

static ULONG size(const struct disk *disk, void *reply)
{
    FILE_FS_SIZE_INFORMATION *out = reply;

    out->TotalAllocationUnits.QuadPart = (LONGLONG)disk->block_count;
    out->SectorsPerAllocationUnit = 1;
    out->BytesPerSector = disk->block_length;
    return sizeof(*out);
}

static ULONG full_size(const struct disk *disk, void *reply)
{
    FILE_FS_FULL_SIZE_INFORMATION *out = reply;

    out->TotalAllocationUnits.QuadPart = (LONGLONG)disk->block_count;
    out->SectorsPerAllocationUnit = 1;
    out->BytesPerSector = disk->block_length;
    return sizeof(*out);
}

static ULONG device(const struct disk *disk, void *reply)
{
    FILE_FS_DEVICE_INFORMATION *out = reply;

    out->DeviceType = disk->self->DeviceType;
    out->Characteristics = disk->self->Characteristics;
    return sizeof(*out);
}

static const struct {
    FS_INFORMATION_CLASS kind;
    ULONG (*build)(const struct disk *disk, void *reply);
} answers[] = {
    { FileFsSizeInformation, size },
    { FileFsFullSizeInformation, full_size },
    { FileFsDeviceInformation, device },
};

NTSTATUS query_volume(const struct disk *disk, IRP *irp)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    ULONGLONG reply[8] = { 0 };
    ULONG length = 0;
    unsigned i;

    for (i = 0; i < sizeof(answers) / sizeof(*answers); i++)
        if (answers[i].kind == stack->Parameters.QueryVolume.FsInformationClass)
            length = answers[i].build(disk, reply);
    if (length)
        status = length <= stack->Parameters.QueryVolume.Length ? STATUS_SUCCESS
                                                                : STATUS_INFO_LENGTH_MISMATCH;
    if (!status)
        RtlCopyMemory(irp->AssociatedIrp.SystemBuffer, reply, length);
    complete_irp(irp, status, status ? 0 : length);
    return status;
}
