/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Tells which processes live. A process that owns units keeps a LIFETIME request pending; the
 * system cancels it when the process goes. The IRP is asked for its process only when it arrives:
 * by a completion port it may outlive its thread.
 *
 * The system cancels it when its thread runs down. A thread that waits for the process's own unit
 * does not run down: process and unit would wait for each other until the request times out. Hence
 * a LIFETIME request whose thread is to end counts as none.
 *
 * A process-notify routine would tell no sooner: the system calls it in the last thread of the
 * process, which is the waiting thread. Windows also has places for 64 such routines only.
 */

#include "sys.h"

static bool emulated;
/* Called when a process has no LIFETIME request any more. */
static void (*gone)(struct sys_adapter *adapter, struct sys_process *process);

/* Wine exports names of functions that it lacks, and ends a driver that calls one of them. */
void sys_lifetime_prepare(
    void (*on_gone)(struct sys_adapter *adapter, struct sys_process *process))
{
    UNICODE_STRING name;

    gone = on_gone;
    RtlInitUnicodeString(&name, L"wine_ntoskrnl_main_loop");
    emulated = MmGetSystemRoutineAddress(&name);
}

static struct sys_process *process_of(PIRP irp)
{
    return irp->Tail.Overlay.DriverContext[0];
}

/* A reference. NULL: the end of its thread would not end the request. */
static PETHREAD watched_thread_of(PIRP irp)
{
    const FILE_OBJECT *file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    PETHREAD thread = irp->Tail.Overlay.Thread;

    if (emulated || !thread || !file || file->CompletionContext)
        return NULL;
    ObReferenceObject(thread);
    return thread;
}

static void forget(PIRP irp)
{
    PETHREAD thread = irp->Tail.Overlay.DriverContext[1];

    if (thread)
        ObDereferenceObject(thread);
    sys_process_unpend(process_of(irp), irp);
}

/* It is in no list any more. */
static void end(PIRP irp)
{
    struct sys_adapter *adapter = process_of(irp)->adapter;

    forget(irp);
    sys_complete_irp(adapter, irp, STATUS_CANCELLED, 0);
}

bool sys_lifetime_held(const struct sys_process *process)
{
    const LIST_ENTRY *at;

    for (at = process->lifetimes.Flink; at != &process->lifetimes; at = at->Flink) {
        const IRP *irp = CONTAINING_RECORD(at, IRP, Tail.Overlay.ListEntry);
        PETHREAD thread = irp->Tail.Overlay.DriverContext[1];

        if (!thread || !PsIsThreadTerminating(thread))
            return true;
    }
    return false;
}

_Requires_lock_held_(process->adapter->lock)
static void insert(struct sys_process *process, PIRP irp)
{
    InsertTailList(&process->lifetimes, &irp->Tail.Overlay.ListEntry);
    process->lifetime_count++;
}

_Requires_lock_held_(process->adapter->lock)
static void remove(struct sys_process *process, PIRP irp)
{
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    process->lifetime_count--;
}

/* It owns the IRP. The units go first: a program that waits for the end of the process finds
 * none. */
_Requires_no_locks_held_
static VOID NTAPI cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct sys_process *process = process_of(irp);
    struct sys_adapter *adapter = process->adapter;
    bool last;
    KIRQL irql;

    UNREFERENCED_PARAMETER(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    KeAcquireSpinLock(&adapter->lock, &irql);
    remove(process, irp);
    last = IsListEmpty(&process->lifetimes);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (last)
        gone(adapter, process);
    end(irp);
}

/* STATUS_PENDING, or the request is not in the list. Once it is pended, the adapter may go with it
 * at any time. */
_Requires_lock_not_held_(process->adapter->lock)
static NTSTATUS pend(struct sys_process *process, PIRP irp)
{
    struct sys_adapter *adapter = process->adapter;
    NTSTATUS status = STATUS_PENDING;
    KIRQL irql;

    irp->Tail.Overlay.DriverContext[0] = process;
    irp->Tail.Overlay.DriverContext[1] = watched_thread_of(irp);
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->stopped) {
        status = STATUS_CANCELLED;
    } else if (process->lifetime_count == SPD_IOCTL_LIFETIME_MAX) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else {
        insert(process, irp);
        IoSetCancelRoutine(irp, cancel);
        /* Cancelled before it could be. */
        if (irp->Cancel && IoSetCancelRoutine(irp, NULL)) {
            remove(process, irp);
            status = STATUS_CANCELLED;
        }
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return status;
}

/* STATUS_PENDING, or the caller completes it. */
NTSTATUS sys_lifetime_begin(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, UINT32 version)
{
    struct sys_process *process = sys_process_get(adapter, caller);
    NTSTATUS status;
    bool pended;

    if (!process)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (version)
        process->version = version;
    pended = sys_process_pend(process, irp);
    sys_process_put(process);
    if (!pended)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = pend(process, irp);
    if (status != STATUS_PENDING)
        forget(irp);
    return status;
}

/* A request that is being cancelled is left to its canceller. */
_Requires_lock_held_(process->adapter->lock)
static void take_all(struct sys_process *process, PLIST_ENTRY irps)
{
    PLIST_ENTRY at, next;

    for (at = process->lifetimes.Flink; at != &process->lifetimes; at = next) {
        PIRP irp = CONTAINING_RECORD(at, IRP, Tail.Overlay.ListEntry);

        next = at->Flink;
        if (!IoSetCancelRoutine(irp, NULL))
            continue;
        remove(process, irp);
        InsertTailList(irps, at);
    }
}

/* The adapter goes. */
void sys_lifetime_end_all(struct sys_adapter *adapter)
{
    LIST_ENTRY irps;
    PLIST_ENTRY at;
    KIRQL irql;

    InitializeListHead(&irps);
    KeAcquireSpinLock(&adapter->lock, &irql);
    for (at = adapter->processes.Flink; at != &adapter->processes; at = at->Flink)
        take_all(CONTAINING_RECORD(at, struct sys_process, all), &irps);
    KeReleaseSpinLock(&adapter->lock, irql);
    while (!IsListEmpty(&irps))
        end(CONTAINING_RECORD(RemoveHeadList(&irps), IRP, Tail.Overlay.ListEntry));
}
