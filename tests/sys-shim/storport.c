/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* StorPort and the I/O manager, by their documented behaviour. */

#include "shim.h"

#include <ntddscsi.h>
#include <stdarg.h>
#include <stdlib.h>

#include "internal.h"

struct shim_kernel shim;

struct call {
    IRP irp; /* first */
    LIST_ENTRY all;
    void *out;
    _Atomic bool done;
};

static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_ENTRY calls = { &calls, &calls };
static _Atomic long srbs_out;

static NTSTATUS pnp(PDEVICE_OBJECT device, PIRP irp)
{
    if (shim.on_pnp)
        shim.on_pnp();
    if (irp->stack.MinorFunction == IRP_MN_START_DEVICE) {
        device->started = !device->fails;
        return device->fails ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
    }
    if (irp->stack.MinorFunction == IRP_MN_REMOVE_DEVICE)
        device->started = false;
    return STATUS_SUCCESS;
}

ULONG StorPortInitialize(
    PVOID driver, PVOID path, PVIRTUAL_HW_INITIALIZATION_DATA entries, PVOID context)
{
    (void)path;
    (void)context;
    shim.entries = *entries;
    ((PDRIVER_OBJECT)driver)->MajorFunction[IRP_MJ_PNP] = pnp;
    return STATUS_SUCCESS;
}

static void complete_srb(PSCSI_REQUEST_BLOCK srb)
{
    struct shim_srb *box = (struct shim_srb *)srb;

    shim_check_unlocked("an SRB is completed with a lock held");
    shim_check(atomic_exchange(&box->sent, false), "an SRB is completed twice");
    shim_check(srb->SrbStatus != SRB_STATUS_PENDING, "an SRB is completed without a status");
    srbs_out--;
    shim_completed(&box->done);
    if (shim.released)
        shim.released();
}

VOID StorPortNotification(ULONG type, PVOID extension, ...)
{
    va_list arguments;

    shim_check(extension == shim.adapter, "a notification for another adapter");
    va_start(arguments, extension);
    if (type == RequestComplete)
        complete_srb(va_arg(arguments, PSCSI_REQUEST_BLOCK));
    else if (type == BusChangeDetected) {
        shim.bus_changes++;
        shim.changed_bus = va_arg(arguments, int);
    } else
        shim_check(false, "an unknown notification");
    va_end(arguments);
}

VOID StorPortStallExecution(ULONG delay)
{
    shim_stalled(delay);
    if (shim.on_stall)
        shim.on_stall();
}

static void complete_irp(PIRP irp)
{
    struct call *call = (struct call *)irp;
    ULONG written = (ULONG)irp->IoStatus.Information;

    shim_check_unlocked("an IRP is completed with a lock held");
    shim_check(!call->done, "an IRP is completed twice");
    shim_check(!__atomic_load_n(&irp->cancel, __ATOMIC_SEQ_CST),
        "an IRP is completed that can still be cancelled");
    shim_check(written <= irp->stack.Parameters.DeviceIoControl.OutputBufferLength,
        "an IRP brings more than there is room for");
    if (NT_SUCCESS(irp->IoStatus.Status) && written)
        memcpy(call->out, irp->AssociatedIrp.SystemBuffer, written);
    shim_completed(&call->done);
    if (shim.released)
        shim.released();
}

/* Remembers the last one. */
static void log_event(const STOR_LOG_EVENT_DETAILS *details)
{
    size_t length = wcslen(details->StringList[0]);

    shim_check_unlocked("an event is logged with a lock held");
    shim_check(details->InterfaceRevision == STOR_CURRENT_LOG_INTERFACE_REVISION &&
        details->Size == sizeof *details && details->StringCount == 1, "an odd event");
    shim_check((length + 1) * 2 <= 150 && length < sizeof shim.event, "an event is too long");
    pthread_mutex_lock(&calls_lock);
    for (size_t i = 0; i <= length; i++)
        shim.event[i] = (char)details->StringList[0][i];
    shim.event_code = details->ErrorCode;
    shim.events++;
    pthread_mutex_unlock(&calls_lock);
}

ULONG StorPortExtendedFunction(ULONG code, PVOID extension, ...)
{
    ULONG status = STOR_STATUS_SUCCESS;
    va_list arguments;

    shim_check(extension == shim.adapter, "a call for another adapter");
    va_start(arguments, extension);
    if (code == STOR_FUNCTION_GET_SYSTEM_ADDRESS) {
        PSCSI_REQUEST_BLOCK srb = va_arg(arguments, PSCSI_REQUEST_BLOCK);

        *va_arg(arguments, PVOID *) = shim.undescribed ? NULL : srb->DataBuffer;
        if (shim.unmapped)
            status = STOR_STATUS_INSUFFICIENT_RESOURCES;
        else if (shim.undescribed)
            status = STOR_STATUS_INVALID_PARAMETER;
    } else if (code == STOR_FUNCTION_COMPLETE_SERVICE_IRP) {
        complete_irp(va_arg(arguments, PIRP));
    } else if (code == STOR_FUNCTION_LOG_SYSTEM_EVENT) {
        log_event(va_arg(arguments, PSTOR_LOG_EVENT_DETAILS));
    } else {
        shim_check(false, "an unknown extended function");
    }
    va_end(arguments);
    return status;
}

void shim_start(ULONG capacity, ULONG timeout)
{
    static WCHAR name[] = L"key";
    UNICODE_STRING path = { .Buffer = name };
    BOOLEAN again;

    shim.capacity = capacity;
    shim.timeout = timeout;
    shim.bus_changes = 0;
    shim.events = 0;
    shim.debug_lines = 0;
    shim_check(DriverEntry(&shim.driver, &path) == STATUS_SUCCESS, "DriverEntry fails");
    shim.adapter = calloc(1, shim.entries.DeviceExtensionSize);
    shim_check(shim.entries.HwFindAdapter(shim.adapter, NULL, NULL, NULL, NULL, &shim.config,
                   &again) == SP_RETURN_FOUND, "there is no adapter");
    shim_check(shim.config.NumberOfBuses > 0 &&
        shim.config.MaximumNumberOfTargets <= SCSI_MAXIMUM_TARGETS_PER_BUS,
        "there are more targets on a bus than Windows takes");
    shim_check(shim.entries.HwInitialize(shim.adapter), "HwInitialize fails");
}

bool shim_ioctls_done(void)
{
    bool done = true;

    pthread_mutex_lock(&calls_lock);
    for (PLIST_ENTRY at = calls.Flink; at != &calls; at = at->Flink)
        done = done && CONTAINING_RECORD(at, struct call, all)->done;
    pthread_mutex_unlock(&calls_lock);
    return done;
}

void shim_stop(void)
{
    shim.entries.HwCompleteServiceIrp(shim.adapter);
    shim.entries.HwFreeAdapterResources(shim.adapter);
    free(shim.adapter);
    shim.adapter = NULL;
    shim_check(srbs_out == 0, "SRBs are never completed");
    shim_check(shim_ioctls_done(), "IRPs are never completed");
    shim_check(shim.pool == 0, "memory is left over");
}

/* So much of a system buffer; long ones that nobody uses take no memory. */
enum { FILLED = 128 * 1024 };

static FILE_OBJECT unported, ported = { .CompletionContext = &ported };

PIRP shim_ioctl_begin(
    PEPROCESS process, const void *in, ULONG in_length, void *out, ULONG out_length)
{
    struct call *call = calloc(1, sizeof *call);
    PETHREAD thread = process ? process->thread : NULL;
    ULONG length = in_length > out_length ? in_length : out_length;

    /* As the I/O manager: no buffer when there is nothing to carry. */
    if (length) {
        call->irp.AssociatedIrp.SystemBuffer = malloc(length);
        memset(call->irp.AssociatedIrp.SystemBuffer, 0xa5, length < FILLED ? length : FILLED);
        if (in_length)
            memcpy(call->irp.AssociatedIrp.SystemBuffer, in, in_length);
    }
    call->out = out;
    call->irp.process = process;
    if (process) {
        ObReferenceObject(process);
        ObReferenceObject(thread); /* while it runs */
    }
    call->irp.Tail.Overlay.Thread = thread;
    call->irp.stack.FileObject = shim.ported ? &ported : &unported;
    call->irp.stack.Parameters.DeviceIoControl.InputBufferLength = in_length;
    call->irp.stack.Parameters.DeviceIoControl.OutputBufferLength = out_length;
    pthread_mutex_lock(&calls_lock);
    InsertTailList(&calls, &call->all);
    pthread_mutex_unlock(&calls_lock);
    shim.entries.HwProcessServiceRequest(shim.adapter, &call->irp);
    if (thread)
        ObDereferenceObject(thread);
    return &call->irp;
}

void shim_ioctl_leave(PIRP irp)
{
    irp->left = true;
}

bool shim_ioctl_done(PIRP irp)
{
    return ((struct call *)irp)->done;
}

void shim_ioctl_wait(PIRP irp)
{
    shim_wait(&((struct call *)irp)->done);
}

NTSTATUS shim_ioctl_end(PIRP irp, ULONG *written)
{
    struct call *call = (struct call *)irp;
    NTSTATUS status;

    shim_ioctl_wait(irp);
    status = irp->IoStatus.Status;
    if (written)
        *written = (ULONG)irp->IoStatus.Information;
    pthread_mutex_lock(&calls_lock);
    RemoveEntryList(&call->all);
    pthread_mutex_unlock(&calls_lock);
    if (irp->process)
        ObDereferenceObject(irp->process);
    free(irp->AssociatedIrp.SystemBuffer);
    free(call);
    return status;
}

NTSTATUS shim_ioctl(PEPROCESS process, const void *in, ULONG in_length, void *out,
    ULONG out_length, ULONG *written)
{
    PIRP irp = shim_ioctl_begin(process, in, in_length, out, out_length);

    if (!shim_ioctl_done(irp))
        shim_ioctl_cancel(irp);
    return shim_ioctl_end(irp, written);
}

void shim_ioctl_cancel_pending(unsigned nth)
{
    struct call *found = NULL;

    pthread_mutex_lock(&calls_lock);
    for (PLIST_ENTRY at = calls.Flink; at != &calls; at = at->Flink) {
        struct call *call = CONTAINING_RECORD(at, struct call, all);

        if (call->done || call->irp.Cancel)
            continue;
        found = call;
        if (nth-- == 0)
            break;
    }
    pthread_mutex_unlock(&calls_lock);
    if (found)
        shim_ioctl_cancel(&found->irp);
}

/* The I/O manager cancels what its threads have pended; IRPs stay for those who began them. */
void shim_process_exit(PEPROCESS process)
{
    for (;;) {
        struct call *found = NULL;

        pthread_mutex_lock(&calls_lock);
        for (PLIST_ENTRY at = calls.Flink; at != &calls && !found; at = at->Flink) {
            struct call *call = CONTAINING_RECORD(at, struct call, all);

            if (call->irp.process == process && !call->done && !call->irp.Cancel)
                found = call;
        }
        pthread_mutex_unlock(&calls_lock);
        if (!found)
            break;
        shim_ioctl_cancel(&found->irp);
    }
    shim_process_forget(process);
}

void shim_srb_init(struct shim_srb *box, UCHAR function, UCHAR target)
{
    memset(box, 0, sizeof *box);
    box->srb.Length = sizeof box->srb;
    box->srb.Function = function;
    box->srb.TargetId = target;
    box->srb.SenseInfoBuffer = box->sense;
    box->srb.SenseInfoBufferLength = sizeof box->sense;
}

void shim_srb_cdb(struct shim_srb *box, const void *cdb, UCHAR length, ULONG direction, void *data,
    ULONG data_length)
{
    memcpy(box->srb.Cdb, cdb, length);
    box->srb.CdbLength = length;
    box->srb.SrbFlags = direction;
    box->srb.DataBuffer = data;
    box->srb.DataTransferLength = data_length;
}

void shim_srb_send(struct shim_srb *box)
{
    if (!shim.bare) {
        box->srb.SrbExtension = malloc(shim.entries.SrbExtensionSize);
        memset(box->srb.SrbExtension, 0xa5, shim.entries.SrbExtensionSize);
    }
    box->srb.SrbStatus = SRB_STATUS_PENDING;
    box->done = false;
    box->sent = true;
    srbs_out++;
    shim_check(shim.entries.HwStartIo(shim.adapter, &box->srb), "HwStartIo fails");
}

void shim_srb_wait(struct shim_srb *box)
{
    shim_wait(&box->done);
}

void shim_srb_free(struct shim_srb *box)
{
    shim_check(box->done, "the test frees an SRB that is not completed");
    free(box->srb.SrbExtension);
    box->srb.SrbExtension = NULL;
}

UCHAR shim_srb_run(struct shim_srb *box)
{
    shim_srb_send(box);
    shim_check(box->done, "an SRB waits for something that the test does not expect");
    shim_srb_free(box);
    return box->srb.SrbStatus & 0x3f;
}

PIRP IoBuildDeviceIoControlRequest(ULONG code, PDEVICE_OBJECT device, PVOID input, ULONG in,
    PVOID output, ULONG out, BOOLEAN internal, KEVENT *event, IO_STATUS_BLOCK *status)
{
    static _Thread_local IRP irp;

    (void)device;
    (void)input;
    (void)in;
    (void)internal;
    (void)event;
    (void)status;
    shim_check(code == IOCTL_SCSI_GET_ADDRESS && out == sizeof(SCSI_ADDRESS), "unknown IOCTL");
    irp.output = output;
    return &irp;
}

NTSTATUS IoCallDriver(PDEVICE_OBJECT device, PIRP irp)
{
    PSCSI_ADDRESS address = irp->output;

    shim_check(device->started, "a device is asked before it has started");
    address->PathId = device->path;
    address->TargetId = device->target;
    address->Lun = device->lun;
    return STATUS_SUCCESS;
}
