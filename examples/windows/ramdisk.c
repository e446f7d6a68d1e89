/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winspd/winspd.h>

enum { BLOCK = 512, BLOCKS = 131072 }; /* 64 MiB */

static BOOLEAN ram_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 lba, UINT32 blocks,
    BOOLEAN fua, SPD_STORAGE_UNIT_STATUS *status)
{
    char *memory = unit->UserContext;
    memcpy(buffer, memory + lba * BLOCK, (size_t)blocks * BLOCK);
    return TRUE;
}

static BOOLEAN ram_write(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 lba, UINT32 blocks,
    BOOLEAN fua, SPD_STORAGE_UNIT_STATUS *status)
{
    char *memory = unit->UserContext;
    memcpy(memory + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    return TRUE;
}

static BOOLEAN ram_unmap(SPD_STORAGE_UNIT *unit, SPD_UNMAP_DESCRIPTOR ranges[], UINT32 count,
    SPD_STORAGE_UNIT_STATUS *status)
{
    char *memory = unit->UserContext;
    for (UINT32 i = 0; i < count; i++)
        memset(memory + ranges[i].BlockAddress * BLOCK, 0, (size_t)ranges[i].BlockCount * BLOCK);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE ram = {
    .Read = ram_read, .Write = ram_write, .Unmap = ram_unmap,
};

static SPD_GUARD guard = SPD_GUARD_INIT;

static BOOL WINAPI on_ctrl_c(DWORD event)
{
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
    return TRUE;
}

int wmain(int argc, wchar_t **argv)
{
    SPD_STORAGE_UNIT_PARAMS params = {
        .BlockCount = BLOCKS, .BlockLength = BLOCK, .MaxTransferLength = 65536,
        .ProductId = "RAM disk", .ProductRevisionLevel = "1.0", .UnmapSupported = 1,
        .Reserved = { SPD_IOCTL_MODERN_PROFILE | SPD_IOCTL_UNMAP_ZEROS },
    };
    SPD_STORAGE_UNIT *unit;
    void *memory = calloc(BLOCKS, BLOCK);
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;

    UuidCreate(&params.Guid);
    if (memory)
        error = SpdStorageUnitCreate(argc > 1 ? argv[1] : NULL, &params, &ram, &unit);
    if (error) {
        fprintf(stderr, "ramdisk: error %lu\n", error);
        return error;
    }
    unit->UserContext = memory;
    SpdGuardSet(&guard, unit);
    SetConsoleCtrlHandler(on_ctrl_c, TRUE);
    error = SpdStorageUnitStartDispatcher(unit, 2);
    if (!error) {
        printf("serving unit %u\n", SPD_IOCTL_BTL_T(unit->Btl));
        fflush(stdout);
        SpdStorageUnitWaitDispatcher(unit);
        SpdStorageUnitGetDispatcherError(unit, &error);
    }
    SpdGuardSet(&guard, NULL);
    SpdStorageUnitDelete(unit);
    free(memory);
    return error;
}
