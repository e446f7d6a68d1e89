/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit's physical device object. No class driver sits above it: transfer.c plays its part. */

#include "double.h"

NTSYSAPI int __cdecl _snwprintf(wchar_t *buffer, size_t size, const wchar_t *format, ...);

/* Wine's mount manager makes and deletes links of the numbers below for drives of its own. */
#define FIRST_NUMBER 10

static const struct names disk_names = {
    .device = L"\\Device\\SpdDisk%u",
    .link = L"\\DosDevices\\PhysicalDrive%u",
    .type = FILE_DEVICE_DISK,
    .first = FIRST_NUMBER,
    .end = 1024,
};

/* NULL where there cannot be a disk. */
static struct disk **slot_of(struct adapter *adapter, ULONG btl)
{
    if (ADDRESS_BUS(btl) >= MAX_BUSES || ADDRESS_TARGET(btl) >= SCSI_MAXIMUM_TARGETS_PER_BUS)
        return NULL;
    return &adapter->slots[ADDRESS_NUMBER(btl)];
}

struct disk *disk_at(struct adapter *adapter, ULONG btl)
{
    struct disk **slot = slot_of(adapter, btl);

    return slot ? *slot : NULL;
}

struct disk *disk_create(struct adapter *adapter, ULONG btl)
{
    DEVICE_OBJECT *device;
    struct disk *disk;
    ULONG number;

    if (named_device_create(
            adapter->miniport->driver, &disk_names, sizeof *disk, &device, &number))
        return NULL;
    disk = device->DeviceExtension;
    RtlZeroMemory(disk, sizeof *disk);
    disk->kind = DEVICE_DISK;
    disk->self = device;
    disk->adapter = adapter;
    disk->btl = btl;
    disk->number = number;
    return disk;
}

void disk_appears(struct disk *disk)
{
    struct adapter *adapter = disk->adapter;
    KIRQL irql;

    disk->present = TRUE;
    KeAcquireSpinLock(&adapter->lock, &irql);
    InsertTailList(&adapter->disks, &disk->entry);
    *slot_of(adapter, disk->btl) = disk;
    KeReleaseSpinLock(&adapter->lock, irql);
    disk->self->Flags |= DO_DIRECT_IO | DO_BUS_ENUMERATED_DEVICE;
    disk->self->Flags &= ~DO_DEVICE_INITIALIZING;
    judge_note("disk %u is unit %u", (unsigned)disk->number, ADDRESS_NUMBER(disk->btl));
}

static void leave_slot(struct disk *disk)
{
    struct disk **slot = slot_of(disk->adapter, disk->btl);

    if (*slot == disk)
        *slot = NULL;
}

void disk_vanishes(struct disk *disk)
{
    struct adapter *adapter = disk->adapter;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    disk->present = FALSE;
    leave_slot(disk);
    KeReleaseSpinLock(&adapter->lock, irql);
    judge_note("unit %u is gone", ADDRESS_NUMBER(disk->btl));
}

void disk_delete(struct disk *disk)
{
    struct adapter *adapter = disk->adapter;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    RemoveEntryList(&disk->entry);
    leave_slot(disk);
    KeReleaseSpinLock(&adapter->lock, irql);
    named_device_unlink(&disk_names, disk->number);
    judge_note("disk %u is gone", (unsigned)disk->number);
    IoDeleteDevice(disk->self);
}

void disks_delete(struct adapter *adapter)
{
    while (!IsListEmpty(&adapter->disks))
        disk_delete(CONTAINING_RECORD(adapter->disks.Flink, struct disk, entry));
}

/* A test may keep what has gone: the PnP manager removes nothing that is open elsewhere. */
static BOOLEAN is_reported(const struct disk *disk)
{
    return disk->present || (disk->reported && disk->adapter->keeps_gone);
}

BOOLEAN disk_is_reported(struct disk *disk)
{
    BOOLEAN reported;
    KIRQL irql;

    KeAcquireSpinLock(&disk->adapter->lock, &irql);
    reported = disk->reported;
    KeReleaseSpinLock(&disk->adapter->lock, irql);
    return reported;
}

BOOLEAN disks_changed(struct adapter *adapter)
{
    BOOLEAN changed = FALSE;
    LIST_ENTRY *entry;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->disks.Flink; entry != &adapter->disks; entry = entry->Flink) {
        const struct disk *disk = CONTAINING_RECORD(entry, struct disk, entry);

        changed |= disk->reported != is_reported(disk);
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return changed;
}

static ULONG count_disks(const struct adapter *adapter)
{
    const LIST_ENTRY *entry;
    ULONG count = 0;

    for (entry = adapter->disks.Flink; entry != &adapter->disks; entry = entry->Flink)
        count++;
    return count;
}

DEVICE_RELATIONS *disk_relations(struct adapter *adapter)
{
    DEVICE_RELATIONS *relations;
    LIST_ENTRY *entry;
    ULONG room;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    room = count_disks(adapter);
    KeReleaseSpinLock(&adapter->lock, irql);
    relations = ExAllocatePoolWithTag(
        NonPagedPool, sizeof *relations + room * sizeof(DEVICE_OBJECT *), TAG);
    if (!relations)
        return NULL;
    relations->Count = 0;
    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->disks.Flink; entry != &adapter->disks; entry = entry->Flink) {
        struct disk *disk = CONTAINING_RECORD(entry, struct disk, entry);

        /* A disk that came meanwhile is reported the next time. */
        disk->reported = is_reported(disk) && relations->Count < room;
        if (!disk->reported)
            continue;
        ObReferenceObject(disk->self);
        relations->Objects[relations->Count++] = disk->self;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return relations;
}

static void text(wchar_t *out, const UCHAR *in, unsigned length, wchar_t space)
{
    unsigned i;

    for (i = 0; i < length; i++)
        out[i] = in[i] > ' ' && in[i] < 0x7f && in[i] != ',' ? in[i] : space;
    out[length] = 0;
}

/* A string, or two for the lists; the second NUL ends a list. */
static NTSTATUS query_id(const struct disk *disk, BUS_QUERY_ID_TYPE type, ULONG_PTR *information)
{
    wchar_t vendor[9], product[17], revision[5];
    wchar_t *id = ExAllocatePoolWithTag(PagedPool, 256, TAG);
    int length;

    if (!id)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(id, 256);
    text(vendor, disk->identity.inquiry + 8, 8, L'_');
    text(product, disk->identity.inquiry + 16, 16, L'_');
    text(revision, disk->identity.inquiry + 32, 4, L'_');
    switch (type) {
    case BusQueryDeviceID:
        _snwprintf(id, 120, L"SCSI\\Disk&Ven_%s&Prod_%s", vendor, product);
        break;
    case BusQueryHardwareIDs:
        length = _snwprintf(id, 100, L"SCSI\\Disk%s%s%s", vendor, product, revision);
        _snwprintf(id + length + 1, 20, L"GenDisk");
        break;
    case BusQueryCompatibleIDs:
        _snwprintf(id, 20, L"SCSI\\Disk");
        _snwprintf(id + 10, 20, L"SCSI\\RAW");
        break;
    case BusQueryInstanceID:
        /* Not of the address alone: a disk that has gone may still be there beside another. */
        _snwprintf(id, 20, L"%06x&%u", (unsigned)disk->btl, (unsigned)disk->number);
        break;
    default:
        ExFreePoolWithTag(id, TAG);
        return STATUS_NOT_SUPPORTED;
    }
    *information = (ULONG_PTR)id;
    return STATUS_SUCCESS;
}

/* The miniport may add to what the port says; on the thread that waits, it answers at once. */
static void query_capabilities(struct disk *disk, DEVICE_CAPABILITIES *capabilities)
{
    STOR_DEVICE_CAPABILITIES *asked;
    SCSI_PNP_REQUEST_BLOCK *srb;
    struct request *request;

    capabilities->RawDeviceOK = TRUE;
    capabilities->UniqueID = FALSE;
    capabilities->Address = ADDRESS_TARGET(disk->btl);
    request = request_new(disk->adapter, disk->btl, sizeof *asked);
    if (!request)
        return;
    asked = (STOR_DEVICE_CAPABILITIES *)request->buffer;
    RtlZeroMemory(asked, sizeof *asked);
    srb = (SCSI_PNP_REQUEST_BLOCK *)&request->srb;
    srb->Function = SRB_FUNCTION_PNP;
    srb->PnPAction = StorQueryCapabilities;
    srb->SrbFlags = SRB_FLAGS_DATA_IN;
    request_issue_and_wait(request, 30);
    if (SRB_STATUS(request->srb.SrbStatus) == SRB_STATUS_SUCCESS) {
        capabilities->Removable = asked->Removable;
        capabilities->SilentInstall = asked->SilentInstall;
        capabilities->SurpriseRemovalOK = asked->SurpriseRemovalOK;
        capabilities->EjectSupported = asked->EjectSupported;
    }
    request_free(request);
}

static NTSTATUS query_self(struct disk *disk, ULONG_PTR *information)
{
    DEVICE_RELATIONS *self = ExAllocatePoolWithTag(PagedPool, sizeof *self, TAG);

    if (!self)
        return STATUS_INSUFFICIENT_RESOURCES;
    ObReferenceObject(disk->self);
    self->Count = 1;
    self->Objects[0] = disk->self;
    *information = (ULONG_PTR)self;
    return STATUS_SUCCESS;
}

/* A PnP manager asks before it removes a disk that works, or says that the disk has gone. */
static void judge_removal(struct disk *disk)
{
    if (disk->started && !disk->leaving)
        judge_finding("a disk is removed past the PnP manager");
    disk->leaving = FALSE;
}

NTSTATUS disk_pnp(struct disk *disk, IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = irp->IoStatus.Status;
    BOOLEAN gone = FALSE;

    switch (stack->MinorFunction) {
    case IRP_MN_QUERY_ID:
        status = query_id(disk, stack->Parameters.QueryId.IdType, &irp->IoStatus.Information);
        break;
    case IRP_MN_QUERY_CAPABILITIES:
        query_capabilities(disk, stack->Parameters.DeviceCapabilities.Capabilities);
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_START_DEVICE:
        disk->started = TRUE;
        disk_announce(disk);
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_REMOVE_DEVICE:
        judge_removal(disk);
        disk_withdraw(disk);
        disk->started = FALSE;
        disk->claimed = FALSE;
        /* A disk that is still there stays: a rescan may start it again. */
        gone = !disk->present;
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_QUERY_DEVICE_RELATIONS:
        if (stack->Parameters.QueryDeviceRelations.Type == TargetDeviceRelation)
            status = query_self(disk, &irp->IoStatus.Information);
        break;
    case IRP_MN_SURPRISE_REMOVAL:
    case IRP_MN_QUERY_REMOVE_DEVICE:
        disk->leaving = TRUE;
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_CANCEL_REMOVE_DEVICE:
        disk->leaving = FALSE;
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_STOP_DEVICE:
        status = STATUS_SUCCESS;
        break;
    }
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    if (gone)
        disk_delete(disk);
    return status;
}
