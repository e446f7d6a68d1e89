/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit whose product id is text becomes a disk of the system. */

#include "client.h"
#include <winioctl.h>
#include <winternl.h>
#include <ntddscsi.h>

static UINT32 btl;
static struct server server;

static void serve(const GUID *guid, BOOL protect)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(guid);

    params.BlockCount = 2048;
    params.MaxTransferLength = 8 * BLOCK;
    params.WriteProtected = protect;
    params.CacheSupported = 1;
    memcpy(params.ProductId, "Test disk       ", 16);
    memcpy(params.ProductRevisionLevel, "1.0 ", 4);
    btl = provision_good(&params);
    server_start(&server, &params, btl, 2);
}

static HANDLE begin_as(const GUID *guid, BOOL protect)
{
    ULONG kept = has_double() ? double_state().started : 0;
    HANDLE disk;

    serve(guid, protect);
    WAIT_UNTIL(!has_double() || double_state().started == kept + 1);
    WAIT_UNTIL((disk = disk_open(btl)));
    return disk;
}

static HANDLE begin(BOOL protect)
{
    return begin_as(&guid_a, protect);
}

static void end_as(const GUID *guid, HANDLE disk)
{
    CloseHandle(disk);
    CHECK_EQUAL(unprovision(guid), 0);
    server_end(&server);
    WAIT_UNTIL(disk_count() == 0);
}

static void end(HANDLE disk)
{
    end_as(&guid_a, disk);
}

static void reads_and_writes(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR *data = malloc(100 * BLOCK), *back = malloc(100 * BLOCK);

    fill_pattern(data, 11, 100, 0);
    CHECK_EQUAL(disk_transfer(disk, TRUE, 11 * BLOCK, data, 100 * BLOCK), 100 * BLOCK);
    CHECK_EQUAL(disk_transfer(disk, FALSE, 11 * BLOCK, back, 100 * BLOCK), 100 * BLOCK);
    CHECK(is_pattern(back, 11, 100, 0));
    CHECK(is_pattern(server.disk + 11 * BLOCK, 11, 100, 0));
    CHECK_EQUAL(disk_transfer(disk, FALSE, 2047 * BLOCK, back, BLOCK), BLOCK);
    CHECK_EQUAL(disk_transfer(disk, FALSE, 2048 * BLOCK, back, BLOCK), 0);
    CHECK_EQUAL(disk_transfer(disk, FALSE, 100, back, BLOCK), 0);
    free(data);
    free(back);
    end(disk);
}

static void a_flush_of_the_disk_reaches_the_server(void)
{
    HANDLE disk = begin(FALSE);
    LONG flushes = server.flushes;

    CHECK(FlushFileBuffers(disk));
    CHECK(server.flushes > flushes);
    CHECK_EQUAL(server.flush_count, 0);
    end(disk);
}

static void a_protected_disk_is_not_written(void)
{
    HANDLE disk = begin(TRUE);
    UCHAR data[BLOCK] = { 0 };

    CHECK_EQUAL(disk_transfer(disk, TRUE, 0, data, BLOCK), 0);
    CHECK_EQUAL(disk_transfer(disk, FALSE, 0, data, BLOCK), BLOCK);
    end(disk);
}

static void length_and_geometry(void)
{
    HANDLE disk = begin(FALSE);
    GET_LENGTH_INFORMATION length;
    DISK_GEOMETRY geometry;
    STORAGE_DEVICE_NUMBER number;

    CHECK_EQUAL(device_control(
        disk, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL), 0);
    CHECK_EQUAL(length.Length.QuadPart, 2048 * BLOCK);
    CHECK_EQUAL(device_control(
        disk, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry, sizeof geometry, NULL), 0);
    CHECK_EQUAL(geometry.BytesPerSector, BLOCK);
    CHECK_EQUAL(device_control(
        disk, IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0, &number, sizeof number, NULL), 0);
    CHECK_EQUAL(number.DeviceType, FILE_DEVICE_DISK);
    end(disk);
}

/* Programs that test disks without a file system ask for it. */
static void a_disk_has_a_size_as_a_volume(void)
{
    HANDLE disk = begin(FALSE);
    FILE_FS_SIZE_INFORMATION size = { 0 };
    FILE_FS_DEVICE_INFORMATION device = { 0 };
    IO_STATUS_BLOCK status;

    CHECK_EQUAL(NtQueryVolumeInformationFile(
        disk, &status, &size, sizeof size, FileFsSizeInformation), 0);
    CHECK_EQUAL(size.TotalAllocationUnits.QuadPart, 2048);
    CHECK_EQUAL(size.SectorsPerAllocationUnit, 1);
    CHECK_EQUAL(size.BytesPerSector, BLOCK);
    CHECK_EQUAL(NtQueryVolumeInformationFile(
        disk, &status, &device, sizeof device, FileFsDeviceInformation), 0);
    CHECK_EQUAL(device.DeviceType, FILE_DEVICE_DISK);
    end(disk);
}

static DWORD property(HANDLE disk, STORAGE_PROPERTY_ID id, void *out, DWORD room)
{
    STORAGE_PROPERTY_QUERY query = { .PropertyId = id, .QueryType = PropertyStandardQuery };
    DWORD moved;

    CHECK_EQUAL(device_control(
        disk, IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, out, room, &moved), 0);
    return moved;
}

static void properties(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR out[1024] = { 0 };
    const STORAGE_DEVICE_DESCRIPTOR *device = (const void *)out;
    const STORAGE_ADAPTER_DESCRIPTOR *bus = (const void *)out;

    property(disk, StorageDeviceProperty, out, sizeof out);
    CHECK(!strcmp((char *)out + device->VendorIdOffset, "WinSpd  "));
    CHECK(!strcmp((char *)out + device->ProductIdOffset, "Test disk       "));
    CHECK(!strcmp(
        (char *)out + device->SerialNumberOffset, "4112a9a1-f079-4f3d-ba53-2d5df27d28b5"));
    CHECK(!strcmp((char *)out + device->ProductRevisionOffset, "1.0 "));
    CHECK_EQUAL(device->RemovableMedia, FALSE);
    CHECK_EQUAL(device->CommandQueueing, TRUE);
    property(disk, StorageAdapterProperty, out, sizeof out);
    CHECK_EQUAL(bus->BusType, 14);
    if (has_double()) { /* a class driver allocates for these; Windows has its own */
        CHECK_EQUAL(bus->MaximumTransferLength, 1 << 20);
        CHECK_EQUAL(bus->MaximumPhysicalPages, 257);
    }
    property(adapter, StorageAdapterProperty, out, sizeof out);
    CHECK_EQUAL(bus->AlignmentMask, 0);
    CHECK_EQUAL(bus->CommandQueueing, TRUE);
    end(disk);
}

/* By which a shell offers to eject the disk, and ends the program that serves it. */
static void the_process_of_a_disk(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR out[1024] = { 0 }, wanted[8] = "PID ";
    const STORAGE_DEVICE_ID_DESCRIPTOR *ids = (const void *)out;
    const STORAGE_IDENTIFIER *id = (const void *)ids->Identifiers;
    DWORD process = GetCurrentProcessId(), i, found = 0;

    for (i = 0; i < 4; i++)
        wanted[4 + i] = (UCHAR)(process >> (24 - 8 * i));
    property(disk, StorageDeviceIdProperty, out, sizeof out);
    CHECK(ids->NumberOfIdentifiers > 1);
    for (i = 0; i < ids->NumberOfIdentifiers; i++) {
        found += id->CodeSet == StorageIdCodeSetBinary &&
            id->Type == StorageIdTypeVendorSpecific && id->Association == StorageIdAssocDevice &&
            id->IdentifierSize == sizeof wanted && !memcmp(id->Identifier, wanted, sizeof wanted);
        id = (const void *)((const UCHAR *)id + id->NextOffset);
    }
    CHECK_EQUAL(found, 1);
    end(disk);
}

/* As a class driver above the unit's device sends them. */
static struct double_class class_driver(UCHAR function, UCHAR opcode, UCHAR lba, DWORD length)
{
    struct double_class call = { .target = btl >> 8, .function = function, .length = length };

    call.cdb[0] = opcode;
    call.cdb[5] = lba;
    call.cdb[8] = (UCHAR)(length / BLOCK);
    call.out = opcode == 0x2a;
    if (call.out)
        memset(call.data, 0x5a, length);
    CHECK_EQUAL(device_control(
        adapter, DOUBLE_IOCTL_CLASS, &call, sizeof call, &call, sizeof call, NULL), 0);
    return call;
}

static void a_class_driver_is_served(void)
{
    enum { EXECUTE = 0x00, CLAIM = 0x01, RELEASE = 0x06, FLUSH = 0x08, GOOD = 1, BUSY = 5 };
    HANDLE disk = begin(FALSE);
    LONG flushes;
    struct double_class call;

    fill_pattern(server.disk + 3 * BLOCK, 3, 1, 0);
    CHECK_EQUAL(class_driver(CLAIM, 0, 0, 0).srb_status, GOOD);
    CHECK_EQUAL(class_driver(CLAIM, 0, 0, 0).srb_status, BUSY);
    call = class_driver(EXECUTE, 0x28, 3, BLOCK);
    CHECK_EQUAL(call.status, 0);
    CHECK_EQUAL(call.srb_status, GOOD);
    CHECK_EQUAL(call.length, BLOCK);
    CHECK(is_pattern(call.data, 3, 1, 0));
    CHECK_EQUAL(class_driver(EXECUTE, 0x2a, 4, BLOCK).srb_status, GOOD);
    CHECK_EQUAL(server.disk[4 * BLOCK], 0x5a);
    call = class_driver(EXECUTE, 0xc0, 0, 0);
    CHECK_EQUAL(call.srb_status, 0x84);
    CHECK_EQUAL(call.scsi_status, 2);
    CHECK_EQUAL(call.sense[12], 0x20);
    flushes = server.flushes;
    CHECK_EQUAL(class_driver(FLUSH, 0, 0, 0).srb_status, GOOD);
    CHECK(server.flushes > flushes);
    CHECK_EQUAL(class_driver(0x55, 0, 0, 0).srb_status, 6);
    CHECK_EQUAL(class_driver(RELEASE, 0, 0, 0).srb_status, GOOD);
    CHECK_EQUAL(class_driver(CLAIM, 0, 0, 0).srb_status, GOOD);
    end(disk);
}

static void capabilities(void)
{
    HANDLE disk = begin(FALSE);
    HANDLE devices[] = { adapter, disk };
    unsigned i;

    for (i = 0; i < 2; i++) {
        IO_SCSI_CAPABILITIES reply = { 0 };

        CHECK_EQUAL(device_control(devices[i], IOCTL_SCSI_GET_CAPABILITIES, NULL, 0, &reply,
            sizeof reply, NULL), 0);
        CHECK_EQUAL(reply.Length, sizeof reply);
        CHECK_EQUAL(reply.MaximumTransferLength, 1 << 20);
        CHECK_EQUAL(reply.MaximumPhysicalPages, 257);
        CHECK_EQUAL(reply.TaggedQueuing, TRUE);
    }
    end(disk);
}

static void the_adapter_passes_nothing_to_a_disk(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR data[36];
    struct scsi command = scsi_inquiry(btl, -1, data, sizeof data);

    scsi_run(&command);
    CHECK_EQUAL(command.error, ERROR_INVALID_FUNCTION);
    end(disk);
}

static void pass_through_of_the_disk(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR data[36];
    struct scsi command = scsi_inquiry(BTL(99), -1, data, sizeof data);

    /* A disk's address is its own, whatever the caller says. */
    command.device = disk;
    scsi_run(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK(!memcmp(data + 16, "Test disk", 9));
    end(disk);
}

/* As by an eject: the unit goes with its disk, and the program's transactions end. */
static void a_removed_disk_takes_its_unit(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR data[BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 1, 1, data);
    UINT32 list[4];
    DWORD bytes;

    server.delay = 200;
    command.device = disk;
    scsi_start(&command);
    WAIT_UNTIL(double_state().requests > 0);
    CHECK(double_number(DOUBLE_IOCTL_EJECT, btl));
    scsi_wait(&command);
    CHECK(command.error != 0 || command.status != 0);
    server_end(&server);
    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    CHECK_EQUAL(bytes, 0);
    CHECK_EQUAL(unprovision(&guid_a), ERROR_FILE_NOT_FOUND);
    WAIT_UNTIL(double_state().disks == 0);
    CloseHandle(disk);
}

static void a_disk_goes_with_io_in_flight(void)
{
    HANDLE disk = begin(FALSE);
    UCHAR data[BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 1, 1, data);
    LONG taken;

    server.delay = 200;
    taken = server.taken;
    command.device = disk;
    scsi_start(&command);
    WAIT_UNTIL(server.taken > taken);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    scsi_wait(&command);
    CHECK(command.error != 0 || command.status != 0);
    server_end(&server);
    CHECK_EQUAL(disk_transfer(disk, FALSE, 0, data, BLOCK), 0);
    CloseHandle(disk);
    WAIT_UNTIL(disk_count() == 0);
}

/* A kernel removes a disk that has gone only when no program has it open any more. */
static void a_kept_disk_hinders_no_other(void)
{
    HANDLE old = begin(FALSE), disk;
    GET_LENGTH_INFORMATION length;
    UCHAR data[BLOCK] = { 0 };

    double_number(DOUBLE_IOCTL_KEEP_GONE, TRUE);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    server_end(&server);
    WAIT_UNTIL(device_control(
        old, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL));
    disk = begin_as(&guid_b, FALSE);
    CHECK_EQUAL(btl, BTL(0));
    CHECK_EQUAL(double_state().disks, 2);
    CHECK_EQUAL(disk_transfer(disk, TRUE, 0, data, BLOCK), BLOCK);
    CHECK_EQUAL(disk_transfer(old, TRUE, 0, data, BLOCK), 0);
    double_number(DOUBLE_IOCTL_KEEP_GONE, FALSE);
    WAIT_UNTIL(double_state().disks == 1);
    CHECK_EQUAL(disk_transfer(disk, TRUE, 0, data, BLOCK), BLOCK);
    CloseHandle(old);
    end_as(&guid_b, disk);
}

/* Such as that of a server that ends as soon as it has begun. */
static void a_disk_goes_before_the_system_has_heard_of_it(void)
{
    double_number(DOUBLE_IOCTL_SILENT, TRUE);
    serve(&guid_a, FALSE);
    WAIT_UNTIL(double_state().disks == 1);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    server_end(&server);
    double_number(DOUBLE_IOCTL_SILENT, FALSE);
    WAIT_UNTIL(double_state().disks == 0);
    end(begin(FALSE));
}

const struct test disk_tests[] = {
    { "a disk reads and writes", reads_and_writes },
    { "a flush of the disk reaches the server", a_flush_of_the_disk_reaches_the_server },
    { "a protected disk is not written", a_protected_disk_is_not_written },
    { "length and geometry of a disk", length_and_geometry },
    { "the size of a disk as a volume", a_disk_has_a_size_as_a_volume },
    { "properties of a disk", properties },
    { "the process of a disk", the_process_of_a_disk },
    { "pass-through of a disk", pass_through_of_the_disk },
    { "pass-through of an adapter to a disk is refused", the_adapter_passes_nothing_to_a_disk },
    { "a class driver is served", a_class_driver_is_served, .needs = NEEDS_DOUBLE },
    { "capabilities of a disk and an adapter", capabilities, .needs = NEEDS_DOUBLE },
    { "a removed disk takes its unit", a_removed_disk_takes_its_unit, .needs = NEEDS_DOUBLE },
    { "a disk goes with I/O in flight", a_disk_goes_with_io_in_flight },
    { "a disk goes before the system has heard of it",
        a_disk_goes_before_the_system_has_heard_of_it, .needs = NEEDS_DOUBLE },
    { "a unit gets a disk while the last one's is kept",
        a_kept_disk_hinders_no_other, .needs = NEEDS_DOUBLE },
    { 0 }
};
