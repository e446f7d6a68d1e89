/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The caller's memory, for pass-through with a pointer in its buffer. Under Wine the kernel is a
 * process, and a caller's address means nothing in it: it opens the caller. Another kernel would
 * lock and map the pages in the caller's context; nothing else of the double would change.
 */

#include "double.h"

NTSYSAPI NTSTATUS NTAPI NtReadVirtualMemory(HANDLE, const void *, PVOID, SIZE_T, SIZE_T *);
NTSYSAPI NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE, PVOID, const void *, SIZE_T, SIZE_T *);

/* Where the answer to a buffered request goes. Wine's IoBuildDeviceIoControlRequest makes no system
 * buffer for what only has output; its caller is in the kernel, and the buffer at hand. */
PVOID caller_output(IRP *irp)
{
    return irp->AssociatedIrp.SystemBuffer ? irp->AssociatedIrp.SystemBuffer : irp->UserBuffer;
}

HANDLE caller_process(IRP *irp)
{
    PEPROCESS process = IoGetRequestorProcess(irp);

    return process ? PsGetProcessId(process) : NULL;
}

static HANDLE open_caller(HANDLE process)
{
    CLIENT_ID id = { .UniqueProcess = process };
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, &id) ? NULL : handle;
}

BOOLEAN caller_read(HANDLE process, PVOID address, PVOID buffer, SIZE_T length)
{
    HANDLE handle = open_caller(process);
    SIZE_T moved = 0;

    if (!handle)
        return FALSE;
    if (NtReadVirtualMemory(handle, address, buffer, length, &moved))
        moved = 0;
    ZwClose(handle);
    return moved == length;
}

BOOLEAN caller_write(HANDLE process, PVOID address, const void *buffer, SIZE_T length)
{
    HANDLE handle = open_caller(process);
    SIZE_T moved = 0;

    if (!handle)
        return FALSE;
    if (NtWriteVirtualMemory(handle, address, buffer, length, &moved))
        moved = 0;
    ZwClose(handle);
    return moved == length;
}
