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

static ULONG in_of(IRP *irp)
{
    return IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.InputBufferLength;
}

/* An asking IRP's SRB, or NULL. */
static struct request **srb_of(IRP *irp)
{
    return (struct request **)&irp->Tail.Overlay.DriverContext[0];
}

/* The data of an SRB, which end there in the IRP's buffer of so many bytes; NULL: they do not. */
static UCHAR *data_of(IRP *irp, ULONG end, ULONG length)
{
    UCHAR *buffer = irp->AssociatedIrp.SystemBuffer;

    return end >= current.srb && end <= length ? buffer + end - current.srb : NULL;
}

static void move(UCHAR *to, const UCHAR *from)
{
    if (to && from)
        RtlCopyMemory(to, from, current.srb);
}

static NTSTATUS make_srb(struct adapter *adapter, IRP *irp)
{
    struct request *request = NULL;

    if (current.srb && !(request = request_new(adapter, 0, current.srb)))
        return STATUS_INSUFFICIENT_RESOURCES;
    *srb_of(irp) = request;
    if (request && current.write)
        move(request->buffer, data_of(irp, in_of(irp), in_of(irp)));
    else if (request)
        RtlZeroMemory(request->buffer, current.srb);
    return STATUS_SUCCESS;
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

/* The requests stay in their place until the next TAKE; only one TAKE runs at a time. */
static void bring(IRP *irp, ULONG count)
{
    struct double_taken *reply = irp->AssociatedIrp.SystemBuffer;
    ULONG length = sizeof *reply + count * current.take_brings;
    ULONG end = sizeof *reply;

    *reply = (struct double_taken){ count, current };
    for (LIST_ENTRY *at = taken.Flink; current.write && at != &taken; at = at->Flink) {
        struct request *request =
            *srb_of(CONTAINING_RECORD(at, IRP, Tail.Overlay.ListEntry));

        end += current.take_brings;
        if (request)
            move(data_of(irp, end, out_of(irp)), request->buffer);
    }
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

static NTSTATUS ask(struct adapter *adapter, IRP *irp)
{
    NTSTATUS status = make_srb(adapter, irp);
    KIRQL irql;

    if (status) {
        complete_irp(irp, status, 0);
        return status;
    }
    IoMarkIrpPending(irp);
    KeAcquireSpinLock(&lock, &irql);
    InsertTailList(&asked, &irp->Tail.Overlay.ListEntry);
    asked_count++;
    KeReleaseSpinLock(&lock, irql);
    look();
    return STATUS_PENDING;
}

/* The data of a read come from where the taker has them. */
static void answer(IRP *irp, const UCHAR *data)
{
    struct request *request = *srb_of(irp);

    if (request && !current.write) {
        move(request->buffer, data);
        move(data_of(irp, current.ask_brings, out_of(irp)), request->buffer);
    }
    if (request)
        request_free(request);
    complete_irp(irp, STATUS_SUCCESS, min(current.ask_brings, out_of(irp)));
}

static void answer_all(IRP *taker_irp)
{
    ULONG end = sizeof(struct double_taken);
    LIST_ENTRY answered = { &answered, &answered };
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    while (!IsListEmpty(&taken))
        InsertTailList(&answered, &first_of(&taken)->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&lock, irql);
    while (!IsListEmpty(&answered)) {
        end += current.take_carries;
        answer(first_of(&answered), data_of(taker_irp, end, in_of(taker_irp)));
    }
}

static void take(IRP *irp)
{
    KIRQL irql;

    IoMarkIrpPending(irp);
    answer_all(irp);
    KeAcquireSpinLock(&lock, &irql);
    taker = irp;
    KeReleaseSpinLock(&lock, irql);
    look();
}

BOOLEAN exchange(struct adapter *adapter, IRP *irp, NTSTATUS *status)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);

    *status = STATUS_SUCCESS;
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case DOUBLE_IOCTL_EXCHANGE:
        if (in_of(irp) >= sizeof(struct double_exchange)) {
            begin(irp);
            return TRUE;
        }
        break;
    case DOUBLE_IOCTL_LEAVE:
        leave(irp);
        return TRUE;
    case DOUBLE_IOCTL_ASK:
        *status = ask(adapter, irp);
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
