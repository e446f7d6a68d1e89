/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Functions that only tests ask for: control.h. */

#include "double.h"
#include "control.h"

static void srb_done(struct request *request)
{
    struct double_srb *reply = request->irp->AssociatedIrp.SystemBuffer;
    IRP *irp = request->irp;

    reply->status = request->srb.SrbStatus;
    request_free(request);
    complete_irp(irp, STATUS_SUCCESS, sizeof *reply);
}

/* In the order of their age. */
static SCSI_REQUEST_BLOCK *find_srb(struct adapter *adapter, ULONG btl, UCHAR which)
{
    SCSI_REQUEST_BLOCK *srb = NULL;
    LIST_ENTRY *entry;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->requests.Flink; entry != &adapter->requests && !srb;
         entry = entry->Flink) {
        struct request *request = CONTAINING_RECORD(entry, struct request, entry);

        if (ADDRESS(request->srb.PathId, request->srb.TargetId) == (btl & ~0xfful) && !which--)
            srb = &request->srb;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return srb;
}

static NTSTATUS send_srb(struct adapter *adapter, IRP *irp)
{
    struct double_srb *wanted = irp->AssociatedIrp.SystemBuffer;
    struct request *request = request_new(adapter, wanted->btl, 0);

    if (!request) {
        complete_irp(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    request->srb.Function = wanted->function;
    if (wanted->function == SRB_FUNCTION_ABORT_COMMAND)
        request->srb.NextSrb = find_srb(adapter, wanted->btl, wanted->which);
    request->irp = irp;
    request->done = srb_done;
    IoMarkIrpPending(irp);
    request_issue(request, 60);
    return STATUS_PENDING;
}

static void get_state(struct adapter *adapter, struct double_state *state)
{
    LIST_ENTRY *entry;
    KIRQL irql;

    RtlZeroMemory(state, sizeof *state);
    state->findings = judge_findings();
    state->requests = (ULONG)adapter->request_count;
    state->service_irps = service_count(adapter);
    state->pool_blocks = judge_pool_blocks();
    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->disks.Flink; entry != &adapter->disks; entry = entry->Flink) {
        state->disks++;
        state->started += CONTAINING_RECORD(entry, struct disk, entry)->started;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
}

static ULONG room_needed(ULONG code)
{
    switch (code) {
    case DOUBLE_IOCTL_SRB:
        return sizeof(struct double_srb);
    case DOUBLE_IOCTL_STATE:
        return sizeof(struct double_state);
    case DOUBLE_IOCTL_CLASS:
        return sizeof(struct double_class);
    default:
        return sizeof(ULONG);
    }
}

static ULONG eject_at(struct adapter *adapter, ULONG btl)
{
    struct disk *disk = disk_at(adapter, btl);

    return disk && disk->started && eject(disk);
}

static void keep_gone(struct adapter *adapter, BOOLEAN keep)
{
    adapter->keeps_gone = keep;
    scan_request(adapter);
}

static void be_silent(struct adapter *adapter, BOOLEAN silent)
{
    adapter->is_silent = silent;
    scan_request(adapter);
}

/* Nothing of this is a mistake: a test of the harness asks for it. */
static void die(ULONG how)
{
    volatile int *volatile nowhere = NULL;

    if (how == DOUBLE_DIES_OF_A_CALL)
        ExGetPreviousMode(); /* Wine does not have it */
    else
        *nowhere = 1;
}

static void simple(struct adapter *adapter, ULONG code, ULONG *number)
{
    switch (code) {
    case DOUBLE_IOCTL_RESET_BUS:
        *number = reset_bus(adapter, *number);
        break;
    case DOUBLE_IOCTL_FIND:
        judge_finding("a test asked for this");
        break;
    case DOUBLE_IOCTL_EJECT:
        *number = eject_at(adapter, *number);
        break;
    case DOUBLE_IOCTL_DIE:
        die(*number);
        break;
    case DOUBLE_IOCTL_KEEP_GONE:
        keep_gone(adapter, *number != 0);
        break;
    case DOUBLE_IOCTL_SILENT:
        be_silent(adapter, *number != 0);
        break;
    }
}

BOOLEAN control(struct adapter *adapter, IRP *irp, NTSTATUS *status)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    ULONG code = stack->Parameters.DeviceIoControl.IoControlCode;
    ULONG need = room_needed(code);

    if (code < DOUBLE_IOCTL_SRB || code > DOUBLE_IOCTL_SILENT)
        return FALSE;
    *status = STATUS_INVALID_PARAMETER;
    if (stack->Parameters.DeviceIoControl.OutputBufferLength < need ||
        (code != DOUBLE_IOCTL_STATE &&
            stack->Parameters.DeviceIoControl.InputBufferLength < need)) {
        complete_irp(irp, *status, 0);
        return TRUE;
    }
    *status = STATUS_SUCCESS;
    switch (code) {
    case DOUBLE_IOCTL_SRB:
        *status = send_srb(adapter, irp);
        return TRUE;
    case DOUBLE_IOCTL_CLASS:
        *status = class_send(adapter, irp);
        return TRUE;
    case DOUBLE_IOCTL_STACKED:
        *status = class_send_stacked(adapter, irp);
        return TRUE;
    case DOUBLE_IOCTL_STATE:
        get_state(adapter, irp->AssociatedIrp.SystemBuffer);
        break;
    default:
        simple(adapter, code, irp->AssociatedIrp.SystemBuffer);
    }
    complete_irp(irp, STATUS_SUCCESS, need);
    return TRUE;
}
