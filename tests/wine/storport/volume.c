/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A disk without a file system as the volume that it is. Its size is as Windows' RAW has it: a
 * block is an allocation unit, and none is free. Its lock belongs to one handle until that is
 * closed.
 */

#include "double.h"
#include <ntddk.h>

static ULONG size(const struct disk *disk, void *reply)
{
    FILE_FS_SIZE_INFORMATION *out = reply;

    out->TotalAllocationUnits.QuadPart = (LONGLONG)disk->block_count;
    out->SectorsPerAllocationUnit = 1;
    out->BytesPerSector = disk->block_length;
    return sizeof *out;
}

static ULONG full_size(const struct disk *disk, void *reply)
{
    FILE_FS_FULL_SIZE_INFORMATION *out = reply;

    out->TotalAllocationUnits.QuadPart = (LONGLONG)disk->block_count;
    out->SectorsPerAllocationUnit = 1;
    out->BytesPerSector = disk->block_length;
    return sizeof *out;
}

static ULONG device(const struct disk *disk, void *reply)
{
    FILE_FS_DEVICE_INFORMATION *out = reply;

    out->DeviceType = disk->self->DeviceType;
    out->Characteristics = disk->self->Characteristics;
    return sizeof *out;
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

    for (i = 0; i < sizeof answers / sizeof *answers; i++)
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

/* Any thread closes handles: the lock is taken and given back in one step. */
static NTSTATUS lock_volume(struct disk *disk, FILE_OBJECT *file)
{
    FILE_OBJECT *locker =
        InterlockedCompareExchangePointer((PVOID *)&disk->locker, file, NULL);

    if (locker && locker != file)
        return STATUS_ACCESS_DENIED;
    judge_note("volume %u is locked", (unsigned)disk->number);
    return STATUS_SUCCESS;
}

static BOOLEAN unlock(struct disk *disk, const FILE_OBJECT *file)
{
    PVOID *locker = (PVOID *)&disk->locker;

    if (!file || InterlockedCompareExchangePointer(locker, NULL, (PVOID)file) != file)
        return FALSE;
    judge_note("volume %u is unlocked", (unsigned)disk->number);
    return TRUE;
}

static NTSTATUS unlock_volume(struct disk *disk, FILE_OBJECT *file)
{
    return unlock(disk, file) ? STATUS_SUCCESS : STATUS_NOT_LOCKED;
}

/* Wine answers FSCTL_LOCK_VOLUME itself, so the dismount after it takes the lock. */
static NTSTATUS dismount_volume(struct disk *disk, FILE_OBJECT *file)
{
    NTSTATUS status = lock_volume(disk, file);

    if (!status)
        judge_note("volume %u is dismounted", (unsigned)disk->number);
    return status;
}

static const struct {
    ULONG code;
    NTSTATUS (*run)(struct disk *disk, FILE_OBJECT *file);
} controls[] = {
    { FSCTL_LOCK_VOLUME, lock_volume },
    { FSCTL_UNLOCK_VOLUME, unlock_volume },
    { FSCTL_DISMOUNT_VOLUME, dismount_volume },
};

BOOLEAN volume_control(struct disk *disk, IRP *irp, NTSTATUS *status)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    unsigned i;

    for (i = 0; i < sizeof controls / sizeof *controls; i++) {
        if (controls[i].code != stack->Parameters.DeviceIoControl.IoControlCode)
            continue;
        *status = controls[i].run(disk, stack->FileObject);
        complete_irp(irp, *status, 0);
        return TRUE;
    }
    return FALSE;
}

void volume_close(struct disk *disk, const FILE_OBJECT *file)
{
    unlock(disk, file);
}
