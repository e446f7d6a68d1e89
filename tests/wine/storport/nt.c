/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A caller's memory, a read-only page, the IRQL, an eject and a debugger by documented interfaces,
 * for kernels that have them; Wine does not (wine.c). GCC has no __try: an address that cannot be
 * locked stops such a kernel.
 */

#include "double.h"

PVOID caller_output(IRP *irp)
{
    return irp->AssociatedIrp.SystemBuffer;
}

/* In the caller's context; its pages stay until the request has been completed. */
BOOLEAN caller_open(struct caller *caller, IRP *irp, PVOID address, ULONG length, BOOLEAN write)
{
    caller->mdl = length ? IoAllocateMdl(address, length, FALSE, FALSE, NULL) : NULL;
    caller->address = NULL;
    if (!caller->mdl)
        return !length;
    MmProbeAndLockPages(caller->mdl, irp->RequestorMode, write ? IoWriteAccess : IoReadAccess);
    caller->address = MmGetSystemAddressForMdlSafe(caller->mdl, NormalPagePriority);
    return caller->address != NULL;
}

void caller_close(struct caller *caller)
{
    if (!caller->mdl)
        return;
    MmUnlockPages(caller->mdl);
    IoFreeMdl(caller->mdl);
    caller->mdl = NULL;
}

BOOLEAN caller_read(const struct caller *caller, PVOID buffer, SIZE_T length)
{
    RtlCopyMemory(buffer, caller->address, length);
    return TRUE;
}

BOOLEAN caller_write(const struct caller *caller, const void *buffer, SIZE_T length)
{
    RtlCopyMemory(caller->address, buffer, length);
    return TRUE;
}

/* Another view of the page, which may be written to. */
void replace_import(ULONG_PTR *slot, const void *call)
{
    MDL *mdl = IoAllocateMdl(slot, sizeof *slot, FALSE, FALSE, NULL);
    ULONG_PTR *view;

    if (!mdl)
        return;
    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
    view = MmMapLockedPagesSpecifyCache(
        mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    if (view) {
        *view = (ULONG_PTR)call;
        MmUnmapLockedPages(view, mdl);
    }
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
}

/* MinGW has no __readcr8(), which the header's own function for x64 calls. */
KIRQL current_irql(void)
{
#if defined(_WIN64)
    ULONG64 level;

    __asm__ volatile("mov %%cr8, %0" : "=r"(level));
    return (KIRQL)level;
#else
    return KeGetCurrentIrql();
#endif
}

/* The PnP manager asks who uses the disk, and removes it later or not at all. */
BOOLEAN eject(struct disk *disk)
{
    IoRequestDeviceEject(disk->self);
    return TRUE;
}

/* Its own disk and volume drivers register these. */
void disk_announce(struct disk *disk)
{
    (void)disk;
}

void disk_withdraw(struct disk *disk)
{
    (void)disk;
}

/* At any IRQL. */
void debug_print(const char *line)
{
    DbgPrint("storport: %s", line);
}

/* This kernel does not touch an IRP that was completed: linger.c is for Wine alone. */
void irp_lingers(IRP *irp)
{
    (void)irp;
}
