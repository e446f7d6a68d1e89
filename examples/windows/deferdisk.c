/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A RAM disk against winspd/winspd.h whose reads and writes are answered later, by the system's
 * thread pool: as a disk does whose blocks come over a network.
 *
 *     deferdisk [NAME]      ends with Enter, or with its input
 *
 * NAME is \\.\pipe\NAME or iscsi://127.0.0.1:3260/IQN; without it the disk is one of this system,
 * by the driver. It uses nothing that the original's DLL lacks.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winspd/winspd.h>

enum { BLOCK = 512, BLOCKS = 65536, TRANSFER = 65536 };

static UCHAR *memory;
static volatile LONG jobs; /* requests without an answer */

struct job {
    SPD_STORAGE_UNIT *unit;
    SPD_IOCTL_TRANSACT_REQ request;
    UCHAR data[TRANSFER];
};

static DWORD WINAPI work(PVOID argument)
{
    struct job *job = argument;
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = job->request.Hint, .Kind = job->request.Kind };
    /* Read and Write lie in the same place. */
    size_t length = (size_t)job->request.Op.Read.BlockCount * BLOCK;
    UCHAR *at = memory + job->request.Op.Read.BlockAddress * BLOCK;

    if (response.Kind == SpdIoctlTransactReadKind)
        memcpy(job->data, at, length);
    else
        memcpy(at, job->data, length);
    SpdStorageUnitSendResponse(job->unit, &response, job->data);
    free(job);
    InterlockedDecrement(&jobs);
    return 0;
}

/* The request and the data of a write are copied: they are not ours after the return. */
static BOOLEAN defer(
    SPD_STORAGE_UNIT *unit, PVOID buffer, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    SPD_STORAGE_UNIT_OPERATION_CONTEXT *context = SpdStorageUnitGetOperationContext();
    struct job *job = malloc(sizeof *job);

    if (!job) {
        status->ScsiStatus = SCSISTAT_BUSY;
        return TRUE;
    }
    job->unit = unit;
    job->request = *context->Request;
    if (job->request.Kind == SpdIoctlTransactWriteKind)
        memcpy(job->data, buffer, (size_t)count * BLOCK);
    InterlockedIncrement(&jobs);
    if (!QueueUserWorkItem(work, job, WT_EXECUTEDEFAULT))
        work(job);
    return FALSE;
}

static BOOLEAN SPD_CALL Read(SPD_STORAGE_UNIT *StorageUnit, PVOID Buffer, UINT64 BlockAddress,
    UINT32 BlockCount, BOOLEAN Flush, SPD_STORAGE_UNIT_STATUS *Status)
{
    return defer(StorageUnit, Buffer, BlockCount, Status);
}

static BOOLEAN SPD_CALL Write(SPD_STORAGE_UNIT *StorageUnit, PVOID Buffer, UINT64 BlockAddress,
    UINT32 BlockCount, BOOLEAN Flush, SPD_STORAGE_UNIT_STATUS *Status)
{
    return defer(StorageUnit, Buffer, BlockCount, Status);
}

static const SPD_STORAGE_UNIT_INTERFACE interface_of_disk = { .Read = Read, .Write = Write };

static SPD_GUARD guard = SPD_GUARD_INIT;

static BOOL WINAPI control(DWORD type)
{
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
    return TRUE;
}

static DWORD WINAPI wait_for_enter(PVOID argument)
{
    getchar();
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
    return 0;
}

int wmain(int argc, wchar_t **argv)
{
    SPD_STORAGE_UNIT_PARAMS params = {
        .BlockCount = BLOCKS,
        .BlockLength = BLOCK,
        .ProductId = "DeferDisk",
        .ProductRevisionLevel = "1.0",
        .MaxTransferLength = TRANSFER,
        .Reserved = { SPD_IOCTL_MODERN_PROFILE },
    };
    SPD_STORAGE_UNIT *unit;
    DWORD error;

    /* Stable, so that Windows knows the disk again. */
    params.Guid = (GUID){ 0x5d2c1c6e, 0x9a3f, 0x4e0a,
        { 0x8b, 0x11, 0x3f, 0x6d, 0x20, 0x7c, 0x5e, 0x9d } };
    memory = calloc(BLOCKS, BLOCK);
    if (!memory)
        return ERROR_NOT_ENOUGH_MEMORY;
    error = SpdStorageUnitCreate(argc > 1 ? argv[1] : NULL, &params, &interface_of_disk, &unit);
    if (error != 0) {
        fprintf(stderr, "deferdisk: cannot create the storage unit: error %lu\n", error);
        return error;
    }
    SpdGuardSet(&guard, unit);
    SetConsoleCtrlHandler(control, TRUE);
    CloseHandle(CreateThread(NULL, 0, wait_for_enter, NULL, 0, NULL));
    error = SpdStorageUnitStartDispatcher(unit, 2);
    if (error == 0) {
        /* Behind a pipe, clients open NAME\T for the unit 0:T:0. */
        printf("serving unit %u (Enter ends)\n", SPD_IOCTL_BTL_T(unit->Btl));
        fflush(stdout);
        SpdStorageUnitWaitDispatcher(unit);
        SpdStorageUnitGetDispatcherError(unit, &error);
    }
    SpdGuardSet(&guard, NULL);
    while (jobs > 0)
        Sleep(1);
    SpdStorageUnitDelete(unit);
    return error;
}
