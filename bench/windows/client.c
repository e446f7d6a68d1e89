/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The driver as a program sees it that has its own handle and waits for each of its calls. Data
 * travel in the call (SCSI_PASS_THROUGH) or by a pointer to them (SCSI_PASS_THROUGH_DIRECT); of the
 * latter Wine knows nothing, and the StorPort double reaches into the caller.
 */

#include "drvbench.h"

#include <winioctl.h>
#include <ntddscsi.h>
#include <stdlib.h>
#include <string.h>

#define IOCTL_SERVICE \
    CTL_CODE(IOCTL_SCSI_BASE, 0x040e, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

enum { SENSE_LENGTH = 32, TIMEOUT_S = 20, ATTEMPTS = 10, PATH_CHARS = 512 };

C_ASSERT(sizeof(SCSI_PASS_THROUGH_DIRECT) + SENSE_LENGTH <= CLIENT_HEADER);

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

static UINT32 list(const struct client *client, UINT32 length, UINT32 units[2])
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };
    DWORD got;

    memcpy(client->buffer, &block, sizeof block);
    if (!DeviceIoControl(client->device, IOCTL_SERVICE, client->buffer,
            (DWORD)sizeof block + length, units, 2 * sizeof *units, &got, NULL))
        fail("the units cannot be listed: error %lu", GetLastError());
    return got / sizeof *units;
}

void client_answered(const struct client *client, UINT32 length)
{
    UINT32 units[2];

    list(client, length, units);
}

/* Nothing is sent to it, and without a product identification no disk is made of it. */
UINT32 client_own_unit(const struct client *client)
{
    static const SPD_IOCTL_STORAGE_UNIT_PARAMS params = {
        .Guid = { 0x6b0a51c2, 0x93d7, 0x4f0e, { 0x8c, 0x15, 0x2e, 0x4d, 0xb0, 0x6f, 0x71, 0x9a } },
        .BlockCount = 1,
        .BlockLength = BLOCK,
        .MaxTransferLength = BLOCK,
    };
    UINT32 unit;
    DWORD error = SpdIoctlProvision(client->device, &params, &unit);

    if (error)
        fail("a second unit cannot be created: error %lu", error);
    return unit;
}

void client_empty(const struct client *client, UINT32 own_unit)
{
    SPD_IOCTL_TRANSACT_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_TRANSACT },
        .Btl = own_unit,
        .RspValid = 1,
    };
    DWORD got;

    if (!DeviceIoControl(client->device, IOCTL_SERVICE, &block, sizeof block, &block, sizeof block,
            &got, NULL) ||
        got)
        fail("an answer to nothing is not ignored: error %lu", GetLastError());
}

void client_counts(const struct client *client, UINT32 btl, struct counts *counts)
{
    SPD_IOCTL_COUNTS_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_COUNTS }, .Dir.Par.Btl = btl,
    };
    DWORD got;

    if (!DeviceIoControl(client->device, IOCTL_SERVICE, &block, sizeof block, &block, sizeof block,
            &got, NULL))
        fail("the transactions cannot be counted: error %lu", GetLastError());
    counts->calls = block.Dir.Ret.Calls;
    counts->requests = block.Dir.Ret.Requests;
    counts->together = block.Dir.Ret.Together;
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

static UCHAR pass_through_direct(const struct client *client, UINT32 btl, const UCHAR cdb[16],
    UCHAR direction, UINT32 length)
{
    SCSI_PASS_THROUGH_DIRECT *block = (void *)client->buffer;
    DWORD got;

    *block = (SCSI_PASS_THROUGH_DIRECT){
        .Length = sizeof *block,
        .TargetId = SPD_IOCTL_BTL_T(btl),
        .CdbLength = 16,
        .SenseInfoLength = SENSE_LENGTH,
        .SenseInfoOffset = sizeof *block,
        .DataIn = direction,
        .DataTransferLength = length,
        .TimeOutValue = TIMEOUT_S,
        .DataBuffer = client->buffer + CLIENT_HEADER,
    };
    memcpy(block->Cdb, cdb, 16);
    if (!DeviceIoControl(client->device, IOCTL_SCSI_PASS_THROUGH_DIRECT, block, CLIENT_HEADER,
            block, CLIENT_HEADER, &got, NULL))
        fail("direct pass-through fails: error %lu", GetLastError());
    return block->ScsiStatus;
}

UINT32 client_unit(const struct client *client)
{
    static const UCHAR test_unit_ready[16];
    int attempts = 0;
    UINT32 units[2];

    if (list(client, 0, units) != 1)
        fail("there is not one unit");
    while (pass_through(client, units[0], test_unit_ready, SCSI_IOCTL_DATA_UNSPECIFIED, 0))
        if (++attempts == ATTEMPTS)
            fail("the unit does not become ready");
    return units[0];
}

static void put_be(UCHAR *to, UINT64 value, int length)
{
    while (length--) {
        to[length] = (UCHAR)value;
        value >>= 8;
    }
}

void client_move(
    const struct client *client, UINT32 btl, enum client_way way, UINT64 place, UINT32 length)
{
    bool write = way == CLIENT_WRITE || way == CLIENT_DIRECT_WRITE;
    bool direct = way == CLIENT_DIRECT_READ || way == CLIENT_DIRECT_WRITE;
    UCHAR direction = write ? SCSI_IOCTL_DATA_OUT : SCSI_IOCTL_DATA_IN;
    UCHAR cdb[16] = { write ? 0x8a : 0x88 }; /* WRITE (16), READ (16) */
    UCHAR status;

    put_be(cdb + 2, place / BLOCK, 8);
    put_be(cdb + 10, length / BLOCK, 4);
    status = direct ? pass_through_direct(client, btl, cdb, direction, length)
                    : pass_through(client, btl, cdb, direction, length);
    if (status)
        fail("a %s ends with status %u", write ? "write" : "read", status);
}
