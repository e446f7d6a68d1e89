/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A volume or a disk, around the system's cache. */

#include "stgtest/target.h"

#include <windows.h>
#include <winioctl.h>

#include <ntddscsi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_TRANSFER_LENGTH = 65536,
    TRANSFERS = 3, /* longer than the device takes at once, to see that the system cuts it well */
    TIMEOUT = 10,  /* seconds */
};

struct volume_target {
    struct target target; /* first */
    HANDLE volume;
};

static int transact(struct target *base, const struct transact_request *request, uint8_t *buffer,
    struct transact_response *response)
{
    struct volume_target *target = (struct volume_target *)base;
    DWORD length = request->blocks * base->block_length, moved = 0;
    uint64_t offset = request->lba * base->block_length;
    OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    BOOL ok = request->kind == TRANSACT_READ
        ? ReadFile(target->volume, buffer, length, &moved, &at)
        : WriteFile(target->volume, buffer, length, &moved, &at);

    if (!ok)
        return (int)GetLastError();
    if (moved != length)
        return ERROR_IO_DEVICE;
    *response = (struct transact_response){.hint = request->hint, .kind = request->kind};
    return 0;
}

static void close_target(struct target *base)
{
    struct volume_target *target = (struct volume_target *)base;

    if (target->volume != INVALID_HANDLE_VALUE)
        CloseHandle(target->volume);
    free(target);
}

static const struct target_ops volume_ops = {
    .transact = transact,
    .close = close_target,
};

/* VPD page B0h, MAXIMUM TRANSFER LENGTH (SBC-3 6.5.3); 0 when the disk does not say. */
static uint32_t limit_blocks(HANDLE volume)
{
    struct {
        SCSI_PASS_THROUGH header;
        uint8_t data[64];
    } command = {
        .header = {
            .Length = sizeof command.header,
            .CdbLength = 6,
            .DataIn = SCSI_IOCTL_DATA_IN,
            .DataTransferLength = sizeof command.data,
            .TimeOutValue = TIMEOUT,
            .DataBufferOffset = offsetof(__typeof__(command), data),
            .Cdb = {0x12, 0x01, 0xb0, 0, sizeof command.data},
        },
    };
    DWORD got;

    if (!DeviceIoControl(volume, IOCTL_SCSI_PASS_THROUGH, &command, sizeof command, &command,
            sizeof command, &got, NULL) ||
        command.header.ScsiStatus != 0 || command.data[1] != 0xb0)
        return 0;
    return (uint32_t)command.data[8] << 24 | (uint32_t)command.data[9] << 16 |
        (uint32_t)command.data[10] << 8 | command.data[11];
}

static int size_up(struct volume_target *target, const char *name)
{
    GET_LENGTH_INFORMATION length;
    DISK_GEOMETRY geometry;
    uint64_t limit;
    DWORD got;

    if (!DeviceIoControl(target->volume, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length,
            sizeof length, &got, NULL) ||
        !DeviceIoControl(target->volume, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry,
            sizeof geometry, &got, NULL))
        return target_fail(name, "cannot tell its size");
    target->target.block_length = geometry.BytesPerSector;
    target->target.block_count = (uint64_t)length.Length.QuadPart / geometry.BytesPerSector;
    limit = (uint64_t)limit_blocks(target->volume) * geometry.BytesPerSector;
    /* Some disks report more than anybody would want to allocate. */
    if (limit == 0 || limit > UINT32_MAX / TRANSFERS / 16)
        limit = DEFAULT_TRANSFER_LENGTH;
    limit -= limit % geometry.BytesPerSector;
    target->target.max_transfer_length = (uint32_t)limit * TRANSFERS;
    return 0;
}

int target_open_volume(const char *name, struct target **result)
{
    struct volume_target *target = calloc(1, sizeof *target);
    int error = 0;

    if (!target)
        return target_fail(name, "memory");
    target->target.ops = &volume_ops;
    target->target.allowed = "RW";
    target->target.cache = true;
    target->volume = CreateFileA(name, GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
        FILE_FLAG_NO_BUFFERING | FILE_FLAG_WRITE_THROUGH, NULL);
    if (target->volume == INVALID_HANDLE_VALUE)
        error = target_fail(name, "cannot open");
    if (error == 0)
        error = size_up(target, name);
    if (error) {
        close_target(&target->target);
        return error;
    }
    *result = &target->target;
    return 0;
}
