/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * What Wine's kernel has in the place of documented interfaces; nt.c has the same for others. It is
 * a process: a caller's address means nothing in it, so it opens the caller; and an MDL gives no
 * other view of memory, so the protection of a page is changed.
 */

#include "double.h"

NTSYSAPI NTSTATUS NTAPI NtReadVirtualMemory(HANDLE, const void *, PVOID, SIZE_T, SIZE_T *);
NTSYSAPI NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE, PVOID, const void *, SIZE_T, SIZE_T *);
NTSYSAPI NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE, PVOID *, SIZE_T *, ULONG, ULONG *);

/* Wine's IoBuildDeviceIoControlRequest makes no system buffer for what only has output; its caller
 * is in the kernel, and the buffer at hand. */
PVOID caller_output(IRP *irp)
{
    return irp->AssociatedIrp.SystemBuffer ? irp->AssociatedIrp.SystemBuffer : irp->UserBuffer;
}

BOOLEAN caller_open(struct caller *caller, IRP *irp, PVOID address, ULONG length, BOOLEAN write)
{
    PEPROCESS process = IoGetRequestorProcess(irp);
    CLIENT_ID id = { .UniqueProcess = process ? PsGetProcessId(process) : NULL };
    OBJECT_ATTRIBUTES attributes;

    (void)length;
    (void)write;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    caller->address = address;
    if (ZwOpenProcess(&caller->handle, PROCESS_ALL_ACCESS, &attributes, &id))
        caller->handle = NULL;
    return caller->handle != NULL;
}

void caller_close(struct caller *caller)
{
    if (caller->handle)
        ZwClose(caller->handle);
    caller->handle = NULL;
}

BOOLEAN caller_read(const struct caller *caller, PVOID buffer, SIZE_T length)
{
    SIZE_T moved = 0;

    return !NtReadVirtualMemory(caller->handle, caller->address, buffer, length, &moved) &&
        moved == length;
}

BOOLEAN caller_write(const struct caller *caller, const void *buffer, SIZE_T length)
{
    SIZE_T moved = 0;

    return !NtWriteVirtualMemory(caller->handle, caller->address, buffer, length, &moved) &&
        moved == length;
}

void replace_import(ULONG_PTR *slot, const void *call)
{
    PVOID page = slot;
    SIZE_T length = sizeof(*slot);
    ULONG old;

    if (NtProtectVirtualMemory(NtCurrentProcess(), &page, &length, PAGE_READWRITE, &old))
        return;
    *slot = (ULONG_PTR)call;
    NtProtectVirtualMemory(NtCurrentProcess(), &page, &length, old, &old);
}
