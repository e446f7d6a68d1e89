/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * netdisk [NAME]: a RAM disk that uses the DLL as the original's .NET layer does, until a line
 * comes in. It finds the calls by name, in the DLL that its own architecture names; its buffers are
 * one for each dispatcher thread, made and freed on that thread, and its callbacks look at nothing
 * else; what is its own in a unit lies behind the first pointer.
 *
 * Ends with the dispatcher's error, or with ERROR_UNHANDLED_EXCEPTION when anything of this is not
 * so.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winspd/winspd.h>

enum { BLOCK = 512, BLOCKS = 65536, TRANSFER = 65536, THREADS = 2 };
enum { STRANGE = 574 }; /* ERROR_UNHANDLED_EXCEPTION */

#define CALLS(X) \
    X(SpdVersion) \
    X(SpdStorageUnitCreate) \
    X(SpdStorageUnitDelete) \
    X(SpdStorageUnitShutdown) \
    X(SpdStorageUnitStartDispatcher) \
    X(SpdStorageUnitWaitDispatcher) \
    X(SpdStorageUnitSetBufferAllocatorF) \
    X(SpdStorageUnitGetDispatcherErrorF) \
    X(SpdStorageUnitSetDebugLogF)

#define POINTER(name) __typeof__(&name) name;
static struct { CALLS(POINTER) } dll;

static UCHAR *memory;
static char self; /* what the disk's object would be */
static volatile LONG made, freed, strange, stopped;
static __thread UCHAR *buffer; /* of this thread */

static void expect(BOOL truth)
{
    if (!truth)
        InterlockedIncrement(&strange);
}

static PVOID SPD_CALL buffer_make(size_t size)
{
    expect(size == TRANSFER && !buffer);
    InterlockedIncrement(&made);
    return buffer = malloc(size);
}

static VOID SPD_CALL buffer_free(PVOID pointer)
{
    expect(pointer && pointer == buffer);
    InterlockedIncrement(&freed);
    free(pointer);
    buffer = NULL;
}

static void *own(SPD_STORAGE_UNIT *unit)
{
    return ((void **)unit)[1];
}

static BOOLEAN move(SPD_STORAGE_UNIT *unit, BOOL write, UINT64 block, UINT32 count)
{
    UCHAR *at = memory + block * BLOCK;

    expect(own(unit) == &self && buffer && !stopped && count <= TRANSFER / BLOCK);
    if (write)
        memcpy(at, buffer, (size_t)count * BLOCK);
    else
        memcpy(buffer, at, (size_t)count * BLOCK);
    return TRUE;
}

static BOOLEAN SPD_CALL on_read(SPD_STORAGE_UNIT *unit, PVOID ignored, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    return move(unit, FALSE, block, count);
}

static BOOLEAN SPD_CALL on_write(SPD_STORAGE_UNIT *unit, PVOID ignored, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    return move(unit, TRUE, block, count);
}

static BOOLEAN SPD_CALL on_flush(
    SPD_STORAGE_UNIT *unit, UINT64 block, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    expect(own(unit) == &self && !stopped);
    return TRUE;
}

static BOOLEAN SPD_CALL on_unmap(SPD_STORAGE_UNIT *unit, SPD_UNMAP_DESCRIPTOR ranges[],
    UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    expect(own(unit) == &self && (void *)ranges == buffer && !stopped);
    for (UINT32 i = 0; i < count; i++)
        memset(memory + ranges[i].BlockAddress * BLOCK, 0, (size_t)ranges[i].BlockCount * BLOCK);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE calls = { on_read, on_write, on_flush, on_unmap };

static BOOL find_calls(void)
{
    HMODULE module = LoadLibraryW(sizeof(void *) == 8 ? L"winspd-x64.dll" : L"winspd-x86.dll");
    UINT32 version = 0;
    FARPROC found;

#define FIND(name) \
    found = GetProcAddress(module, #name); \
    if (!found) \
        return FALSE; \
    memcpy(&dll.name, &found, sizeof(found));
    CALLS(FIND)
    return dll.SpdVersion(&version) == 0 && version >> 16 == 1;
}

static SPD_GUARD guard = SPD_GUARD_INIT;

static DWORD WINAPI wait_for_a_line(void *unused)
{
    getchar();
    SpdGuardExecute(&guard, dll.SpdStorageUnitShutdown);
    return 0;
}

static DWORD serve(SPD_STORAGE_UNIT *unit)
{
    DWORD error, result;

    ((void **)unit)[1] = &self;
    dll.SpdStorageUnitSetBufferAllocatorF(unit, buffer_make, buffer_free);
    dll.SpdStorageUnitSetDebugLogF(unit, 0);
    SpdGuardSet(&guard, unit);
    CloseHandle(CreateThread(NULL, 0, wait_for_a_line, NULL, 0, NULL));
    error = dll.SpdStorageUnitStartDispatcher(unit, THREADS);
    if (!error) {
        printf("serving unit %u\n", SPD_IOCTL_BTL_T(unit->Btl));
        fflush(stdout);
        dll.SpdStorageUnitWaitDispatcher(unit);
        dll.SpdStorageUnitGetDispatcherErrorF(unit, &result);
        error = result;
    }
    SpdGuardSet(&guard, NULL);
    InterlockedExchange(&stopped, 1);
    dll.SpdStorageUnitDelete(unit);
    expect(made == freed && made == THREADS);
    return error;
}

int wmain(int argc, wchar_t **argv)
{
    /* Reserved stays 0, as in programs of the original: the unit has the original's profile. */
    SPD_STORAGE_UNIT_PARAMS params = {
        .Guid = { 0x6f1d8b0a, 0x27c4, 0x4b9e, { 0xa5, 0x33, 0x1c, 0x70, 0xe8, 0x4d, 0x92, 0xb6 } },
        .BlockCount = BLOCKS,
        .BlockLength = BLOCK,
        .ProductId = "NetDisk",
        .ProductRevisionLevel = "1.0",
        .CacheSupported = 1,
        .UnmapSupported = 1,
        .MaxTransferLength = TRANSFER,
    };
    SPD_STORAGE_UNIT *unit;
    DWORD error;

    memory = calloc(BLOCKS, BLOCK);
    if (!memory || !find_calls())
        return ERROR_PROC_NOT_FOUND;
    error = dll.SpdStorageUnitCreate(argc > 1 ? argv[1] : NULL, &params, &calls, &unit);
    if (!error)
        error = serve(unit);
    return strange ? STRANGE : (int)error;
}
