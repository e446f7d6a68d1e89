/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Substitutes of Wine's kernel for documented interfaces; nt.c has the same for other kernels. It
 * is a process: a caller's address means nothing in it, so it opens the caller; an MDL gives no
 * other view of memory, so the protection of a page is changed; there is no IRQL, so every call may
 * be made; and its PnP manager ejects nothing, so this file plays its part.
 */

#define CALLS_OF_THE_MINIPORT
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
    SIZE_T length = sizeof *slot;
    ULONG old;

    if (NtProtectVirtualMemory(NtCurrentProcess(), &page, &length, PAGE_READWRITE, &old))
        return;
    *slot = (ULONG_PTR)call;
    NtProtectVirtualMemory(NtCurrentProcess(), &page, &length, old, &old);
}

KIRQL current_irql(void)
{
    return PASSIVE_LEVEL;
}

static NTSTATUS NTAPI stays_here(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    (void)device;
    (void)irp;
    (void)context;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Through the miniport's hook, if it has one; nobody pends it. */
static NTSTATUS send_pnp(struct disk *disk, UCHAR function)
{
    IRP *irp = IoAllocateIrp(disk->self->StackSize, FALSE);
    IO_STACK_LOCATION *stack;
    NTSTATUS status;

    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = IRP_MJ_PNP;
    stack->MinorFunction = function;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    IoSetCompletionRoutine(irp, stays_here, NULL, TRUE, TRUE, TRUE);
    status = IoCallDriver(disk->self, irp);
    IoFreeIrp(irp);
    return status;
}

/* As the PnP manager does it: it asks, and removes the disk. */
BOOLEAN eject(struct disk *disk)
{
    return NT_SUCCESS(send_pnp(disk, IRP_MN_QUERY_REMOVE_DEVICE)) &&
        NT_SUCCESS(send_pnp(disk, IRP_MN_REMOVE_DEVICE));
}

/* Interfaces of a disk's and a volume's driver, which Wine has not. */
static const GUID interfaces[] = {
    { 0x53f56307, 0xb6bf, 0x11d0, { 0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b } },
    { 0x53f5630d, 0xb6bf, 0x11d0, { 0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b } },
};

/* Again for a disk that a rescan starts anew. */
void disk_announce(struct disk *disk)
{
    unsigned i;

    for (i = 0; i < sizeof interfaces / sizeof *interfaces; i++)
        if (!IoRegisterDeviceInterface(disk->self, &interfaces[i], NULL, &disk->interfaces[i]))
            IoSetDeviceInterfaceState(&disk->interfaces[i], TRUE);
}

/* An ejection and the adapter's rescan may both withdraw one disk: each name is one's alone. */
void disk_withdraw(struct disk *disk)
{
    unsigned i;

    for (i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
        UNICODE_STRING name = disk->interfaces[i];

        name.Buffer = InterlockedExchangePointer((PVOID *)&disk->interfaces[i].Buffer, NULL);
        if (!name.Buffer)
            continue;
        IoSetDeviceInterfaceState(&name, FALSE);
        RtlFreeUnicodeString(&name);
    }
}

void debug_print(const char *line)
{
    (void)line; /* the log is read anyway */
}
