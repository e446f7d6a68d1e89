/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Processes that own or serve units, and the bounds on their pending requests. A process is known
 * by its object, to which its record holds a reference, so a reused id means nothing.
 *
 * Each pended request is an IRP with a system buffer of non-paged memory. The record counts
 * requests and bytes, so that no program takes all of this memory, or makes lists of requests long.
 */

#include "sys.h"

/* No reference. */
_Requires_lock_held_(adapter->lock)
static struct sys_process *find(struct sys_adapter *adapter, PEPROCESS object)
{
    PLIST_ENTRY at;

    for (at = adapter->processes.Flink; at != &adapter->processes; at = at->Flink) {
        struct sys_process *process = CONTAINING_RECORD(at, struct sys_process, all);

        if (process->object == object)
            return process;
    }
    return NULL;
}

struct sys_process *sys_process_find(struct sys_adapter *adapter, PEPROCESS object)
{
    struct sys_process *process;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    process = find(adapter, object);
    if (process)
        sys_process_hold(process);
    KeReleaseSpinLock(&adapter->lock, irql);
    return process;
}

_No_competing_thread_
static struct sys_process *process_new(struct sys_adapter *adapter, PEPROCESS object)
{
    struct sys_process *process = sys_allocate(sizeof *process);

    if (!process)
        return NULL;
    memset(process, 0, sizeof *process);
    process->adapter = adapter;
    process->object = object;
    process->references = 1;
    InitializeListHead(&process->lifetimes);
    ObReferenceObject(object);
    return process;
}

static void process_free(struct sys_process *process)
{
    ObDereferenceObject(process->object);
    sys_free(process);
}

struct sys_process *sys_process_get(struct sys_adapter *adapter, PEPROCESS object)
{
    struct sys_process *found = sys_process_find(adapter, object), *fresh;
    KIRQL irql;

    if (found)
        return found;
    fresh = process_new(adapter, object);
    if (!fresh)
        return NULL;
    KeAcquireSpinLock(&adapter->lock, &irql);
    found = find(adapter, object);
    if (found)
        sys_process_hold(found);
    else
        InsertTailList(&adapter->processes, &fresh->all);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!found)
        return fresh;
    process_free(fresh);
    return found;
}

struct sys_process *sys_process_hold(struct sys_process *process)
{
    process->references++;
    return process;
}

/* The last reference goes with the adapter's lock held, so that nobody finds the process then. */
void sys_process_put(struct sys_process *process)
{
    struct sys_adapter *adapter = process->adapter;
    uint32_t references = process->references;
    bool last;
    KIRQL irql;

    while (references > 1)
        if (atomic_compare_exchange_weak(&process->references, &references, references - 1))
            return;
    KeAcquireSpinLock(&adapter->lock, &irql);
    last = --process->references == 0;
    if (last)
        RemoveEntryList(&process->all);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (last)
        process_free(process);
}

/* The length of the system buffer that a buffered IRP brings with it. */
static uint32_t pages_of(PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG in = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG out = stack->Parameters.DeviceIoControl.OutputBufferLength;

    return (in > out ? in : out) / SYS_PAGE + 1;
}

static void uncount(struct sys_process *process, PIRP irp)
{
    process->pended--;
    process->pended_pages -= pages_of(irp);
}

bool sys_process_pend(struct sys_process *process, PIRP irp)
{
    uint32_t added = pages_of(irp);
    uint32_t count = atomic_fetch_add(&process->pended, 1) + 1;
    uint32_t pages = atomic_fetch_add(&process->pended_pages, added) + added;

    if (count <= SPD_IOCTL_PENDING_MAX && pages <= SYS_PENDED_PAGES_MAX) {
        sys_process_hold(process);
        return true;
    }
    uncount(process, irp);
    return false;
}

void sys_process_unpend(struct sys_process *process, PIRP irp)
{
    uncount(process, irp);
    sys_process_put(process);
}
