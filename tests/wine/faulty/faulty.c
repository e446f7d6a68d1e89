/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A virtual miniport without units that makes one fault for each command: faults.h. What the judge
 * of the StorPort double finds of it is known, so this tests the judge. */

#include "vstorport.h"

#include "faults.h"

#define TAG 0x746c7546 /* Fult */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

static KSPIN_LOCK lock;
static PIRP kept;

static void complete(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR status)
{
    srb->SrbStatus = status;
    StorPortNotification(RequestComplete, extension, srb);
}

static PVOID allocate(POOL_TYPE type)
{
    return ExAllocatePoolWithTag(type, 64, TAG);
}

static void pool_fault(enum fault fault)
{
    UCHAR *block = allocate(fault == FAULT_PAGED_POOL ? PagedPool : 512 /* NonPagedPoolNx */);
    static UCHAR others[256];

    if (!block)
        return;
    if (fault == FAULT_POOL_OVERRUN)
        block[64] = 0;
    if (fault == FAULT_POOL_OF_ANOTHER)
        ExFreePoolWithTag(others + 128, TAG);
    if (fault == FAULT_POOL_LEAKED)
        return;
    if (fault == FAULT_POOL_TWICE)
        ExFreePoolWithTag(block, TAG);
    ExFreePoolWithTag(block, fault == FAULT_POOL_TAG ? TAG + 1 : TAG);
}

static void waiting_fault(enum fault fault)
{
    LARGE_INTEGER moment = { .QuadPart = -1 };
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, TRUE);
    if (fault == FAULT_WAITS)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    else
        KeDelayExecutionThread(KernelMode, FALSE, &moment);
}

static void lock_fault(PVOID extension, PSCSI_REQUEST_BLOCK srb, enum fault fault)
{
    KIRQL irql;

    if (fault != FAULT_SRB_WITH_A_LOCK)
        complete(extension, srb, SRB_STATUS_SUCCESS);
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &irql);
    if (fault == FAULT_SRB_WITH_A_LOCK)
        complete(extension, srb, SRB_STATUS_SUCCESS);
    if (fault != FAULT_LOCK_KEPT)
        KeReleaseSpinLock(&lock, irql);
    if (fault == FAULT_LOCK_RELEASED_TWICE)
        KeReleaseSpinLock(&lock, irql);
}

static void strange_fault(PVOID extension, enum fault fault)
{
    SCSI_REQUEST_BLOCK nobodys = { 0 };
    PVOID address;

    if (fault == FAULT_STRANGE_NOTIFICATION)
        StorPortNotification(0x77, extension);
    else if (fault == FAULT_STRANGE_FUNCTION)
        StorPortExtendedFunction(0x77, extension);
    else
        StorPortExtendedFunction(
            STOR_FUNCTION_GET_SYSTEM_ADDRESS, extension, &nobodys, &address);
}

/* Each ends the SRB, but for the one that never does. */
static void srb_fault(PVOID extension, PSCSI_REQUEST_BLOCK srb, enum fault fault)
{
    UCHAR status = SRB_STATUS_SUCCESS;
    UCHAR *data = NULL;

    switch (fault) {
    case FAULT_SRB_NEVER:
        return;
    case FAULT_SRB_PENDING:
        status = SRB_STATUS_PENDING;
        break;
    case FAULT_SRB_TOO_LONG:
        srb->DataTransferLength += 1;
        break;
    case FAULT_SRB_WITHOUT_SENSE:
        srb->ScsiStatus = 2;
        status = SRB_STATUS_ERROR;
        break;
    case FAULT_SRB_FREEZES:
        status = SRB_STATUS_SUCCESS | 0x40; /* SRB_STATUS_QUEUE_FROZEN */
        break;
    case FAULT_DATA_WRITTEN_LATER:
        data = srb->DataBuffer;
        break;
    default:
        break;
    }
    complete(extension, srb, status);
    if (fault == FAULT_SRB_TWICE)
        StorPortNotification(RequestComplete, extension, srb);
    if (fault == FAULT_SRB_WRITTEN_LATER)
        srb->QueueTag = 7;
    if (data)
        data[0] = 7;
}

static BOOLEAN NTAPI start_io(PVOID extension, PSCSI_REQUEST_BLOCK srb)
{
    enum fault fault = srb->Cdb[2];

    if (srb->Function == SRB_FUNCTION_RESET_LOGICAL_UNIT ||
        srb->Function == SRB_FUNCTION_RESET_BUS) {
        complete(extension, srb, SRB_STATUS_SUCCESS);
        return TRUE;
    }
    if (srb->Function != SRB_FUNCTION_EXECUTE_SCSI || srb->Cdb[0] != 0 || srb->Cdb[3] != 1) {
        complete(extension, srb, SRB_STATUS_NO_DEVICE);
        return TRUE;
    }
    switch (fault) {
    case FAULT_SRB_WITH_A_LOCK:
    case FAULT_LOCK_KEPT:
    case FAULT_LOCK_RELEASED_TWICE:
        lock_fault(extension, srb, fault);
        return TRUE;
    case FAULT_PAGED_POOL:
    case FAULT_POOL_TWICE:
    case FAULT_POOL_OVERRUN:
    case FAULT_POOL_TAG:
    case FAULT_POOL_OF_ANOTHER:
    case FAULT_POOL_LEAKED:
        pool_fault(fault);
        break;
    case FAULT_WAITS:
    case FAULT_DELAYS:
        waiting_fault(fault);
        break;
    case FAULT_STRANGE_NOTIFICATION:
    case FAULT_STRANGE_FUNCTION:
    case FAULT_STRANGE_ADDRESS:
        strange_fault(extension, fault);
        break;
    default:
        break;
    }
    srb_fault(extension, srb, fault);
    return fault != FAULT_STARTIO_FALSE;
}

static VOID NTAPI process_service_request(PVOID extension, PVOID service_irp)
{
    PIRP irp = service_irp;
    ULONG room = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.OutputBufferLength;
    enum fault fault = *(ULONG *)irp->AssociatedIrp.SystemBuffer;

    if (fault == FAULT_IRP_NEVER) {
        kept = irp;
        return;
    }
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    if (fault == FAULT_IRP_PENDING)
        irp->IoStatus.Status = STATUS_PENDING;
    if (fault == FAULT_IRP_TOO_LONG)
        irp->IoStatus.Information = room + 1;
    StorPortExtendedFunction(STOR_FUNCTION_COMPLETE_SERVICE_IRP, extension, irp);
    if (fault == FAULT_IRP_TWICE)
        StorPortExtendedFunction(STOR_FUNCTION_COMPLETE_SERVICE_IRP, extension, irp);
}

static VOID NTAPI complete_service_irp(PVOID extension)
{
    UNREFERENCED_PARAMETER(extension);
}

static BOOLEAN NTAPI initialize(PVOID extension)
{
    UNREFERENCED_PARAMETER(extension);
    return TRUE;
}

static ULONG NTAPI find_adapter(PVOID extension, PVOID context, PVOID bus, PVOID lower,
    PCHAR arguments, PSTOR_PORT_CONFIGURATION config, PBOOLEAN again)
{
    UNREFERENCED_PARAMETER(extension);
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(bus);
    UNREFERENCED_PARAMETER(lower);
    UNREFERENCED_PARAMETER(arguments);
    *again = FALSE;
    config->NumberOfBuses = 1;
    config->MaximumNumberOfTargets = 1;
    config->MaximumNumberOfLogicalUnits = 1;
    config->VirtualDevice = TRUE;
    return SP_RETURN_FOUND;
}

static BOOLEAN NTAPI reset_bus(PVOID extension, ULONG path)
{
    UNREFERENCED_PARAMETER(extension);
    UNREFERENCED_PARAMETER(path);
    return TRUE;
}

static SCSI_ADAPTER_CONTROL_STATUS NTAPI control(
    PVOID extension, SCSI_ADAPTER_CONTROL_TYPE type, PVOID parameters)
{
    UNREFERENCED_PARAMETER(extension);
    UNREFERENCED_PARAMETER(type);
    UNREFERENCED_PARAMETER(parameters);
    return ScsiAdapterControlSuccess;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    VIRTUAL_HW_INITIALIZATION_DATA entries = {
        .HwInitializationDataSize = sizeof(entries),
        .AdapterInterfaceType = Internal,
        .HwInitialize = initialize,
        .HwStartIo = start_io,
        .HwFindAdapter = find_adapter,
        .HwResetBus = reset_bus,
        .HwAdapterControl = control,
        .HwProcessServiceRequest = process_service_request,
        .HwCompleteServiceIrp = complete_service_irp,
        .DeviceExtensionSize = 16,
        .SrbExtensionSize = 64,
        .MapBuffers = STOR_MAP_ALL_BUFFERS,
        .TaggedQueuing = TRUE,
        .AutoRequestSense = TRUE,
        .MultipleRequestPerLu = TRUE,
    };

    return (NTSTATUS)StorPortInitialize(driver, path, &entries, NULL);
}
