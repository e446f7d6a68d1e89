/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The driver as a program sees it that has its own handle and waits for each of its calls. Data
 * travel in the call: of a pointer to them (SCSI_PASS_THROUGH_DIRECT) Wine knows nothing, and the
 * StorPort double would have to reach into the caller.
 */

#include "drvbench.h"

#include <ntddscsi.h>
#include <stdlib.h>
#include <string.h>

#define IOCTL_SERVICE \
    CTL_CODE(IOCTL_SCSI_BASE, 0x040e, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

enum { SENSE_LENGTH = 32, TIMEOUT_S = 20, ATTEMPTS = 10, PATH_CHARS = 512 };

C_ASSERT(sizeof(SCSI_PASS_THROUGH) + SENSE_LENGTH <= CLIENT_HEADER);

void client_open(struct client *client)
{
    static WCHAR hardware_id[] = L"" SPD_IOCTL_HARDWARE_ID;
    WCHAR path[PATH_CHARS];
    DWORD error = SpdIoctlGetDevicePath(NULL, hardware_id, path, sizeof path);

    if (error)
        fail("there is no adapter: error %lu", error);
    client->device = CreateFileW(path, GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (client->device == INVALID_HANDLE_VALUE)
        fail("the adapter cannot be opened: error %lu", GetLastError());
    client->buffer = calloc(1, CLIENT_HEADER + TRANSFER_MAX);
    if (!client->buffer)
        fail("no memory");
}

void client_close(struct client *client)
{
    free(client->buffer);
    CloseHandle(client->device);
}

static UINT32 list(const struct client *client, UINT32 length, UINT32 *unit)
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };
    DWORD got;

    memcpy(client->buffer, &block, sizeof block);
    if (!DeviceIoControl(client->device, IOCTL_SERVICE, client->buffer,
            (DWORD)sizeof block + length, unit, sizeof *unit, &got, NULL))
        fail("the units cannot be listed: error %lu", GetLastError());
    return got / sizeof *unit;
}

void client_empty(const struct client *client, UINT32 length)
{
    UINT32 unit;

    list(client, length, &unit);
}

void client_refused(const struct client *client)
{
    SPD_IOCTL_BASE_PARAMS block = { sizeof block, 0xffff };
    DWORD got;

    if (DeviceIoControl(
            client->device, IOCTL_SERVICE, &block, sizeof block, NULL, 0, &got, NULL) ||
        GetLastError() != ERROR_INVALID_PARAMETER)
        fail("an unknown call is not refused: error %lu", GetLastError());
}

static UCHAR pass_through(const struct client *client, UINT32 btl, const UCHAR cdb[16],
    UCHAR direction, UINT32 length)
{
    SCSI_PASS_THROUGH *block = (void *)client->buffer;
    bool out = direction == SCSI_IOCTL_DATA_OUT;
    DWORD got;

    *block = (SCSI_PASS_THROUGH){
        .Length = sizeof *block,
        .TargetId = SPD_IOCTL_BTL_T(btl),
        .CdbLength = 16,
        .SenseInfoLength = SENSE_LENGTH,
        .SenseInfoOffset = sizeof *block,
        .DataIn = direction,
        .DataTransferLength = length,
        .TimeOutValue = TIMEOUT_S,
        .DataBufferOffset = CLIENT_HEADER,
    };
    memcpy(block->Cdb, cdb, 16);
    if (!DeviceIoControl(client->device, IOCTL_SCSI_PASS_THROUGH, block,
            CLIENT_HEADER + (out ? length : 0), block, CLIENT_HEADER + (out ? 0 : length), &got,
            NULL))
        fail("pass-through fails: error %lu", GetLastError());
    return block->ScsiStatus;
}

UINT32 client_unit(const struct client *client)
{
    static const UCHAR test_unit_ready[16];
    int attempts = 0;
    UINT32 unit;

    if (list(client, 0, &unit) != 1)
        fail("there is no unit");
    while (pass_through(client, unit, test_unit_ready, SCSI_IOCTL_DATA_UNSPECIFIED, 0))
        if (++attempts == ATTEMPTS)
            fail("the unit does not become ready");
    return unit;
}

static void put_be(UCHAR *to, UINT64 value, int length)
{
    while (length--) {
        to[length] = (UCHAR)value;
        value >>= 8;
    }
}

void client_move(
    const struct client *client, UINT32 btl, bool write, UINT64 place, UINT32 length)
{
    UCHAR cdb[16] = { write ? 0x8a : 0x88 }; /* WRITE (16), READ (16) */
    UCHAR status;

    put_be(cdb + 2, place / BLOCK, 8);
    put_be(cdb + 10, length / BLOCK, 4);
    status = pass_through(
        client, btl, cdb, write ? SCSI_IOCTL_DATA_OUT : SCSI_IOCTL_DATA_IN, length);
    if (status)
        fail("a %s ends with status %u", write ? "write" : "read", status);
}
