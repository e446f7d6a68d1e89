/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The calls of winspd/ioctl.h that make a single IOCTL each. */

#include "doors/windows/windows.h"

#include <winioctl.h>
#include <ntddscsi.h>

#ifndef IOCTL_MINIPORT_PROCESS_SERVICE_IRP
#define IOCTL_MINIPORT_PROCESS_SERVICE_IRP \
    CTL_CODE(IOCTL_SCSI_BASE, 0x040e, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
#endif

/* The low bit keeps the completion out of a port that the handle may belong to. */
HANDLE windows_unported(HANDLE event)
{
    return (HANDLE)((ULONG_PTR)event | 1);
}

DWORD windows_finish(HANDLE device, DWORD error, OVERLAPPED *overlapped, DWORD *got)
{
    if (error && error != ERROR_IO_PENDING)
        return error;
    return GetOverlappedResult(device, overlapped, got, TRUE) ? 0 : GetLastError();
}

/* Free events: to make and to close one costs as much as a part of the call. Only the thread that
 * made a call waits for it, so nothing sets an event that was given back. */
static void *volatile events[8];

HANDLE windows_event_take(void)
{
    for (unsigned i = 0; i < ARRAYSIZE(events); i++) {
        HANDLE event = InterlockedExchangePointer(&events[i], NULL);

        if (event)
            return event;
    }
    return CreateEventW(NULL, TRUE, FALSE, NULL);
}

void windows_event_give(HANDLE event)
{
    for (unsigned i = 0; i < ARRAYSIZE(events); i++)
        if (!InterlockedCompareExchangePointer(&events[i], event, NULL))
            return;
    CloseHandle(event);
}

void windows_events_close(void)
{
    for (unsigned i = 0; i < ARRAYSIZE(events); i++) {
        HANDLE event = InterlockedExchangePointer(&events[i], NULL);

        if (event)
            CloseHandle(event);
    }
}

DWORD windows_control(HANDLE device, DWORD code, void *in, DWORD in_length, void *out,
    DWORD out_length, DWORD *got)
{
    HANDLE event = windows_event_take();
    OVERLAPPED overlapped = { .hEvent = windows_unported(event) };
    DWORD error = 0;

    *got = 0;
    if (!event)
        return ERROR_NO_SYSTEM_RESOURCES;
    if (!DeviceIoControl(device, code, in, in_length, out, out_length, NULL, &overlapped))
        error = GetLastError();
    error = windows_finish(device, error, &overlapped, got);
    windows_event_give(event);
    return error;
}

DWORD windows_service_begin(
    HANDLE device, void *block, DWORD in, DWORD out, OVERLAPPED *overlapped)
{
    return DeviceIoControl(device, IOCTL_MINIPORT_PROCESS_SERVICE_IRP, block, in, block, out, NULL,
               overlapped)
        ? 0 : GetLastError();
}

DWORD windows_service(HANDLE device, void *block, DWORD in, DWORD out, DWORD *got)
{
    return windows_control(device, IOCTL_MINIPORT_PROCESS_SERVICE_IRP, block, in, block, out, got);
}

const volatile struct windows_version windows_version = { "SpdVersion:", SPD_IOCTL_VERSION };

/* A LIFETIME request, pending for as long as the process lives: the thread never ends, since the
 * system cancels what a thread has pending when it does. */
static DWORD WINAPI lifetime_main(void *argument)
{
    SPD_IOCTL_VERSIONED_LIFETIME_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_LIFETIME }, .Version = windows_version.number,
    };
    HANDLE device = argument;
    DWORD got;

    windows_service(device, &block, sizeof block, 0, &got);
    CloseHandle(device);
    return 0;
}

static DWORD hold_lifetime(HANDLE device)
{
    HANDLE self = GetCurrentProcess(), own, thread;
    HMODULE module;
    DWORD error = 0;

    /* The thread runs this module's code until the end. */
    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
            (PCWSTR)(ULONG_PTR)lifetime_main, &module) ||
        !DuplicateHandle(self, device, self, &own, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return GetLastError();
    thread = CreateThread(NULL, 64 * 1024, lifetime_main, own, STACK_SIZE_PARAM_IS_A_RESERVATION,
        NULL);
    if (!thread) {
        error = GetLastError();
        CloseHandle(own);
        return error;
    }
    CloseHandle(thread);
    return 0;
}

DWORD windows_provision(
    HANDLE device, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 *btl, UINT32 *version)
{
    enum { TRIES = 100, PAUSE_MS = 10 };
    static SRWLOCK lock = SRWLOCK_INIT;
    SPD_IOCTL_PROVISION_PARAMS block;
    bool held = false;
    DWORD error, got;

    *btl = (UINT32)-1;
    AcquireSRWLockExclusive(&lock);
    for (int i = 0;; i++) {
        ZeroMemory(&block, sizeof block);
        block.Base.Size = sizeof block;
        block.Base.Code = SPD_IOCTL_PROVISION;
        block.Dir.Par.StorageUnitParams = *params;
        error = windows_service(device, &block, sizeof block, sizeof block, &got);
        /* This adapter does not know us: say that we live, and let that arrive. */
        if (error != ERROR_BAD_COMMAND || i == TRIES)
            break;
        if (!held && (error = hold_lifetime(device)) != 0)
            break;
        held = true;
        Sleep(PAUSE_MS);
    }
    ReleaseSRWLockExclusive(&lock);
    if (!error) {
        *btl = block.Dir.Ret.Btl;
        *version = block.Dir.Ret.Version;
        windows_note_transfer_length(*btl, params->MaxTransferLength);
    }
    return error;
}

DWORD SPD_CALL SpdIoctlProvision(
    HANDLE DeviceHandle, const SPD_IOCTL_STORAGE_UNIT_PARAMS *StorageUnitParams, PUINT32 PBtl)
{
    UINT32 version;

    return windows_provision(DeviceHandle, StorageUnitParams, PBtl, &version);
}

DWORD SPD_CALL SpdIoctlUnprovision(HANDLE DeviceHandle, const GUID *Guid)
{
    SPD_IOCTL_UNPROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_UNPROVISION } };
    DWORD error, got;

    block.Dir.Par.Guid = *Guid;
    error = windows_service(DeviceHandle, &block, sizeof block, 0, &got);
    /* The call does not say which target it was. */
    if (!error)
        windows_forget_transfer_lengths();
    return error;
}

DWORD SPD_CALL SpdIoctlGetList(HANDLE DeviceHandle, PUINT32 ListBuf, PUINT32 PListSize)
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };
    DWORD got;
    DWORD error = windows_control(DeviceHandle, IOCTL_MINIPORT_PROCESS_SERVICE_IRP, &block,
        sizeof block, ListBuf, *PListSize, &got);

    if (!error)
        *PListSize = got;
    return error;
}

DWORD SPD_CALL SpdIoctlSetTransactProcessId(HANDLE DeviceHandle, UINT32 Btl, ULONG ProcessId)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID },
        .Btl = Btl,
        .ProcessId = ProcessId,
    };
    DWORD got;

    return windows_service(DeviceHandle, &block, sizeof block, 0, &got);
}
