/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The disk that the system has made of a unit. */

#include "client.h"
#include <winioctl.h>
#include <ntddscsi.h>

#define DISKS 64 /* numbers that are looked at */

/* Another adapter's disk may have the same address, and hold what nobody wants to lose. */
static BOOL is_ours(HANDLE disk)
{
    STORAGE_PROPERTY_QUERY query = {
        .PropertyId = StorageDeviceProperty, .QueryType = PropertyStandardQuery };
    union {
        STORAGE_DEVICE_DESCRIPTOR header;
        char text[1024];
    } reply = { 0 };

    return !device_control(disk, IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, &reply,
               sizeof reply - 1, NULL) &&
        reply.header.VendorIdOffset < sizeof reply &&
        !strcmp(reply.text + reply.header.VendorIdOffset, "WinSpd  ");
}

static HANDLE open_number(int number, DWORD access)
{
    char path[40];

    snprintf(path, sizeof path, "\\\\.\\PhysicalDrive%d", number);
    return CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
        FILE_FLAG_OVERLAPPED, NULL);
}

static UINT32 count_disks(void)
{
    UINT32 count = 0;
    int number;

    for (number = 0; number < DISKS; number++) {
        HANDLE disk = open_number(number, 0);

        if (disk == INVALID_HANDLE_VALUE)
            continue;
        count += is_ours(disk);
        CloseHandle(disk);
    }
    return count;
}

UINT32 disk_count(void)
{
    return has_double() ? double_state().disks : count_disks();
}

HANDLE disk_open(UINT32 btl)
{
    int number;

    for (number = 0; number < DISKS; number++) {
        SCSI_ADDRESS address;
        HANDLE disk = open_number(number, GENERIC_READ | GENERIC_WRITE);

        if (disk == INVALID_HANDLE_VALUE)
            continue;
        if (!device_control(
                disk, IOCTL_SCSI_GET_ADDRESS, NULL, 0, &address, sizeof address, NULL) &&
            address.TargetId == btl >> 8 && is_ours(disk))
            return disk;
        CloseHandle(disk);
    }
    return NULL;
}

DWORD disk_transfer(HANDLE disk, BOOL write, UINT64 offset, void *data, DWORD length)
{
    OVERLAPPED overlapped = { .Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32) };
    DWORD moved = 0;
    BOOL done;

    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    done = write ? WriteFile(disk, data, length, NULL, &overlapped)
                 : ReadFile(disk, data, length, NULL, &overlapped);
    if (!done && GetLastError() == ERROR_IO_PENDING) {
        CHECK_EQUAL(WaitForSingleObject(overlapped.hEvent, PATIENCE), WAIT_OBJECT_0);
        done = TRUE;
    }
    if (!done || !GetOverlappedResult(disk, &overlapped, &moved, FALSE))
        moved = 0;
    CloseHandle(overlapped.hEvent);
    return moved;
}
