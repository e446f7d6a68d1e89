/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The threads that call the program. */

#include "dll/dll.h"

enum {
    THREADS_MAX = 1024,
    /* The last flush waits that long for responses that are deferred. It is less than the 5 s that
     * a program has when its console is closed. */
    LATE_MS = 2000,
};

static SRWLOCK slot_lock = SRWLOCK_INIT;
static DWORD slot = TLS_OUT_OF_INDEXES;
static ULONG slot_users;

bool context_hold(void)
{
    bool held;

    AcquireSRWLockExclusive(&slot_lock);
    if (slot_users == 0)
        slot = TlsAlloc();
    held = slot != TLS_OUT_OF_INDEXES;
    slot_users += held;
    ReleaseSRWLockExclusive(&slot_lock);
    return held;
}

void context_release(void)
{
    AcquireSRWLockExclusive(&slot_lock);
    if (--slot_users == 0) {
        TlsFree(slot);
        slot = TLS_OUT_OF_INDEXES;
    }
    ReleaseSRWLockExclusive(&slot_lock);
}

SPD_STORAGE_UNIT_OPERATION_CONTEXT *SPD_CALL SpdStorageUnitGetOperationContext(VOID)
{
    return slot == TLS_OUT_OF_INDEXES ? NULL : TlsGetValue(slot);
}

static BOOLEAN refuse(SPD_STORAGE_UNIT_STATUS *status)
{
    SpdStorageUnitStatusSetSense(
        status, SCSI_SENSE_ILLEGAL_REQUEST, SCSI_ADSENSE_ILLEGAL_COMMAND, NULL);
    return TRUE;
}

/* TRUE: *answer is to be sent. */
static BOOLEAN perform(SPD_STORAGE_UNIT *unit, const SPD_IOCTL_TRANSACT_REQ *request,
    SPD_IOCTL_TRANSACT_RSP *answer, PVOID data)
{
    const SPD_STORAGE_UNIT_INTERFACE *calls = unit->Interface;
    bool through = !unit->StorageUnitParams.CacheSupported;
    SPD_STORAGE_UNIT_STATUS *status = &answer->Status;

    switch (request->Kind) {
    case SpdIoctlTransactReadKind:
        return !calls->Read ? refuse(status)
                                : calls->Read(unit, data, request->Op.Read.BlockAddress,
                                      request->Op.Read.BlockCount,
                                      through || request->Op.Read.ForceUnitAccess, status);
    case SpdIoctlTransactWriteKind:
        return !calls->Write ? refuse(status)
                                 : calls->Write(unit, data, request->Op.Write.BlockAddress,
                                       request->Op.Write.BlockCount,
                                       through || request->Op.Write.ForceUnitAccess, status);
    case SpdIoctlTransactFlushKind:
        return !calls->Flush ? refuse(status)
                                 : calls->Flush(unit, request->Op.Flush.BlockAddress,
                                       request->Op.Flush.BlockCount, status);
    case SpdIoctlTransactUnmapKind:
        return !calls->Unmap
            ? refuse(status)
            : calls->Unmap(unit, data, request->Op.Unmap.Count, status);
    default:
        return refuse(status);
    }
}

/* Serves until the transport ends it; returns its error. */
static DWORD serve(struct dll_unit *unit, struct frame *frame,
    const SPD_STORAGE_UNIT_OPERATION_CONTEXT *context)
{
    SPD_IOCTL_TRANSACT_REQ *request = context->Request;
    SPD_IOCTL_TRANSACT_RSP *answer = context->Response;
    PVOID data = context->DataBuffer;
    BOOLEAN answered = FALSE;

    for (;;) {
        DWORD error = unit->transport->receive(
            unit, frame, answered ? answer : NULL, request, data);

        if (error)
            return error;
        answered = FALSE;
        if (!request->Hint)
            continue;
        ZeroMemory(answer, sizeof *answer);
        answer->Hint = request->Hint;
        answer->Kind = request->Kind;
        if (unit->base.DebugLog)
            dll_log_request(&unit->base, request);
        answered = perform(&unit->base, request, answer, data);
        if (answered && unit->base.DebugLog)
            dll_log_response(&unit->base, answer);
    }
}

static DWORD WINAPI sibling_main(void *argument);

/* Each thread starts the next one once it has its own buffer. */
static DWORD start_sibling(struct dll_unit *unit, HANDLE *sibling)
{
    if (--unit->base.DispatcherThreadCount == 0)
        return 0;
    *sibling = CreateThread(NULL, 0, sibling_main, unit, 0, NULL);
    return *sibling ? 0 : GetLastError();
}

/* The first thread is the last one. What the program has been given and has not answered, it may
 * still be writing: the flush comes after that, unless the answer never comes. */
static void end_unit(struct dll_unit *unit, const SPD_STORAGE_UNIT_OPERATION_CONTEXT *context)
{
    SPD_STORAGE_UNIT *base = &unit->base;

    outstanding_wait(&unit->outstanding, LATE_MS);
    if (unit->transport->finish)
        unit->transport->finish(unit);
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
    struct frame *frame = frame_get(unit);
    PVOID data = base->BufferAlloc(base->StorageUnitParams.MaxTransferLength);
    SPD_STORAGE_UNIT_OPERATION_CONTEXT context = { &request, &answer, data };
    HANDLE sibling = NULL;
    DWORD error = ERROR_NO_SYSTEM_RESOURCES;

    TlsSetValue(slot, &context);
    if (frame && data)
        error = start_sibling(unit, &sibling);
    if (!error)
        error = serve(unit, frame, &context);
    dll_unit_end(unit, error);
    if (sibling) {
        WaitForSingleObject(sibling, INFINITE);
        CloseHandle(sibling);
    }
    if (first)
        end_unit(unit, &context);
    TlsSetValue(slot, NULL);
    if (data)
        base->BufferFree(data);
    if (frame)
        frame_put(unit, frame);
}

static DWORD WINAPI sibling_main(void *argument)
{
    dispatcher_run(argument, false);
    return 0;
}

static DWORD WINAPI first_main(void *argument)
{
    struct dll_unit *unit = argument;

    /* Until its handle and id are where the program looks for them. */
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

DWORD SPD_CALL SpdStorageUnitStartDispatcher(SPD_STORAGE_UNIT *StorageUnit, ULONG ThreadCount)
{
    struct dll_unit *unit = dll_unit_of(StorageUnit);
    DWORD error = 0;

    if (StorageUnit->DispatcherThread || ThreadCount > THREADS_MAX)
        return ERROR_INVALID_PARAMETER;
    if (unit->transport->start)
        error = unit->transport->start(unit);
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
