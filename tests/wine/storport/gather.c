/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Calls for requests are kept back until enough commands wait: gather.h.
 *
 * A BATCH call that answers and asks is split: the driver gets the answers at once, and the
 * question later. A command that no call has brought yet waits in the driver.
 */

#include "double.h"
#include "gather.h"

#include <winspd/ioctl.h>

static KSPIN_LOCK lock;
static struct double_gather current;
static LONG waiting;    /* commands that no call has brought */
static LIST_ENTRY kept = { &kept, &kept };
static IRP *answering;  /* its answers are with the driver, its question is not */
static UINT32 wanted;   /* of that one */

static IO_STACK_LOCATION *stack_of(IRP *irp)
{
    return IoGetCurrentIrpStackLocation(irp);
}

/* NULL: it is another call. */
static SPD_IOCTL_BATCH_PARAMS *batch_of(IRP *irp)
{
    SPD_IOCTL_BATCH_PARAMS *batch = irp->AssociatedIrp.SystemBuffer;

    return stack_of(irp)->Parameters.DeviceIoControl.InputBufferLength >= sizeof *batch &&
            batch->Base.Code == SPD_IOCTL_BATCH
        ? batch
        : NULL;
}

/* The lock is held. A call that may go on, or NULL. */
static IRP *ripe(void)
{
    LONG least = (LONG)min(current.together, current.clients);

    if (IsListEmpty(&kept) || (least && waiting < least))
        return NULL;
    return CONTAINING_RECORD(RemoveHeadList(&kept), IRP, Tail.Overlay.ListEntry);
}

/* Something has changed. The driver completes a call for requests that wait at once, and then
 * fewer wait. */
static void look(struct adapter *adapter)
{
    KIRQL irql;
    IRP *irp;

    do {
        KeAcquireSpinLock(&lock, &irql);
        irp = ripe();
        KeReleaseSpinLock(&lock, irql);
        if (irp)
            service_request(adapter, irp);
    } while (irp);
}

static void keep(IRP *irp)
{
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    InsertTailList(&kept, &irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&lock, irql);
}

void gather_asked(struct adapter *adapter)
{
    InterlockedIncrement(&waiting);
    look(adapter);
}

/* The rest of a call whose answers have been taken. */
static void ask_only(IRP *irp)
{
    SPD_IOCTL_BATCH_PARAMS *batch = batch_of(irp);

    batch->Count = 0;
    batch->Wanted = wanted;
    stack_of(irp)->Parameters.DeviceIoControl.InputBufferLength = sizeof *batch;
}

void gather_service(struct adapter *adapter, IRP *irp)
{
    SPD_IOCTL_BATCH_PARAMS *batch = batch_of(irp);

    if (!current.clients || !batch || !batch->Wanted) {
        service_request(adapter, irp);
        return;
    }
    if (batch->Count) {
        wanted = batch->Wanted;
        batch->Wanted = 0;
        answering = irp;
        service_request(adapter, irp);
    } else {
        keep(irp);
    }
    look(adapter);
}

BOOLEAN gather_keeps(IRP *irp)
{
    const SPD_IOCTL_BATCH_PARAMS *batch = irp->AssociatedIrp.SystemBuffer;

    if (irp == answering) {
        answering = NULL;
        if (irp->IoStatus.Status)
            return FALSE;
        ask_only(irp);
        keep(irp);
        return TRUE;
    }
    if (irp->IoStatus.Information >= sizeof *batch && batch->Base.Code == SPD_IOCTL_BATCH)
        InterlockedExchangeAdd(&waiting, -(LONG)batch->Count);
    return FALSE;
}

static void begin(const struct double_gather *gather)
{
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    current = *gather;
    waiting = 0;
    KeReleaseSpinLock(&lock, irql);
}

static void part(void)
{
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    current.clients -= current.clients != 0;
    KeReleaseSpinLock(&lock, irql);
}

BOOLEAN gather(struct adapter *adapter, IRP *irp, NTSTATUS *status)
{
    ULONG code = stack_of(irp)->Parameters.DeviceIoControl.IoControlCode;
    ULONG in = stack_of(irp)->Parameters.DeviceIoControl.InputBufferLength;

    if (code != DOUBLE_IOCTL_GATHER && code != DOUBLE_IOCTL_PART)
        return FALSE;
    *status = STATUS_SUCCESS;
    if (code == DOUBLE_IOCTL_PART)
        part();
    else if (in >= sizeof(struct double_gather))
        begin(irp->AssociatedIrp.SystemBuffer);
    else
        *status = STATUS_INVALID_PARAMETER;
    complete_irp(irp, *status, 0);
    look(adapter);
    return TRUE;
}
