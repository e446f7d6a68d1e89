/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Answers of adapters and disks that do not ask the unit. */

#include "double.h"
#include <ntddstor.h>
#include <ntdddisk.h>

#define TEXT 72 /* bytes for one identification string */

struct device_descriptor {
    STORAGE_DEVICE_DESCRIPTOR header;
    char vendor[9];
    char product[17];
    char revision[5];
    char serial[TEXT];
};

/* As much as there is room for; the caller reads Size and asks again. */
static NTSTATUS answer(IRP *irp, const void *reply, ULONG length)
{
    ULONG room =
        IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.OutputBufferLength;

    length = min(length, room);
    RtlCopyMemory(caller_output(irp), reply, length);
    complete_irp(irp, STATUS_SUCCESS, length);
    return STATUS_SUCCESS;
}

static NTSTATUS refuse(IRP *irp, NTSTATUS status)
{
    complete_irp(irp, status, 0);
    return status;
}

static NTSTATUS answer_whole(IRP *irp, const void *reply, ULONG length)
{
    if (IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.OutputBufferLength < length)
        return refuse(irp, STATUS_BUFFER_TOO_SMALL);
    return answer(irp, reply, length);
}

/* A miniport without limits says 0xffffffff; a class driver allocates for what it reads here. */
#define MAX_TRANSFER 0x100000
#define MAX_PAGES (MAX_TRANSFER / PAGE_SIZE + 1) /* a buffer begins anywhere in its first page */

static ULONG max_transfer(const struct adapter *adapter)
{
    return min(adapter->config.MaximumTransferLength, MAX_TRANSFER);
}

static ULONG max_pages(const struct adapter *adapter)
{
    return min(adapter->config.NumberOfPhysicalBreaks, MAX_PAGES);
}

static NTSTATUS adapter_property(const struct adapter *adapter, IRP *irp)
{
    STORAGE_ADAPTER_DESCRIPTOR reply = {
        .Version = sizeof reply,
        .Size = sizeof reply,
        .MaximumTransferLength = max_transfer(adapter),
        .MaximumPhysicalPages = max_pages(adapter),
        .AlignmentMask = adapter->config.AlignmentMask,
        .CommandQueueing = adapter->config.TaggedQueuing,
        .BusType = 14, /* BusTypeVirtual */
        .BusMajorVersion = 1,
    };

    return answer(irp, &reply, sizeof reply);
}

static void copy_text(char *out, const UCHAR *in, unsigned length)
{
    unsigned i;

    for (i = 0; i < length && in[i]; i++)
        out[i] = (char)in[i];
    out[i] = 0;
}

static NTSTATUS device_property(const struct disk *disk, IRP *irp)
{
    struct device_descriptor reply;
    STORAGE_DEVICE_DESCRIPTOR *header = &reply.header;

    RtlZeroMemory(&reply, sizeof reply);
    header->Version = sizeof *header;
    header->Size = sizeof reply;
    header->DeviceType = disk->identity.inquiry[0] & 0x1f;
    header->RemovableMedia = disk->identity.inquiry[1] >> 7;
    header->CommandQueueing = (disk->identity.inquiry[7] & 2) != 0;
    header->VendorIdOffset = FIELD_OFFSET(struct device_descriptor, vendor);
    header->ProductIdOffset = FIELD_OFFSET(struct device_descriptor, product);
    header->ProductRevisionOffset = FIELD_OFFSET(struct device_descriptor, revision);
    header->SerialNumberOffset = FIELD_OFFSET(struct device_descriptor, serial);
    header->BusType = 14;
    copy_text(reply.vendor, disk->identity.inquiry + 8, 8);
    copy_text(reply.product, disk->identity.inquiry + 16, 16);
    copy_text(reply.revision, disk->identity.inquiry + 32, 4);
    copy_text(reply.serial, disk->identity.serial + 4, min(disk->identity.serial[3], TEXT - 1));
    return answer(irp, &reply, sizeof reply);
}

/* VPD page 83h as STORAGE_IDENTIFIERs: the four bytes of a designator's header spread out, and the
 * next one's place before the data. */
static NTSTATUS device_id_property(const struct disk *disk, IRP *irp)
{
    UCHAR reply[512];
    STORAGE_DEVICE_ID_DESCRIPTOR *header = (STORAGE_DEVICE_ID_DESCRIPTOR *)reply;
    ULONG at = FIELD_OFFSET(STORAGE_DEVICE_ID_DESCRIPTOR, Identifiers);
    ULONG page = 4, end = 4 + (ULONG)disk->ids[2] * 256 + disk->ids[3];

    RtlZeroMemory(reply, sizeof reply);
    end = min(end, sizeof disk->ids);
    while (page + 4 <= end && page + 4 + disk->ids[page + 3] <= end) {
        const UCHAR *designator = disk->ids + page;
        ULONG length = designator[3];
        ULONG size = (FIELD_OFFSET(STORAGE_IDENTIFIER, Identifier) + length + 3) & ~3u;
        STORAGE_IDENTIFIER *identifier = (STORAGE_IDENTIFIER *)(reply + at);

        if (at + size > sizeof reply)
            break;
        identifier->CodeSet = designator[0] & 15;
        identifier->Type = designator[1] & 15;
        identifier->Association = designator[1] >> 4 & 3;
        identifier->IdentifierSize = (USHORT)length;
        identifier->NextOffset = (USHORT)size;
        RtlCopyMemory(identifier->Identifier, designator + 4, length);
        header->NumberOfIdentifiers++;
        at += size;
        page += 4 + length;
    }
    header->Version = sizeof *header;
    header->Size = at;
    return answer(irp, reply, at);
}

static NTSTATUS query_property(const struct adapter *adapter, const struct disk *disk, IRP *irp)
{
    const STORAGE_PROPERTY_QUERY *query = irp->AssociatedIrp.SystemBuffer;
    ULONG in = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.InputBufferLength;
    STORAGE_PROPERTY_ID property;

    if (in < FIELD_OFFSET(STORAGE_PROPERTY_QUERY, AdditionalParameters))
        return refuse(irp, STATUS_INVALID_PARAMETER);
    property = query->PropertyId;
    if (property != StorageAdapterProperty &&
        (!disk || (property != StorageDeviceProperty && property != StorageDeviceIdProperty)))
        return refuse(irp, STATUS_INVALID_DEVICE_REQUEST);
    if (query->QueryType == PropertyExistsQuery)
        return refuse(irp, STATUS_SUCCESS);
    if (query->QueryType != PropertyStandardQuery)
        return refuse(irp, STATUS_NOT_SUPPORTED);
    if (property == StorageAdapterProperty)
        return adapter_property(adapter, irp);
    return property == StorageDeviceProperty ? device_property(disk, irp)
                                             : device_id_property(disk, irp);
}

NTSTATUS query_adapter(struct adapter *adapter, IRP *irp)
{
    return query_property(adapter, NULL, irp);
}

/* IOCTL_SCSI_GET_CAPABILITIES, of adapters and disks alike. */
NTSTATUS query_scsi_capabilities(struct adapter *adapter, IRP *irp)
{
    IO_SCSI_CAPABILITIES reply = {
        .Length = sizeof reply,
        .MaximumTransferLength = max_transfer(adapter),
        .MaximumPhysicalPages = max_pages(adapter),
        .AlignmentMask = adapter->config.AlignmentMask,
        .TaggedQueuing = adapter->config.TaggedQueuing,
    };

    return answer_whole(irp, &reply, sizeof reply);
}

static NTSTATUS geometry(const struct disk *disk, IRP *irp)
{
    DISK_GEOMETRY reply = {
        .MediaType = FixedMedia,
        .TracksPerCylinder = 255,
        .SectorsPerTrack = 63,
        .BytesPerSector = disk->block_length,
    };

    reply.Cylinders.QuadPart = (LONGLONG)(disk->block_count / (255 * 63));
    return answer_whole(irp, &reply, sizeof reply);
}

NTSTATUS query_disk(struct disk *disk, IRP *irp)
{
    ULONG code = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode;
    GET_LENGTH_INFORMATION length;
    STORAGE_DEVICE_NUMBER number;
    SCSI_ADDRESS address;

    switch (code) {
    case IOCTL_STORAGE_QUERY_PROPERTY:
        return query_property(disk->adapter, disk, irp);
    case IOCTL_DISK_GET_LENGTH_INFO:
        length.Length.QuadPart = (LONGLONG)(disk->block_count * disk->block_length);
        return answer_whole(irp, &length, sizeof length);
    case IOCTL_DISK_GET_DRIVE_GEOMETRY:
        return geometry(disk, irp);
    case IOCTL_STORAGE_GET_DEVICE_NUMBER:
        number.DeviceType = FILE_DEVICE_DISK;
        number.DeviceNumber = disk->number;
        number.PartitionNumber = 0;
        return answer_whole(irp, &number, sizeof number);
    case IOCTL_SCSI_GET_CAPABILITIES:
        return query_scsi_capabilities(disk->adapter, irp);
    case IOCTL_SCSI_GET_ADDRESS:
        address.Length = sizeof address;
        address.PortNumber = (UCHAR)disk->adapter->number;
        address.PathId = ADDRESS_BUS(disk->btl);
        address.TargetId = ADDRESS_TARGET(disk->btl);
        address.Lun = 0;
        return answer_whole(irp, &address, sizeof address);
    default:
        return refuse(irp, STATUS_INVALID_DEVICE_REQUEST);
    }
}
