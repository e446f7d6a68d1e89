/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * serve [-d] [-m] [-n] [-s] URI...: a RAM disk behind each URI, in one process, until a line comes
 * in. -d: every response is deferred to the system's thread pool; -m: the units have the modern
 * profile; -n: no response comes; -s: no call moves more than a block.
 *
 * Says "serving URI" of each, "holding" of what it does not answer, and "ended ERROR" with what it
 * has seen.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spd/spd.h>
#include <winspd/winspd.h>

enum { BLOCK = 512, BLOCKS = 32768, TRANSFER = 16384, DISKS_MAX = 4, THREADS = 3 };

struct disk {
    SPD_STORAGE_UNIT *unit;
    UCHAR *memory;
    volatile LONG calls, largest, after_last_flush, strange;
    volatile LONG flushes, last_flushes, unmapped;
};

struct work {
    struct disk *disk;
    SPD_IOCTL_TRANSACT_REQ request;
    UCHAR data[TRANSFER]; /* of a write; otherwise of a read */
};

static BOOL defers, holds, modern;
static UINT32 transfer_length = TRANSFER;

static BOOLEAN perform(struct disk *disk, const SPD_IOCTL_TRANSACT_REQ *request, UCHAR *data)
{
    size_t length = (size_t)request->Op.Read.BlockCount * BLOCK;
    UCHAR *at = disk->memory + request->Op.Read.BlockAddress * BLOCK;

    memcpy(request->Kind == SpdIoctlTransactReadKind ? data : at,
        request->Kind == SpdIoctlTransactReadKind ? at : data, length);
    return TRUE;
}

static DWORD WINAPI answer_later(PVOID argument)
{
    struct work *work = argument;
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = work->request.Hint, .Kind = work->request.Kind };

    perform(work->disk, &work->request, work->data);
    if (work->disk->last_flushes)
        InterlockedIncrement(&work->disk->after_last_flush);
    SpdStorageUnitSendResponse(work->disk->unit, &response, work->data);
    free(work);
    return 0;
}

static BOOLEAN transfer(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT32 count)
{
    SPD_STORAGE_UNIT_OPERATION_CONTEXT *context = SpdStorageUnitGetOperationContext();
    struct disk *disk = unit->UserContext;
    LONG length = (LONG)count * BLOCK;
    struct work *work;

    InterlockedIncrement(&disk->calls);
    if (disk->last_flushes)
        InterlockedIncrement(&disk->after_last_flush);
    if (length > disk->largest)
        InterlockedExchange(&disk->largest, length);
    if (!context || !context->Request->Hint || context->DataBuffer != buffer ||
        context->Response->Hint != context->Request->Hint)
        InterlockedIncrement(&disk->strange);
    if (holds) {
        printf("holding\n");
        fflush(stdout);
        return FALSE;
    }
    if (!defers)
        return perform(disk, context->Request, buffer);
    work = malloc(sizeof *work);
    work->disk = disk;
    work->request = *context->Request;
    if (work->request.Kind == SpdIoctlTransactWriteKind)
        memcpy(work->data, buffer, (size_t)length);
    QueueUserWorkItem(answer_later, work, WT_EXECUTEDEFAULT);
    return FALSE;
}

static BOOLEAN SPD_CALL move(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)address;
    (void)flush;
    (void)status;
    return transfer(unit, buffer, count);
}

static BOOLEAN SPD_CALL flush(
    SPD_STORAGE_UNIT *unit, UINT64 address, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    struct disk *disk = unit->UserContext;

    (void)address;
    (void)count;
    (void)status;
    if (SpdStorageUnitGetOperationContext()->Request->Hint)
        InterlockedIncrement(&disk->flushes);
    else
        InterlockedIncrement(&disk->last_flushes);
    return TRUE;
}

static BOOLEAN SPD_CALL unmap(SPD_STORAGE_UNIT *unit, SPD_UNMAP_DESCRIPTOR descriptors[],
    UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    struct disk *disk = unit->UserContext;

    (void)status;
    for (UINT32 i = 0; i < count; i++) {
        memset(disk->memory + descriptors[i].BlockAddress * BLOCK, 0,
            (size_t)descriptors[i].BlockCount * BLOCK);
        InterlockedExchangeAdd(&disk->unmapped, (LONG)descriptors[i].BlockCount);
    }
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE calls = { .Read = move, .Write = move, .Flush = flush,
    .Unmap = unmap };

static DWORD begin(struct disk *disk, const char *uri, UINT32 number)
{
    SPD_STORAGE_UNIT_PARAMS params = {
        .Guid = { 0x31a0b7c2 + number, 0x5d11, 0x4c3e,
            { 0x9a, 0x27, 0x66, 0x0c, 0x1e, 0x84, 0x5b, 0x0f } },
        .BlockCount = BLOCKS,
        .BlockLength = BLOCK,
        .ProductId = "served by a DLL",
        .ProductRevisionLevel = "1.0",
        .CacheSupported = 1,
        .UnmapSupported = 1,
        .MaxTransferLength = transfer_length,
        .Reserved = { modern ? SPD_IOCTL_MODERN_PROFILE : 0 },
    };
    WCHAR name[256];
    DWORD error;

    MultiByteToWideChar(CP_UTF8, 0, uri, -1, name, 256);
    disk->memory = calloc(BLOCKS, BLOCK);
    error = SpdStorageUnitCreate(name, &params, &calls, &disk->unit);
    if (error) {
        printf("failed %lu %s\n", error, spd_error_detail());
        return error;
    }
    disk->unit->UserContext = disk;
    error = SpdStorageUnitStartDispatcher(disk->unit, THREADS);
    if (!error)
        error = SpdStorageUnitGetDeviceName(disk->unit, name, sizeof name);
    printf("serving %ls\n", name);
    return error;
}

static void end(struct disk *disk)
{
    DWORD error;

    SpdStorageUnitShutdown(disk->unit);
    SpdStorageUnitWaitDispatcher(disk->unit);
    SpdStorageUnitGetDispatcherError(disk->unit, &error);
    SpdStorageUnitDelete(disk->unit);
    printf("ended %lu calls=%ld largest=%ld flushes=%ld last=%ld late=%ld unmapped=%ld "
           "strange=%ld\n",
        error, disk->calls, disk->largest, disk->flushes, disk->last_flushes,
        disk->after_last_flush, disk->unmapped, disk->strange);
}

int main(int argc, char **argv)
{
    static struct disk disks[DISKS_MAX];
    int count = 0, at = 1;
    DWORD error = 0;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (argv[at][1] == 's')
            transfer_length = BLOCK;
        defers |= argv[at][1] == 'd';
        modern |= argv[at][1] == 'm';
        holds |= argv[at][1] == 'n';
    }
    for (; at < argc && count < DISKS_MAX && !error; at++, count++)
        error = begin(&disks[count], argv[at], (UINT32)count);
    fflush(stdout);
    if (error)
        return 1;
    getchar();
    for (int i = 0; i < count; i++)
        end(&disks[i]);
    return 0;
}
