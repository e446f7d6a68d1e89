/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "disk.h"

#include <string.h>

UCHAR disk_memory[DISK_BLOCKS * DISK_BLOCK];
volatile LONG disk_reads, disk_writes, disk_flushes, disk_unmaps, disk_through;
volatile LONG disk_contexts;
volatile LONG disk_held;
SPD_IOCTL_TRANSACT_REQ disk_hold[DISK_HELD_MAX];

static const SPD_IOCTL_TRANSACT_REQ *context_request(void)
{
    SPD_STORAGE_UNIT_OPERATION_CONTEXT *context = SpdStorageUnitGetOperationContext();

    if (context && context->Request->Hint && context->Response->Hint == context->Request->Hint)
        InterlockedIncrement(&disk_contexts);
    return context ? context->Request : NULL;
}

static BOOLEAN SPD_CALL disk_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    const SPD_IOCTL_TRANSACT_REQ *request = context_request();

    (void)unit;
    (void)status;
    InterlockedIncrement(&disk_reads);
    if (flush)
        InterlockedIncrement(&disk_through);
    if (address >= DISK_DEFERRED) {
        disk_hold[disk_held] = *request;
        InterlockedIncrement(&disk_held);
        return FALSE;
    }
    memcpy(buffer, disk_memory + address * DISK_BLOCK, (size_t)count * DISK_BLOCK);
    return TRUE;
}

static BOOLEAN SPD_CALL disk_write(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    UINT64 bad = address;

    (void)unit;
    (void)flush;
    context_request();
    InterlockedIncrement(&disk_writes);
    if (address == 13) {
        SpdStorageUnitStatusSetSense(status, SCSI_SENSE_MEDIUM_ERROR, 0x0c, &bad);
        return TRUE;
    }
    memcpy(disk_memory + address * DISK_BLOCK, buffer, (size_t)count * DISK_BLOCK);
    return TRUE;
}

static BOOLEAN SPD_CALL disk_flush(
    SPD_STORAGE_UNIT *unit, UINT64 address, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)address;
    (void)count;
    (void)status;
    InterlockedIncrement(&disk_flushes);
    return TRUE;
}

static BOOLEAN SPD_CALL disk_unmap(SPD_STORAGE_UNIT *unit, SPD_UNMAP_DESCRIPTOR descriptors[],
    UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)status;
    for (UINT32 i = 0; i < count; i++)
        memset(disk_memory + descriptors[i].BlockAddress * DISK_BLOCK, 0,
            (size_t)descriptors[i].BlockCount * DISK_BLOCK);
    InterlockedIncrement(&disk_unmaps);
    return TRUE;
}

const SPD_STORAGE_UNIT_INTERFACE disk_interface = {
    .Read = disk_read,
    .Write = disk_write,
    .Flush = disk_flush,
    .Unmap = disk_unmap,
};

SPD_STORAGE_UNIT_PARAMS disk_params(void)
{
    SPD_STORAGE_UNIT_PARAMS params = {
        .Guid = { 0x8f1e5a30, 0x21c4, 0x4f0b, { 0x93, 0x5d, 0x10, 0x6e, 0x7b, 0x2c, 0x4d, 0x01 } },
        .BlockCount = DISK_BLOCKS,
        .BlockLength = DISK_BLOCK,
        .ProductId = "test",
        .ProductRevisionLevel = "1.0",
        .CacheSupported = 1,
        .UnmapSupported = 1,
        .MaxTransferLength = DISK_TRANSFER,
    };

    return params;
}

SPD_STORAGE_UNIT *disk_start(PWSTR name, const SPD_STORAGE_UNIT_PARAMS *params, ULONG threads)
{
    SPD_STORAGE_UNIT *unit;
    DWORD error = SpdStorageUnitCreate(name, params, &disk_interface, &unit);

    CHECK(error == 0);
    if (error)
        return NULL;
    disk_reads = disk_writes = disk_flushes = disk_unmaps = disk_through = 0;
    disk_contexts = disk_held = 0;
    CHECK(SpdStorageUnitStartDispatcher(unit, threads) == 0);
    return unit;
}

DWORD disk_end(SPD_STORAGE_UNIT *unit)
{
    DWORD error;

    SpdStorageUnitShutdown(unit);
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherError(unit, &error);
    SpdStorageUnitDelete(unit);
    return error;
}

void disk_answer(SPD_STORAGE_UNIT *unit, const SPD_IOCTL_TRANSACT_REQ *request)
{
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = request->Hint, .Kind = request->Kind };

    SpdStorageUnitSendResponse(
        unit, &response, disk_memory + request->Op.Read.BlockAddress * DISK_BLOCK);
}

bool disk_await(const volatile LONG *counter, LONG value)
{
    enum { TRIES = 1000, PAUSE_MS = 10 };

    for (int i = 0; i < TRIES && *counter < value; i++)
        Sleep(PAUSE_MS);
    return *counter == value;
}
