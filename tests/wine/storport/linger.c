/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * IRPs that outlive their completion. When a process dies Wine orders all that it has pending to be
 * cancelled, and carries that out later, when some of it may have been completed, freed and be
 * something else by then: the emulated kernel dies of it, or cancels another's IRP. So the memory
 * of a completed IRP stays what it was for a while. Only Wine's own IRPs are kept: its routine is
 * the last to be called. For another kernel nt.c has an irp_lingers() that does nothing.
 */

#include "double.h"

#define LINGERING 64 /* more than can be pending between an order and its execution */

struct upper {
    PIO_COMPLETION_ROUTINE routine;
    PVOID context;
};

static KSPIN_LOCK lock;
static IRP *lingering[LINGERING];
static unsigned next;

/* Completing again what has no stack location left frees it. */
static void linger(IRP *irp)
{
    IRP *oldest;
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    oldest = lingering[next];
    lingering[next] = irp;
    next = (next + 1) % LINGERING;
    KeReleaseSpinLock(&lock, irql);
    if (oldest)
        IoCompleteRequest(oldest, IO_NO_INCREMENT);
}

/* The current stack location is that of who is called next: there is none above the last. */
static NTSTATUS NTAPI completed(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    struct upper upper = *(struct upper *)context;
    BOOLEAN last = irp->CurrentLocation > irp->StackCount;
    NTSTATUS status;

    ExFreePoolWithTag(context, TAG);
    status = upper.routine(device, irp, upper.context);
    if (!last || status == STATUS_MORE_PROCESSING_REQUIRED)
        return status;
    linger(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

void irp_lingers(IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    struct upper *upper;

    if (!stack->CompletionRoutine)
        return;
    upper = ExAllocatePoolWithTag(NonPagedPool, sizeof *upper, TAG);
    if (!upper)
        return;
    *upper = (struct upper){ stack->CompletionRoutine, stack->Context };
    stack->CompletionRoutine = completed;
    stack->Context = upper;
}
