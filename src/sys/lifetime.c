/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Who is alive. A process that owns units keeps a LIFETIME request pending; the system cancels it
 * when the process goes. Processes are told apart by their objects, to which units and these
 * requests hold references, so an id that is used again means nothing. The IRP is asked for its
 * process only when it arrives: by a completion port it may outlive its thread.
 */

#include "sys.h"

static PEPROCESS process_of(PIRP irp)
{
    return irp->Tail.Overlay.DriverContext[1];
}

static void end(struct sys_adapter *adapter, PIRP irp)
{
    ObDereferenceObject(process_of(irp));
    sys_complete_irp(adapter, irp, STATUS_CANCELLED, 0);
}

/* The adapter's lock is held. */
bool sys_lifetime_held(struct sys_adapter *adapter, PEPROCESS process)
{
    PLIST_ENTRY at;

    for (at = adapter->lifetimes.Flink; at != &adapter->lifetimes; at = at->Flink)
        if (process_of(CONTAINING_RECORD(at, IRP, Tail.Overlay.ListEntry)) == process)
            return true;
    return false;
}

/* It owns the IRP. The units go first: whoever waits for the end of the process finds none. */
static VOID NTAPI cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct sys_adapter *adapter = irp->Tail.Overlay.DriverContext[0];
    PEPROCESS process = process_of(irp);
    bool last;
    KIRQL irql;

    UNREFERENCED_PARAMETER(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    KeAcquireSpinLock(&adapter->lock, &irql);
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    last = !sys_lifetime_held(adapter, process);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (last)
        sys_unit_owner_gone(adapter, process);
    end(adapter, irp);
}

/* STATUS_PENDING, or the caller completes it. */
NTSTATUS sys_lifetime_begin(struct sys_adapter *adapter, PIRP irp, PEPROCESS process)
{
    NTSTATUS status = STATUS_PENDING;
    KIRQL irql;

    irp->Tail.Overlay.DriverContext[0] = adapter;
    irp->Tail.Overlay.DriverContext[1] = process;
    ObReferenceObject(process);
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->stopped) {
        status = STATUS_CANCELLED;
    } else {
        InsertTailList(&adapter->lifetimes, &irp->Tail.Overlay.ListEntry);
        IoSetCancelRoutine(irp, cancel);
        /* Cancelled before it could be. */
        if (irp->Cancel && IoSetCancelRoutine(irp, NULL)) {
            RemoveEntryList(&irp->Tail.Overlay.ListEntry);
            status = STATUS_CANCELLED;
        }
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (status != STATUS_PENDING)
        ObDereferenceObject(process);
    return status;
}

/* The adapter goes. What is being cancelled is left to its canceller. */
void sys_lifetime_end_all(struct sys_adapter *adapter)
{
    LIST_ENTRY irps;
    PLIST_ENTRY at, next;
    KIRQL irql;

    InitializeListHead(&irps);
    KeAcquireSpinLock(&adapter->lock, &irql);
    for (at = adapter->lifetimes.Flink; at != &adapter->lifetimes; at = next) {
        PIRP irp = CONTAINING_RECORD(at, IRP, Tail.Overlay.ListEntry);

        next = at->Flink;
        if (!IoSetCancelRoutine(irp, NULL))
            continue;
        RemoveEntryList(at);
        InsertTailList(&irps, at);
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    while (!IsListEmpty(&irps))
        end(adapter, CONTAINING_RECORD(RemoveHeadList(&irps), IRP, Tail.Overlay.ListEntry));
}
