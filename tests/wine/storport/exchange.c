/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests meet a server, and nothing else is done: exchange.h. */

#include "double.h"
#include "exchange.h"

static KSPIN_LOCK lock;
static struct double_exchange current;
static LIST_ENTRY asked = { &asked, &asked }, taken = { &taken, &taken };
static ULONG asked_count;
static IRP *taker;

static IRP *first_of(LIST_ENTRY *list)
{
    return CONTAINING_RECORD(RemoveHeadList(list), IRP, Tail.Overlay.ListEntry);
}

static ULONG out_of(IRP *irp)
{
    return IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.OutputBufferLength;
}

/* The lock is held. A taker that may go, or NULL. */
static IRP *ripe(ULONG *count)
{
    IRP *irp = taker;

    *count = min(current.together, current.clients);
    if (!irp || !*count || asked_count < *count)
        return NULL;
    taker = NULL;
    asked_count -= *count;
    for (ULONG i = 0; i < *count; i++)
        InsertTailList(&taken, &first_of(&asked)->Tail.Overlay.ListEntry);
    return irp;
}

static void bring(IRP *irp, ULONG count)
{
    struct double_taken *reply = irp->AssociatedIrp.SystemBuffer;
    ULONG length = sizeof(*reply) + count * current.take_brings;

    *reply = (struct double_taken){ count, current };
    complete_irp(irp, STATUS_SUCCESS, min(length, out_of(irp)));
}

/* Something has changed. */
static void look(void)
{
    ULONG count;
    KIRQL irql;
    IRP *irp;

    KeAcquireSpinLock(&lock, &irql);
    irp = ripe(&count);
    KeReleaseSpinLock(&lock, irql);
    if (irp)
        bring(irp, count);
}

static void begin(IRP *irp)
{
    IRP *waiting;
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    current = *(struct double_exchange *)irp->AssociatedIrp.SystemBuffer;
    waiting = taker;
    taker = NULL;
    KeReleaseSpinLock(&lock, irql);
    if (waiting)
        bring(waiting, 0);
    complete_irp(irp, STATUS_SUCCESS, 0);
}

static void leave(IRP *irp)
{
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    current.clients -= current.clients != 0;
    KeReleaseSpinLock(&lock, irql);
    complete_irp(irp, STATUS_SUCCESS, 0);
    look();
}

static void ask(IRP *irp)
{
    KIRQL irql;

    IoMarkIrpPending(irp);
    KeAcquireSpinLock(&lock, &irql);
    InsertTailList(&asked, &irp->Tail.Overlay.ListEntry);
    asked_count++;
    KeReleaseSpinLock(&lock, irql);
    look();
}

static void answer_all(void)
{
    LIST_ENTRY answered = { &answered, &answered };
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    while (!IsListEmpty(&taken))
        InsertTailList(&answered, &first_of(&taken)->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&lock, irql);
    while (!IsListEmpty(&answered)) {
        IRP *irp = first_of(&answered);

        complete_irp(irp, STATUS_SUCCESS, min(current.ask_brings, out_of(irp)));
    }
}

static void take(IRP *irp)
{
    KIRQL irql;

    IoMarkIrpPending(irp);
    answer_all();
    KeAcquireSpinLock(&lock, &irql);
    taker = irp;
    KeReleaseSpinLock(&lock, irql);
    look();
}

BOOLEAN exchange(IRP *irp, NTSTATUS *status)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    ULONG in = stack->Parameters.DeviceIoControl.InputBufferLength;

    *status = STATUS_SUCCESS;
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case DOUBLE_IOCTL_EXCHANGE:
        if (in >= sizeof(struct double_exchange)) {
            begin(irp);
            return TRUE;
        }
        break;
    case DOUBLE_IOCTL_LEAVE:
        leave(irp);
        return TRUE;
    case DOUBLE_IOCTL_ASK:
        ask(irp);
        *status = STATUS_PENDING;
        return TRUE;
    case DOUBLE_IOCTL_TAKE:
        if (out_of(irp) >= sizeof(struct double_taken)) {
            take(irp);
            *status = STATUS_PENDING;
            return TRUE;
        }
        break;
    default:
        return FALSE;
    }
    *status = STATUS_INVALID_PARAMETER;
    complete_irp(irp, *status, 0);
    return TRUE;
}
