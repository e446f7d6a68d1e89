/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit's physical device object. No class driver sits above it: transfer.c plays its part. */

#include "double.h"

NTSYSAPI int __cdecl _snwprintf(wchar_t *buffer, size_t size, const wchar_t *format, ...);

/* Wine's mount manager makes and deletes links of the numbers below for drives of its own. */
#define FIRST_NUMBER 10

static void disk_names(ULONG number, wchar_t *device, wchar_t *link, size_t count)
{
    _snwprintf(device, count, L"\\Device\\SpdDisk%u", (unsigned)number);
    _snwprintf(link, count, L"\\DosDevices\\PhysicalDrive%u", (unsigned)number);
}

struct disk **disk_slot(struct adapter *adapter, ULONG btl)
{
    if (ADDRESS_BUS(btl) >= MAX_BUSES || ADDRESS_TARGET(btl) >= SCSI_MAXIMUM_TARGETS_PER_BUS)
        return NULL;
    return &adapter->disks[ADDRESS_NUMBER(btl)];
}

struct disk *disk_at(struct adapter *adapter, ULONG btl)
{
    struct disk **slot = disk_slot(adapter, btl);

    return slot ? *slot : NULL;
}

struct disk *disk_create(struct adapter *adapter, ULONG btl)
{
    wchar_t name[48], link[48];
    UNICODE_STRING device_name, link_name;
    DEVICE_OBJECT *device;
    struct disk *disk;
    ULONG number;

    for (number = FIRST_NUMBER; number < 1024; number++) {
        disk_names(number, name, link, 48);
        RtlInitUnicodeString(&device_name, name);
        RtlInitUnicodeString(&link_name, link);
        if (IoCreateDevice(adapter->miniport->driver, sizeof(*disk), &device_name,
                FILE_DEVICE_DISK, FILE_DEVICE_SECURE_OPEN, FALSE, &device))
            continue;
        if (!IoCreateSymbolicLink(&link_name, &device_name))
            break;
        IoDeleteDevice(device);
    }
    if (number == 1024)
        return NULL;
    disk = device->DeviceExtension;
    RtlZeroMemory(disk, sizeof(*disk));
    disk->kind = DEVICE_DISK;
    disk->self = device;
    disk->adapter = adapter;
    disk->btl = btl;
    disk->number = number;
    disk->named = TRUE;
    *disk_slot(adapter, btl) = disk;
    device->Flags |= DO_DIRECT_IO | DO_BUS_ENUMERATED_DEVICE;
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    judge_note("disk %u is unit %u", (unsigned)number, ADDRESS_NUMBER(btl));
    return disk;
}

void disk_delete(struct disk *disk)
{
    wchar_t name[48], link[48];
    UNICODE_STRING link_name;

    disk_names(disk->number, name, link, 48);
    RtlInitUnicodeString(&link_name, link);
    if (disk->named)
        IoDeleteSymbolicLink(&link_name);
    disk->named = FALSE;
    if (disk_at(disk->adapter, disk->btl) == disk)
        *disk_slot(disk->adapter, disk->btl) = NULL;
    judge_note("disk %u is gone", (unsigned)disk->number);
    IoDeleteDevice(disk->self);
}

DEVICE_RELATIONS *disk_relations(struct adapter *adapter)
{
    DEVICE_RELATIONS *relations;
    unsigned i;

    relations = ExAllocatePoolWithTag(
        PagedPool, sizeof(*relations) + MAX_DISKS * sizeof(DEVICE_OBJECT *), TAG);
    if (!relations)
        return NULL;
    relations->Count = 0;
    for (i = 0; i < MAX_DISKS; i++) {
        struct disk *disk = adapter->disks[i];

        if (!disk)
            continue;
        disk->reported = disk->present;
        if (!disk->present)
            continue;
        ObReferenceObject(disk->self);
        relations->Objects[relations->Count++] = disk->self;
    }
    return relations;
}

static void text(wchar_t *out, const UCHAR *in, unsigned length, wchar_t space)
{
    unsigned i;

    for (i = 0; i < length; i++)
        out[i] = in[i] > ' ' && in[i] < 0x7f && in[i] != ',' ? in[i] : space;
    out[length] = 0;
}

/* One string, or two for the lists; the second NUL ends a list. */
static NTSTATUS query_id(const struct disk *disk, BUS_QUERY_ID_TYPE type, ULONG_PTR *information)
{
    wchar_t vendor[9], product[17], revision[5];
    wchar_t *id = ExAllocatePoolWithTag(PagedPool, 256, TAG);
    int length;

    if (!id)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(id, 256);
    text(vendor, disk->inquiry + 8, 8, L'_');
    text(product, disk->inquiry + 16, 16, L'_');
    text(revision, disk->inquiry + 32, 4, L'_');
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
        _snwprintf(id, 20, L"%06x", (unsigned)disk->btl);
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
    request = request_new(disk->adapter, disk->btl, sizeof(*asked));
    if (!request)
        return;
    asked = (STOR_DEVICE_CAPABILITIES *)request->buffer;
    RtlZeroMemory(asked, sizeof(*asked));
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
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_REMOVE_DEVICE:
        disk->started = FALSE;
        disk->claimed = FALSE;
        /* A disk that is still there stays: a rescan may start it again. */
        gone = !disk->present;
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_QUERY_DEVICE_RELATIONS:
        if (stack->Parameters.QueryDeviceRelations.Type == TargetDeviceRelation) {
            DEVICE_RELATIONS *self = ExAllocatePoolWithTag(PagedPool, sizeof(*self), TAG);

            status = self ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
            if (self) {
                ObReferenceObject(disk->self);
                self->Count = 1;
                self->Objects[0] = disk->self;
                irp->IoStatus.Information = (ULONG_PTR)self;
            }
        }
        break;
    case IRP_MN_SURPRISE_REMOVAL:
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
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

static NTSTATUS NTAPI removed(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    (void)device;
    (void)irp;
    (void)context;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

BOOLEAN disk_remove(struct disk *disk)
{
    IRP *irp = IoAllocateIrp(disk->self->StackSize, FALSE);
    IO_STACK_LOCATION *stack;
    NTSTATUS status;

    if (!irp)
        return FALSE;
    stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = IRP_MJ_PNP;
    stack->MinorFunction = IRP_MN_REMOVE_DEVICE;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    IoSetCompletionRoutine(irp, removed, NULL, TRUE, TRUE, TRUE);
    status = IoCallDriver(disk->self, irp); /* nobody pends it */
    IoFreeIrp(irp);
    return NT_SUCCESS(status);
}
