/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Functions that the miniport calls, and its service IRPs. */

#include "double.h"

struct service {
    LIST_ENTRY entry;
    IRP *irp;
};

void service_request(struct adapter *adapter, IRP *irp)
{
    struct service *service = ExAllocatePoolWithTag(NonPagedPool, sizeof *service, TAG);
    KIRQL irql;

    if (!service) {
        complete_irp(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        return;
    }
    service->irp = irp;
    KeAcquireSpinLock(&adapter->lock, &irql);
    InsertTailList(&adapter->service_irps, &service->entry);
    KeReleaseSpinLock(&adapter->lock, irql);
    adapter->miniport->hw.HwProcessServiceRequest(adapter->extension, irp);
    judge_returned();
}

ULONG service_count(struct adapter *adapter)
{
    LIST_ENTRY *entry;
    ULONG count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->service_irps.Flink; entry != &adapter->service_irps; entry = entry->Flink)
        count++;
    KeReleaseSpinLock(&adapter->lock, irql);
    return count;
}

/* A call of the driver's interface begins with its length and a letter, which come back as they
 * are. Where the pool lies low, as Wine's does, they look like an address of it: 0x00620018. */
static BOOLEAN is_head(ULONG_PTR word)
{
    enum { LONGEST = 136 };
    ULONG_PTR letter = word >> 16;

    return (word & 0xffff) <= LONGEST && letter >= 'A' && letter <= 'z';
}

/* An address of the kernel tells a program where to aim. The bytes after the head of a reply may be
 * a disk's data, with any values. */
static void judge_reply(struct adapter *adapter, const IRP *irp)
{
    enum { HEAD = 72 };
    const ULONG_PTR *words = irp->AssociatedIrp.SystemBuffer;
    SIZE_T length = min(irp->IoStatus.Information, HEAD), i;
    const DRIVER_OBJECT *driver = adapter->miniport->driver;

    if (!NT_SUCCESS(irp->IoStatus.Status))
        return;
    for (i = 0; i < length / sizeof *words; i++) {
        if (!i && is_head(words[i]))
            continue;
        if (words[i] - (ULONG_PTR)irp < sizeof *irp ||
            words[i] - (ULONG_PTR)irp->AssociatedIrp.SystemBuffer < HEAD ||
            words[i] - (ULONG_PTR)adapter->extension < adapter->config.DeviceExtensionSize ||
            words[i] - (ULONG_PTR)driver->DriverStart < driver->DriverSize ||
            judge_pool_holds(words[i]) || requests_hold(adapter, words[i]))
            judge_finding("a service IRP gives an address of the kernel away, at byte %u",
                (unsigned)(i * sizeof *words));
    }
}

static void service_completed(struct adapter *adapter, IRP *irp)
{
    struct service *found = NULL;
    LIST_ENTRY *entry;
    KIRQL irql;

    judge_unlocked("StorPortCompleteServiceIrp");
    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->service_irps.Flink; entry != &adapter->service_irps;
         entry = entry->Flink) {
        struct service *service = CONTAINING_RECORD(entry, struct service, entry);

        if (service->irp == irp) {
            RemoveEntryList(entry);
            found = service;
            break;
        }
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!found) {
        judge_finding("a service IRP is completed that the miniport does not have: twice?");
        return;
    }
    ExFreePoolWithTag(found, TAG);
    if (irp->IoStatus.Status == STATUS_PENDING)
        judge_finding("a service IRP is completed as pending");
    if (irp->IoStatus.Information >
        IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.OutputBufferLength)
        judge_finding("a service IRP returns more than its buffer holds");
    judge_reply(adapter, irp);
    if (gather_keeps(irp))
        return;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

VOID __cdecl StorPortNotification(ULONG type, PVOID extension, ...)
{
    struct adapter *adapter = adapter_of_extension(extension);
    va_list arguments;

    va_start(arguments, extension);
    switch (type) {
    case RequestComplete:
        request_completed(adapter, va_arg(arguments, SCSI_REQUEST_BLOCK *));
        break;
    case BusChangeDetected:
        scan_request(adapter);
        break;
    default:
        judge_finding("StorPortNotification of an unknown type, %u", (unsigned)type);
        break;
    }
    va_end(arguments);
}

static ULONG system_address(struct adapter *adapter, SCSI_REQUEST_BLOCK *srb, PVOID *address)
{
    struct request *request = request_of_srb(adapter, srb);

    *address = NULL;
    if (!request) {
        judge_finding("StorPortGetSystemAddress of an SRB that the miniport does not have");
        return STOR_STATUS_UNSUCCESSFUL;
    }
    if (!request->buffer)
        return STOR_STATUS_UNSUCCESSFUL;
    *address = request->buffer;
    return STOR_STATUS_SUCCESS;
}

/* Into the judge's log: Windows has a limit for what goes with an event. */
static ULONG log_event(const STOR_LOG_EVENT_DETAILS *details)
{
    SIZE_T bytes = details->DumpDataSize;
    char text[76] = "";
    ULONG i, j;

    judge_unlocked("StorPortLogSystemEvent");
    if (details->InterfaceRevision != STOR_CURRENT_LOG_INTERFACE_REVISION ||
        details->Size != sizeof *details || details->Flags) {
        judge_finding("StorPortLogSystemEvent of another revision or size");
        return STOR_STATUS_INVALID_PARAMETER;
    }
    for (i = 0; i < details->StringCount; i++)
        for (j = 0; j == 0 || details->StringList[i][j - 1]; j++, bytes += sizeof(WCHAR))
            if (j < sizeof text - 1)
                text[j] = (char)details->StringList[i][j];
    if (bytes > 150) {
        judge_finding("StorPortLogSystemEvent of %u bytes", (unsigned)bytes);
        return STOR_STATUS_INVALID_BUFFER_SIZE;
    }
    judge_note("event %08x: %s", (unsigned)details->ErrorCode, text);
    return STOR_STATUS_SUCCESS;
}

ULONG __cdecl StorPortExtendedFunction(ULONG code, PVOID extension, ...)
{
    struct adapter *adapter = adapter_of_extension(extension);
    ULONG status = STOR_STATUS_SUCCESS;
    SCSI_REQUEST_BLOCK *srb;
    va_list arguments;

    va_start(arguments, extension);
    switch (code) {
    case STOR_FUNCTION_GET_SYSTEM_ADDRESS:
        srb = va_arg(arguments, SCSI_REQUEST_BLOCK *);
        status = system_address(adapter, srb, va_arg(arguments, PVOID *));
        break;
    case STOR_FUNCTION_COMPLETE_SERVICE_IRP:
        service_completed(adapter, va_arg(arguments, IRP *));
        break;
    case STOR_FUNCTION_LOG_SYSTEM_EVENT:
        status = log_event(va_arg(arguments, STOR_LOG_EVENT_DETAILS *));
        break;
    default:
        judge_finding("StorPortExtendedFunction of an unknown code, %u", (unsigned)code);
        status = STOR_STATUS_NOT_IMPLEMENTED;
        break;
    }
    va_end(arguments);
    return status;
}

VOID NTAPI StorPortStallExecution(ULONG Delay)
{
    LARGE_INTEGER frequency, begin = KeQueryPerformanceCounter(&frequency);
    LONGLONG ticks = frequency.QuadPart * Delay / 1000000;

    while (KeQueryPerformanceCounter(NULL).QuadPart - begin.QuadPart < ticks)
        YieldProcessor();
}
