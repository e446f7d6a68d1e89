/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * IRPs that outlive their completion. When a process dies Wine orders all that it has pending to be
 * cancelled, and carries that out later, when some of it may have been completed, freed and be
 * something else by then: the emulated kernel dies of it, or cancels another's IRP. So the memory
 * of a completed IRP stays what it was for a while. On another kernel the IRPs of user mode arrive
 * without a completion routine, and nothing of this happens.
 */

#include "double.h"

#define LINGERING 64 /* more than can be under way between an order and its execution */

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

static NTSTATUS NTAPI completed(DEVICE_OBJECT *device, IRP *irp, PVOID context)
{
    struct upper upper = *(struct upper *)context;

    ExFreePoolWithTag(context, TAG);
    if (upper.routine(device, irp, upper.context) != STATUS_MORE_PROCESSING_REQUIRED)
        linger(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

void irp_lingers(IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    struct upper *upper;

    if (!stack->CompletionRoutine)
        return;
    upper = ExAllocatePoolWithTag(NonPagedPool, sizeof(*upper), TAG);
    if (!upper)
        return;
    *upper = (struct upper){ stack->CompletionRoutine, stack->Context };
    stack->CompletionRoutine = completed;
    stack->Context = upper;
}
