/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The threads that call the program. */

#include "dll/dll.h"

#include "lib/serve.h"

enum {
    THREADS_MAX = 1024,
    /* The last flush waits that long for responses that are deferred. It is less than the 5 s that
     * a program has when its console is closed. */
    LATE_MS = 2000,
};

static DWORD WINAPI sibling_main(void *argument);

/* Each thread starts the next one once it has its own buffer. */
static DWORD start_sibling(struct dll_unit *unit, HANDLE *sibling)
{
    if (--unit->base.DispatcherThreadCount == 0)
        return 0;
    *sibling = CreateThread(NULL, 0, sibling_main, unit, 0, NULL);
    return *sibling ? 0 : GetLastError();
}

/* The first thread is the last one. The program may still be writing data of requests that it has
 * not answered. The flush comes after that, unless the answer never comes. */
static void end_unit(struct dll_unit *unit, const SPD_STORAGE_UNIT_OPERATION_CONTEXT *context)
{
    SPD_STORAGE_UNIT *base = &unit->base;
    spd_request *request;

    outstanding_wait(&unit->outstanding, LATE_MS);
    while ((request = outstanding_take_any(&unit->outstanding)))
        dll_abort(request);
    SpdStorageUnitSetDispatcherError(base, dll_error(spd_unit_wait(unit->spd)));
    if (!base->StorageUnitParams.CacheSupported || !base->Interface->Flush)
        return;
    ZeroMemory(context->Request, sizeof *context->Request);
    ZeroMemory(context->Response, sizeof *context->Response);
    context->Request->Kind = context->Response->Kind = SpdIoctlTransactFlushKind;
    base->Interface->Flush(base, 0, 0, &context->Response->Status);
}

static void dispatcher_run(struct dll_unit *unit, bool first)
{
    SPD_IOCTL_TRANSACT_REQ request = { 0 };
    SPD_IOCTL_TRANSACT_RSP answer = { 0 };
    SPD_STORAGE_UNIT *base = &unit->base;
    PVOID data = base->BufferAlloc(base->StorageUnitParams.MaxTransferLength);
    struct context context = { .base = { &request, &answer, data } };
    HANDLE sibling = NULL;
    DWORD error = ERROR_NO_SYSTEM_RESOURCES;

    context_set(&context);
    if (data)
        error = start_sibling(unit, &sibling);
    if (!error) {
        context.lent_to = unit;
        spd_unit_serve(unit->spd);
        context.lent_to = NULL;
    }
    dll_unit_end(unit, error);
    if (sibling) {
        WaitForSingleObject(sibling, INFINITE);
        CloseHandle(sibling);
    }
    if (first)
        end_unit(unit, &context.base);
    context_set(NULL);
    if (data)
        base->BufferFree(data);
}

static DWORD WINAPI sibling_main(void *argument)
{
    dispatcher_run(argument, false);
    return 0;
}

static DWORD WINAPI first_main(void *argument)
{
    struct dll_unit *unit = argument;

    /* Waits until its handle and id are in the program's structure. */
    AcquireSRWLockShared(&unit->starting);
    ReleaseSRWLockShared(&unit->starting);
    dispatcher_run(unit, true);
    return 0;
}

static ULONG processor_count(void)
{
    DWORD_PTR process, system;
    ULONG count = 0;

    if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &system))
        return 1;
    for (; process; process &= process - 1)
        count++;
    return count ? count : 1;
}

static DWORD start_unit(struct dll_unit *unit)
{
    int error = unit->started ? 0 : spd_unit_start(unit->spd, 0);

    /* It was shut down before: the threads find that out. */
    if (error && error != SPD_ERROR_STATE)
        return dll_error(error);
    unit->started = true;
    return 0;
}

DWORD SPD_CALL SpdStorageUnitStartDispatcher(SPD_STORAGE_UNIT *StorageUnit, ULONG ThreadCount)
{
    struct dll_unit *unit = dll_unit_of(StorageUnit);
    DWORD error;

    if (StorageUnit->DispatcherThread || ThreadCount > THREADS_MAX)
        return ERROR_INVALID_PARAMETER;
    error = start_unit(unit);
    if (error)
        return error;
    StorageUnit->DispatcherThreadCount = ThreadCount ? ThreadCount : processor_count();
    AcquireSRWLockExclusive(&unit->starting);
    StorageUnit->DispatcherThread =
        CreateThread(NULL, 0, first_main, unit, 0, &StorageUnit->DispatcherThreadId);
    if (!StorageUnit->DispatcherThread)
        error = GetLastError();
    ReleaseSRWLockExclusive(&unit->starting);
    return error;
}
