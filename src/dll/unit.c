/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of a storage unit. */

#include "dll/dll.h"

#include <string.h>

struct frame *frame_new(UINT32 data_length)
{
    struct frame *frame = HeapAlloc(
        GetProcessHeap(), 0, sizeof *frame + FRAME_HEADER + data_length);

    if (!frame)
        return NULL;
    frame->event = dll_event_take();
    if (!frame->event) {
        dll_free(frame);
        return NULL;
    }
    return frame;
}

void frame_free(struct frame *frame)
{
    dll_event_give(frame->event);
    dll_free(frame);
}

struct frame *frame_get(struct dll_unit *unit)
{
    struct frame *frame;

    AcquireSRWLockExclusive(&unit->frames_lock);
    frame = unit->frames;
    if (frame)
        unit->frames = frame->next;
    ReleaseSRWLockExclusive(&unit->frames_lock);
    return frame ? frame : frame_new(unit->frame_length);
}

void frame_put(struct dll_unit *unit, struct frame *frame)
{
    AcquireSRWLockExclusive(&unit->frames_lock);
    frame->next = unit->frames;
    unit->frames = frame;
    ReleaseSRWLockExclusive(&unit->frames_lock);
}

static PVOID SPD_CALL default_alloc(size_t size)
{
    return HeapAlloc(GetProcessHeap(), 0, size);
}

static VOID SPD_CALL default_free(PVOID pointer)
{
    dll_free(pointer);
}

bool dll_unit_set_name(struct dll_unit *unit, PCWSTR name)
{
    size_t size = (wcslen(name) + 1) * sizeof *name;

    unit->name = dll_alloc(size);
    if (unit->name)
        memcpy(unit->name, name, size);
    return unit->name != NULL;
}

SPD_IOCTL_TRANSACT_RSP dll_answer(
    UINT64 hint, UINT8 kind, const SPD_IOCTL_STORAGE_UNIT_STATUS *status)
{
    SPD_IOCTL_TRANSACT_RSP answer;

    ZeroMemory(&answer, sizeof answer); /* padding, too: others see it */
    answer.Hint = hint;
    answer.Kind = kind;
    answer.Status.ScsiStatus = status->ScsiStatus;
    answer.Status.SenseKey = status->SenseKey;
    answer.Status.ASC = status->ASC;
    answer.Status.ASCQ = status->ASCQ;
    answer.Status.Information = status->Information;
    answer.Status.InformationValid = status->InformationValid;
    return answer;
}

static void release(struct dll_unit *unit)
{
    while (unit->frames) {
        struct frame *frame = unit->frames;

        unit->frames = frame->next;
        frame_free(frame);
    }
    outstanding_free(&unit->outstanding);
    dll_free(unit->name);
    dll_free(unit);
    context_release();
}

DWORD SPD_CALL SpdStorageUnitCreate(PWSTR DeviceName,
    const SPD_STORAGE_UNIT_PARAMS *StorageUnitParams, const SPD_STORAGE_UNIT_INTERFACE *Interface,
    SPD_STORAGE_UNIT **PStorageUnit)
{
    static const SPD_STORAGE_UNIT_INTERFACE nothing;
    struct dll_unit *unit;
    DWORD error;

    *PStorageUnit = NULL;
    if (!context_hold())
        return ERROR_NO_SYSTEM_RESOURCES;
    unit = dll_alloc(sizeof *unit);
    if (!unit) {
        context_release();
        return ERROR_NO_SYSTEM_RESOURCES;
    }
    unit->base.StorageUnitParams = *StorageUnitParams;
    unit->base.Interface = Interface ? Interface : &nothing;
    unit->base.BufferAlloc = default_alloc;
    unit->base.BufferFree = default_free;
    if (DeviceName && pipe_is_name(DeviceName))
        error = pipe_open(unit, DeviceName);
    else if (DeviceName && library_is_name(DeviceName))
        error = library_open(unit, DeviceName);
    else
        error = driver_open(unit, DeviceName);
    if (error) {
        release(unit);
        return error;
    }
    *PStorageUnit = &unit->base;
    return 0;
}

DWORD SPD_CALL SpdStorageUnitGetDeviceName(
    SPD_STORAGE_UNIT *StorageUnit, PWCHAR NameBuf, UINT32 NameBufSize)
{
    const WCHAR *name = dll_unit_of(StorageUnit)->name;
    size_t size = (wcslen(name) + 1) * sizeof *name;

    if (size > NameBufSize)
        return ERROR_MORE_DATA;
    memcpy(NameBuf, name, size);
    return 0;
}

VOID SPD_CALL SpdStorageUnitShutdown(SPD_STORAGE_UNIT *StorageUnit)
{
    struct dll_unit *unit = dll_unit_of(StorageUnit);

    /* Once: by then its identity may belong to another unit of this process. */
    if (!InterlockedExchange(&unit->stopped, 1))
        unit->transport->stop(unit);
}

VOID SPD_CALL SpdStorageUnitWaitDispatcher(SPD_STORAGE_UNIT *StorageUnit)
{
    if (!StorageUnit->DispatcherThread)
        return;
    WaitForSingleObject(StorageUnit->DispatcherThread, INFINITE);
    CloseHandle(StorageUnit->DispatcherThread);
    StorageUnit->DispatcherThread = NULL;
}

VOID SPD_CALL SpdStorageUnitDelete(SPD_STORAGE_UNIT *StorageUnit)
{
    struct dll_unit *unit = dll_unit_of(StorageUnit);

    SpdStorageUnitShutdown(StorageUnit);
    SpdStorageUnitWaitDispatcher(StorageUnit);
    unit->transport->close(unit);
    release(unit);
}

void dll_unit_end(struct dll_unit *unit, DWORD error)
{
    /* That is how an orderly end looks from here: a shutdown, or an eject. */
    if (error != ERROR_OPERATION_ABORTED)
        SpdStorageUnitSetDispatcherError(&unit->base, error);
    SpdStorageUnitShutdown(&unit->base);
}

VOID SPD_CALL SpdStorageUnitSendResponse(
    SPD_STORAGE_UNIT *StorageUnit, SPD_IOCTL_TRANSACT_RSP *Response, PVOID DataBuffer)
{
    struct dll_unit *unit = dll_unit_of(StorageUnit);
    struct frame *frame = frame_get(unit);
    DWORD error = ERROR_NO_SYSTEM_RESOURCES;

    if (StorageUnit->DebugLog)
        dll_log_response(StorageUnit, Response);
    if (frame) {
        error = unit->transport->send(unit, frame, Response, DataBuffer);
        frame_put(unit, frame);
    }
    if (error)
        dll_unit_end(unit, error);
}

VOID SPD_CALL SpdStorageUnitSetBufferAllocatorF(SPD_STORAGE_UNIT *StorageUnit,
    PVOID(SPD_CALL *BufferAlloc)(size_t Size), VOID(SPD_CALL *BufferFree)(PVOID Pointer))
{
    SpdStorageUnitSetBufferAllocator(StorageUnit, BufferAlloc, BufferFree);
}

VOID SPD_CALL SpdStorageUnitGetDispatcherErrorF(
    SPD_STORAGE_UNIT *StorageUnit, DWORD *PDispatcherError)
{
    SpdStorageUnitGetDispatcherError(StorageUnit, PDispatcherError);
}

VOID SPD_CALL SpdStorageUnitSetDispatcherErrorF(
    SPD_STORAGE_UNIT *StorageUnit, DWORD DispatcherError)
{
    SpdStorageUnitSetDispatcherError(StorageUnit, DispatcherError);
}

VOID SPD_CALL SpdStorageUnitSetDebugLogF(SPD_STORAGE_UNIT *StorageUnit, UINT32 DebugLog)
{
    SpdStorageUnitSetDebugLog(StorageUnit, DebugLog);
}
