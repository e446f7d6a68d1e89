/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Who is alive. A process that owns units keeps a LIFETIME request pending; the system cancels it
 * when the process goes. The IRP is asked for its process only when it arrives: by a completion
 * port it may outlive its thread.
 */

#include "sys.h"

static struct sys_process *process_of(PIRP irp)
{
    return irp->Tail.Overlay.DriverContext[0];
}

/* It is in no list any more. */
static void end(PIRP irp)
{
    struct sys_adapter *adapter = process_of(irp)->adapter;

    sys_process_unpend(process_of(irp), irp);
    sys_complete_irp(adapter, irp, STATUS_CANCELLED, 0);
}

/* The adapter's lock is held. */
bool sys_lifetime_held(const struct sys_process *process)
{
    return !IsListEmpty(&process->lifetimes);
}

/* The adapter's lock is held. */
static void insert(struct sys_process *process, PIRP irp)
{
    InsertTailList(&process->lifetimes, &irp->Tail.Overlay.ListEntry);
    process->lifetime_count++;
}

/* The adapter's lock is held. */
static void remove(struct sys_process *process, PIRP irp)
{
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    process->lifetime_count--;
}

/* It owns the IRP. The units go first: whoever waits for the end of the process finds none. */
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
    last = !sys_lifetime_held(process);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (last)
        sys_owner_gone(adapter, process);
    end(irp);
}

/* STATUS_PENDING, or the request is not in the list. */
static NTSTATUS pend(struct sys_process *process, PIRP irp)
{
    struct sys_adapter *adapter = process->adapter;
    NTSTATUS status = STATUS_PENDING;
    KIRQL irql;

    irp->Tail.Overlay.DriverContext[0] = process;
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->stopped) {
        status = STATUS_CANCELLED;
    } else if (process->lifetime_count == SYS_LIFETIMES_MAX) {
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
NTSTATUS sys_lifetime_begin(struct sys_adapter *adapter, PIRP irp, PEPROCESS caller)
{
    struct sys_process *process = sys_process_get(adapter, caller);
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;

    if (!process)
        return status;
    if (sys_process_pend(process, irp)) {
        status = pend(process, irp);
        if (status != STATUS_PENDING)
            sys_process_unpend(process, irp);
    }
    sys_process_put(process);
    return status;
}

/* The adapter's lock is held. What is being cancelled is left to its canceller. */
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
