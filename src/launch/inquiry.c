/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/inquiry.h"

#include <stdio.h>
#include <string.h>
#include <winioctl.h>

#include <ntddscsi.h>

enum { PAGE_MAX = 255, SENSE_MAX = 32, TIMEOUT_S = 10 };

static BOOL has_ended(DWORD process_id)
{
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, process_id);
    BOOL ended;

    if (!process)
        return GetLastError() != ERROR_ACCESS_DENIED;
    ended = WaitForSingleObject(process, 0) == WAIT_OBJECT_0;
    CloseHandle(process);
    return ended;
}

static BOOL inquire(HANDLE disk, struct launch_owner *owner)
{
    struct {
        SCSI_PASS_THROUGH header;
        UCHAR sense[SENSE_MAX], page[PAGE_MAX];
    } request = {
        .header = {
            .Length = sizeof request.header,
            .CdbLength = 6,
            .SenseInfoLength = SENSE_MAX,
            .DataIn = SCSI_IOCTL_DATA_IN,
            .DataTransferLength = PAGE_MAX,
            .TimeOutValue = TIMEOUT_S,
            .Cdb = { 0x12, 1, 0x83, 0, PAGE_MAX }, /* SPC-4 6.6, INQUIRY */
        },
    };
    DWORD bytes;

    request.header.DataBufferOffset = (ULONG)((char *)request.page - (char *)&request);
    request.header.SenseInfoOffset = (ULONG)((char *)request.sense - (char *)&request);
    return DeviceIoControl(disk, IOCTL_SCSI_PASS_THROUGH, &request, sizeof request, &request,
               sizeof request, &bytes, NULL) &&
           request.header.ScsiStatus == 0 && request.header.DataTransferLength <= PAGE_MAX &&
           launch_designator_read_page(request.page, request.header.DataTransferLength, owner);
}

void launch_inquiry_update(DWORD disk, struct launch_owner *owner)
{
    struct launch_owner now;
    wchar_t path[32];
    HANDLE device;

    if (!has_ended(owner->pid))
        return;
    _snwprintf(path, 32, L"\\\\.\\PhysicalDrive%lu", disk);
    device = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
        NULL, OPEN_EXISTING, 0, NULL);
    if (device == INVALID_HANDLE_VALUE)
        return;
    /* The number may be another disk's by now. */
    if (inquire(device, &now) && owner->has_guid && now.has_guid &&
        !memcmp(now.guid, owner->guid, sizeof now.guid))
        *owner = now;
    CloseHandle(device);
}
