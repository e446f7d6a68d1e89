/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The adapter: a functional device object above the root enumerator's device. */

#include "double.h"

/* GUID_DEVINTERFACE_STORAGEPORT */
static const GUID storage_port_interface = {
    0x2accfe60, 0xc130, 0x11d2, { 0xb0, 0x82, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b }
};

/* The miniport's extension lies behind this, so that its calls find the adapter. */
struct extension_header {
    struct adapter *adapter;
    PVOID reserved;
};

struct adapter *adapter_of_extension(PVOID extension)
{
    return ((struct extension_header *)extension - 1)->adapter;
}

static const struct names adapter_names = {
    .device = L"\\Device\\RaidPort%u",
    .link = L"\\DosDevices\\Scsi%u:",
    .type = FILE_DEVICE_CONTROLLER,
    .end = 64,
};

NTSTATUS NTAPI adapter_add(DRIVER_OBJECT *driver, DEVICE_OBJECT *pdo)
{
    struct adapter *adapter;
    DEVICE_OBJECT *device;
    NTSTATUS status;
    ULONG number;

    status = named_device_create(driver, &adapter_names, sizeof *adapter, &device, &number);
    if (status)
        return status;
    adapter = device->DeviceExtension;
    RtlZeroMemory(adapter, sizeof *adapter);
    adapter->kind = DEVICE_ADAPTER;
    adapter->self = device;
    adapter->pdo = pdo;
    adapter->number = number;
    adapter->miniport = miniport_of(driver);
    KeInitializeSpinLock(&adapter->lock);
    InitializeListHead(&adapter->requests);
    InitializeListHead(&adapter->service_irps);
    InitializeListHead(&adapter->disks);
    KeInitializeEvent(&adapter->wake, SynchronizationEvent, FALSE);
    adapter->lower = IoAttachDeviceToDeviceStack(device, pdo);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    judge_note("adapter %u added", (unsigned)number);
    return STATUS_SUCCESS;
}

static void default_configuration(struct adapter *adapter)
{
    STOR_PORT_CONFIGURATION *config = &adapter->config;
    const VIRTUAL_HW_INITIALIZATION_DATA *hw = &adapter->miniport->hw;

    RtlZeroMemory(config, sizeof *config);
    config->Length = sizeof *config;
    config->AdapterInterfaceType = hw->AdapterInterfaceType;
    config->MaximumTransferLength = 0xffffffff;
    config->NumberOfPhysicalBreaks = 0xffffffff;
    config->MapBuffers = hw->MapBuffers;
    config->TaggedQueuing = hw->TaggedQueuing;
    config->AutoRequestSense = hw->AutoRequestSense;
    config->MultipleRequestPerLu = hw->MultipleRequestPerLu;
    config->DeviceExtensionSize = hw->DeviceExtensionSize;
    config->SpecificLuExtensionSize = hw->SpecificLuExtensionSize;
    config->SrbExtensionSize = hw->SrbExtensionSize;
    config->MaximumNumberOfLogicalUnits = 8;
    config->MaximumNumberOfTargets = SCSI_MAXIMUM_TARGETS_PER_BUS;
}

static NTSTATUS find_adapter(struct adapter *adapter)
{
    const VIRTUAL_HW_INITIALIZATION_DATA *hw = &adapter->miniport->hw;
    struct extension_header *header;
    SIZE_T length = sizeof *header + hw->DeviceExtensionSize;
    BOOLEAN again = FALSE;

    header = ExAllocatePoolWithTag(NonPagedPool, length, TAG);
    if (!header)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(header, length);
    header->adapter = adapter;
    default_configuration(adapter);
    if (hw->HwFindAdapter(header + 1, adapter->miniport->context, NULL, adapter->lower, NULL,
            &adapter->config, &again) != SP_RETURN_FOUND) {
        ExFreePoolWithTag(header, TAG);
        return STATUS_NO_SUCH_DEVICE;
    }
    if (!adapter->config.NumberOfBuses || !adapter->config.MaximumNumberOfTargets ||
        adapter->config.MaximumNumberOfLogicalUnits < 1 || !adapter->config.VirtualDevice)
        judge_finding("HwFindAdapter left a configuration without buses, targets or units");
    if (adapter->config.NumberOfBuses > MAX_BUSES ||
        adapter->config.MaximumNumberOfTargets > SCSI_MAXIMUM_TARGETS_PER_BUS) {
        judge_finding("HwFindAdapter wants more targets than there can be");
        adapter->config.NumberOfBuses = adapter->config.MaximumNumberOfTargets = 1;
    }
    adapter->extension = (UCHAR *)(header + 1);
    if (hw->HwInitialize(adapter->extension))
        return STATUS_SUCCESS;
    adapter->extension = NULL;
    ExFreePoolWithTag(header, TAG);
    return STATUS_ADAPTER_HARDWARE_ERROR;
}

/* A port asks this before it calls HwAdapterControl for anything else. */
static void judge_control_types(struct adapter *adapter)
{
    enum { TYPES = ScsiRestartAdapter + 1 };
    ULONG memory[4] = { 0 };
    SCSI_SUPPORTED_CONTROL_TYPE_LIST *list = (SCSI_SUPPORTED_CONTROL_TYPE_LIST *)memory;
    BOOLEAN *end = list->SupportedTypeList + TYPES;

    C_ASSERT(sizeof memory > sizeof *list + TYPES);
    list->MaxControlType = TYPES;
    *end = 0x5a;
    adapter->miniport->hw.HwAdapterControl(
        adapter->extension, ScsiQuerySupportedControlTypes, list);
    if (*end != 0x5a)
        judge_finding("HwAdapterControl writes past the end of a list");
    if (!list->SupportedTypeList[ScsiStopAdapter] || !list->SupportedTypeList[ScsiRestartAdapter])
        judge_finding("HwAdapterControl can neither stop nor restart");
}

static NTSTATUS adapter_start(struct adapter *adapter)
{
    NTSTATUS status = find_adapter(adapter);

    if (status) {
        judge_note("adapter %u does not start: %08x", (unsigned)adapter->number,
            (unsigned)status);
        return status;
    }
    judge_control_types(adapter);
    status = IoRegisterDeviceInterface(
        adapter->pdo, &storage_port_interface, NULL, &adapter->interface_name);
    if (!status)
        IoSetDeviceInterfaceState(&adapter->interface_name, TRUE);
    judge_note("adapter %u started, %u buses of %u targets", (unsigned)adapter->number,
        adapter->config.NumberOfBuses, adapter->config.MaximumNumberOfTargets);
    return scan_start(adapter);
}

/* Requests that are left after HwAdapterControl(stop) and HwCompleteServiceIrp will never be
 * completed. They end here, so that their callers do not wait. */
static void judge_stopped(struct adapter *adapter)
{
    while (!IsListEmpty(&adapter->requests))
        request_give_up(
            adapter, CONTAINING_RECORD(adapter->requests.Flink, struct request, entry));
    if (service_count(adapter))
        judge_finding("%u service IRPs are not completed by HwCompleteServiceIrp",
            (unsigned)service_count(adapter));
}

static void adapter_stop(struct adapter *adapter)
{
    const VIRTUAL_HW_INITIALIZATION_DATA *hw = &adapter->miniport->hw;

    if (!adapter->extension)
        return;
    adapter->stopping = TRUE;
    scan_stop(adapter);
    IoSetDeviceInterfaceState(&adapter->interface_name, FALSE);
    RtlFreeUnicodeString(&adapter->interface_name);
    hw->HwAdapterControl(adapter->extension, ScsiStopAdapter, NULL);
    if (hw->HwCompleteServiceIrp)
        hw->HwCompleteServiceIrp(adapter->extension);
    judge_stopped(adapter);
    requests_bury_all();
    if (hw->HwFreeAdapterResources)
        hw->HwFreeAdapterResources(adapter->extension);
    ExFreePoolWithTag((struct extension_header *)adapter->extension - 1, TAG);
    adapter->extension = NULL;
}

static void adapter_delete(struct adapter *adapter)
{
    adapter_stop(adapter);
    disks_delete(adapter);
    named_device_unlink(&adapter_names, adapter->number);
    IoDetachDevice(adapter->lower);
    judge_note("adapter %u removed", (unsigned)adapter->number);
    IoDeleteDevice(adapter->self);
}

static NTSTATUS NTAPI signal_event(DEVICE_OBJECT *device, IRP *irp, PVOID event)
{
    (void)device;
    (void)irp;
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* START_DEVICE goes to the bus first. */
static NTSTATUS forward_and_wait(struct adapter *adapter, IRP *irp)
{
    NTSTATUS status;
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(irp);
    IoSetCompletionRoutine(irp, signal_event, &event, TRUE, TRUE, TRUE);
    status = IoCallDriver(adapter->lower, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        status = irp->IoStatus.Status;
    }
    return status;
}

NTSTATUS adapter_pnp(struct adapter *adapter, IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    DEVICE_OBJECT *lower = adapter->lower;
    NTSTATUS status;

    switch (stack->MinorFunction) {
    case IRP_MN_START_DEVICE:
        status = forward_and_wait(adapter, irp);
        if (NT_SUCCESS(status))
            status = adapter_start(adapter);
        complete_irp(irp, status, 0);
        return status;
    case IRP_MN_QUERY_DEVICE_RELATIONS:
        if (stack->Parameters.QueryDeviceRelations.Type == BusRelations) {
            irp->IoStatus.Information = (ULONG_PTR)disk_relations(adapter);
            irp->IoStatus.Status = STATUS_SUCCESS;
        }
        break;
    case IRP_MN_STOP_DEVICE:
    case IRP_MN_SURPRISE_REMOVAL:
        adapter_stop(adapter);
        irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    case IRP_MN_REMOVE_DEVICE:
        adapter_stop(adapter);
        irp->IoStatus.Status = STATUS_SUCCESS;
        IoSkipCurrentIrpStackLocation(irp);
        status = IoCallDriver(lower, irp);
        adapter_delete(adapter);
        return status;
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
        irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    }
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(lower, irp);
}
