/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The disk: as a program against winspd/winspd.h is one, with nothing of its own to slow it. */

#include "drvbench.h"

#include <stdio.h>
#include <string.h>

static UCHAR disk[DISK_LENGTH];

static BOOLEAN SPD_CALL disk_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    memcpy(buffer, disk + address * BLOCK, (size_t)count * BLOCK);
    return TRUE;
}

static BOOLEAN SPD_CALL disk_write(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    memcpy(disk + address * BLOCK, buffer, (size_t)count * BLOCK);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE disk_interface = { .Read = disk_read, .Write = disk_write };

/* Without a product identification no disk is made of it, which would have the adapter's
 * pass-through refused. */
static const SPD_STORAGE_UNIT_PARAMS disk_params = {
    .Guid = { 0x1f0c2b7e, 0x5d3a, 0x4c61, { 0xa2, 0x48, 0x77, 0x10, 0x9e, 0x31, 0xb5, 0x6d } },
    .BlockCount = DISK_LENGTH / BLOCK,
    .BlockLength = BLOCK,
    .CacheSupported = 1,
    .MaxTransferLength = TRANSFER_MAX,
};

int serve(ULONG threads)
{
    SPD_STORAGE_UNIT *unit;
    DWORD error = SpdStorageUnitCreate(NULL, &disk_params, &disk_interface, &unit);

    if (error)
        fail("the unit cannot be created: error %lu", error);
    error = SpdStorageUnitStartDispatcher(unit, threads);
    if (error)
        fail("the dispatcher does not start: error %lu", error);
    puts("serving");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    SpdStorageUnitShutdown(unit);
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherError(unit, &error);
    SpdStorageUnitDelete(unit);
    if (error)
        fail("the dispatcher has failed: error %lu", error);
    return 0;
}
