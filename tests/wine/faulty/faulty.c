/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A virtual miniport without units that makes one fault for each command: faults.h. The findings of
 * the StorPort double's judge are known, so this tests the judge. */

#include "vstorport.h"

#include "faults.h"
#include "image.h"

#define TAG 0x746c7546 /* Fult */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

static KSPIN_LOCK lock;
static PIRP kept;
static KTIMER timer;
static KDPC dpc;
static PVOID dpc_extension;

static void complete(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR status)
{
    srb->SrbStatus = status;
    StorPortNotification(RequestComplete, extension, srb);
}

static POOL_TYPE pool_type(enum fault fault)
{
    if (fault == FAULT_POOL_EXECUTABLE)
        return NonPagedPool;
    return fault == FAULT_PAGED_POOL ? PagedPool : 512; /* NonPagedPoolNx */
}

static void pool_fault(enum fault fault)
{
    UCHAR *block = ExAllocatePoolWithTag(
        pool_type(fault), fault == FAULT_POOL_OF_NOTHING ? 0 : 64, TAG);
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

static void wait_a_moment(void)
{
    LARGE_INTEGER moment = { .QuadPart = -1 };

    KeDelayExecutionThread(KernelMode, FALSE, &moment);
}

static void look_up_somebody(void)
{
    PEPROCESS process;

    if (NT_SUCCESS(PsLookupProcessByProcessId(NULL, &process)))
        ObDereferenceObject(process);
}

static NTSTATUS NTAPI stays_ours(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    UNREFERENCED_PARAMETER(device);
    UNREFERENCED_PARAMETER(irp);
    UNREFERENCED_PARAMETER(context);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void complete_irp_with_a_lock(void)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    KIRQL irql;

    if (!irp)
        return;
    IoSetCompletionRoutine(irp, stays_ours, NULL, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    irp->IoStatus.Status = STATUS_SUCCESS;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &irql);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    KeReleaseSpinLock(&lock, irql);
    IoFreeIrp(irp);
}

static void key_fault(enum fault fault)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    ULONG value[8], length;
    HANDLE key;

    RtlInitUnicodeString(&name, L"\\Registry\\None");
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (fault == FAULT_OPENS_A_KEY)
        ZwOpenKey(&key, KEY_READ, &attributes);
    else if (fault == FAULT_QUERIES_A_KEY)
        ZwQueryValueKey(NULL, &name, KeyValuePartialInformation, value, sizeof value, &length);
    else
        ZwClose(NULL);
}

/* Calls that are forbidden at DISPATCH_LEVEL. */
static void call_fault(enum fault fault)
{
    RTL_OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };
    KEVENT event;

    switch (fault) {
    case FAULT_WAITS:
        KeInitializeEvent(&event, NotificationEvent, TRUE);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        break;
    case FAULT_LOOKS_UP:
        look_up_somebody();
        break;
    case FAULT_BUILDS_AN_IRP:
        IoBuildDeviceIoControlRequest(0, NULL, NULL, 0, NULL, 0, FALSE, NULL, NULL);
        break;
    case FAULT_FLUSHES_DPCS:
        KeFlushQueuedDpcs();
        break;
    case FAULT_ASKS_THE_VERSION:
        RtlGetVersion(&version);
        break;
    case FAULT_COMPLETES_WITH_A_LOCK:
        complete_irp_with_a_lock();
        break;
    case FAULT_OPENS_A_KEY:
    case FAULT_QUERIES_A_KEY:
    case FAULT_CLOSES:
        key_fault(fault);
        break;
    default:
        wait_a_moment();
    }
}

static void log_fault(PVOID extension, enum fault fault)
{
    static WCHAR text[100];
    PWSTR strings[] = { text };
    STOR_LOG_EVENT_DETAILS details = {
        .InterfaceRevision = STOR_CURRENT_LOG_INTERFACE_REVISION +
            (fault == FAULT_LOGS_ANOTHER_REVISION),
        .Size = sizeof details,
        .StringCount = 1,
        .StringList = strings,
    };
    unsigned i;
    KIRQL irql;

    for (i = 0; i < (fault == FAULT_LOGS_TOO_MUCH ? 99 : 9); i++)
        text[i] = L'x';
    text[i] = 0;
    KeInitializeSpinLock(&lock);
    if (fault == FAULT_LOGS_WITH_A_LOCK)
        KeAcquireSpinLock(&lock, &irql);
    StorPortExtendedFunction(STOR_FUNCTION_LOG_SYSTEM_EVENT, extension, &details, NULL);
    if (fault == FAULT_LOGS_WITH_A_LOCK)
        KeReleaseSpinLock(&lock, irql);
}

static VOID NTAPI timer_runs(PKDPC self, PVOID srb, PVOID argument1, PVOID argument2)
{
    UNREFERENCED_PARAMETER(self);
    UNREFERENCED_PARAMETER(argument1);
    UNREFERENCED_PARAMETER(argument2);
    wait_a_moment();
    complete(dpc_extension, srb, SRB_STATUS_SUCCESS);
}

/* It ends the SRB. */
static void dpc_fault(PVOID extension, PSCSI_REQUEST_BLOCK srb)
{
    LARGE_INTEGER soon = { .QuadPart = -10000 };

    dpc_extension = extension;
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, timer_runs, srb);
    KeSetTimerEx(&timer, soon, 0, &dpc);
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
    case FAULT_DPC_DELAYS:
        dpc_fault(extension, srb);
        return TRUE;
    case FAULT_SRB_WITH_A_LOCK:
    case FAULT_LOCK_KEPT:
    case FAULT_LOCK_RELEASED_TWICE:
        lock_fault(extension, srb, fault);
        return TRUE;
    case FAULT_PAGED_POOL:
    case FAULT_POOL_EXECUTABLE:
    case FAULT_POOL_OF_NOTHING:
    case FAULT_POOL_TWICE:
    case FAULT_POOL_OVERRUN:
    case FAULT_POOL_TAG:
    case FAULT_POOL_OF_ANOTHER:
    case FAULT_POOL_LEAKED:
        pool_fault(fault);
        break;
    case FAULT_WAITS:
    case FAULT_DELAYS:
    case FAULT_OPENS_A_KEY:
    case FAULT_QUERIES_A_KEY:
    case FAULT_CLOSES:
    case FAULT_LOOKS_UP:
    case FAULT_BUILDS_AN_IRP:
    case FAULT_FLUSHES_DPCS:
    case FAULT_ASKS_THE_VERSION:
    case FAULT_COMPLETES_WITH_A_LOCK:
        call_fault(fault);
        break;
    case FAULT_LOGS_WITH_A_LOCK:
    case FAULT_LOGS_TOO_MUCH:
    case FAULT_LOGS_ANOTHER_REVISION:
        log_fault(extension, fault);
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
    KIRQL irql = 0;

    if (fault == FAULT_IRP_NEVER) {
        kept = irp;
        return;
    }
    irp->IoStatus.Status = fault == FAULT_IRP_PENDING ? STATUS_PENDING : STATUS_SUCCESS;
    irp->IoStatus.Information = fault == FAULT_IRP_TOO_LONG ? room + 1 : 0;
    if (fault == FAULT_IRP_WITH_AN_ADDRESS) {
        *(PVOID *)irp->AssociatedIrp.SystemBuffer = &irp->Tail;
        irp->IoStatus.Information = sizeof(PVOID);
    }
    KeInitializeSpinLock(&lock);
    if (fault == FAULT_IRP_WITH_A_LOCK)
        KeAcquireSpinLock(&lock, &irql);
    StorPortExtendedFunction(STOR_FUNCTION_COMPLETE_SERVICE_IRP, extension, irp);
    if (fault == FAULT_IRP_TWICE)
        StorPortExtendedFunction(STOR_FUNCTION_COMPLETE_SERVICE_IRP, extension, irp);
    if (fault == FAULT_IRP_WITH_A_LOCK)
        KeReleaseSpinLock(&lock, irql);
    if (fault == FAULT_IRP_KEEPS_A_LOCK)
        KeAcquireSpinLock(&lock, &irql);
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

/* The name that the port would give its next adapter: it has to find another. */
static void take_name(BOOLEAN take)
{
    static WCHAR name[] = L"\\DosDevices\\Scsi0:";
    WCHAR *number = name + sizeof name / sizeof *name - 3;
    UNICODE_STRING link, device;

    RtlInitUnicodeString(&link, name);
    RtlInitUnicodeString(&device, L"\\Device\\None");
    if (!take)
        IoDeleteSymbolicLink(&link);
    while (take && IoCreateSymbolicLink(&link, &device) && *number < L'9')
        ++*number;
}

static ULONG NTAPI find_adapter(PVOID extension, PVOID context, PVOID bus, PVOID lower,
    PCHAR arguments, PSTOR_PORT_CONFIGURATION config, PBOOLEAN again)
{
    UNREFERENCED_PARAMETER(extension);
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(bus);
    UNREFERENCED_PARAMETER(lower);
    UNREFERENCED_PARAMETER(arguments);
    take_name(FALSE); /* by now the adapter has its own */
    *again = FALSE;
    config->NumberOfBuses = 1;
    config->MaximumNumberOfTargets = 129;
    config->MaximumNumberOfLogicalUnits = 1;
    config->VirtualDevice = FALSE;
    return SP_RETURN_FOUND;
}

static BOOLEAN NTAPI reset_bus(PVOID extension, ULONG path)
{
    UNREFERENCED_PARAMETER(extension);
    if (path == FAULT_RESET_WAITS)
        call_fault(FAULT_DELAYS);
    return TRUE;
}

static SCSI_ADAPTER_CONTROL_STATUS NTAPI control(
    PVOID extension, SCSI_ADAPTER_CONTROL_TYPE type, PVOID parameters)
{
    PSCSI_SUPPORTED_CONTROL_TYPE_LIST list = parameters;

    UNREFERENCED_PARAMETER(extension);
    /* Touches one byte too far, and nothing before. */
    if (type == ScsiQuerySupportedControlTypes)
        list->SupportedTypeList[list->MaxControlType] = TRUE;
    return ScsiAdapterControlSuccess;
}

/* Each is refused. */
static void bad_entries(
    PDRIVER_OBJECT driver, PUNICODE_STRING path, const VIRTUAL_HW_INITIALIZATION_DATA *good)
{
    VIRTUAL_HW_INITIALIZATION_DATA entries = *good;
    ULONG libraries;

    entries.HwInitializationDataSize--;
    StorPortInitialize(driver, path, &entries, NULL);
    entries = *good;
    entries.HwResetBus = NULL;
    StorPortInitialize(driver, path, &entries, NULL);
    entries = *good;
    entries.AutoRequestSense = FALSE;
    StorPortInitialize(driver, path, &entries, NULL);
    entries = *good;
    libraries = image_hide_libraries(driver);
    StorPortInitialize(driver, path, &entries, NULL);
    image_show_libraries(driver, libraries);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    VIRTUAL_HW_INITIALIZATION_DATA entries = {
        .HwInitializationDataSize = sizeof entries,
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

    bad_entries(driver, path, &entries);
    image_has_addresses(driver);
    take_name(TRUE);
    return (NTSTATUS)StorPortInitialize(driver, path, &entries, NULL);
}
