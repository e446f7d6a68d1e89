/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* StorPortInitialize makes the port the owner of the miniport's driver object. */

#include "double.h"
#include <ntddstor.h>

static struct miniport *miniports;

void complete_irp(IRP *irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static NTSTATUS NTAPI dispatch_open_close(DEVICE_OBJECT *device, IRP *irp)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    struct disk *disk = device->DeviceExtension;

    if (disk->kind == DEVICE_DISK && stack->MajorFunction != IRP_MJ_CREATE)
        volume_close(disk, stack->FileObject);
    complete_irp(irp, STATUS_SUCCESS, 0);
    return STATUS_SUCCESS;
}

static NTSTATUS adapter_control(struct adapter *adapter, IRP *irp)
{
    ULONG code = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode;
    NTSTATUS status;

    if (!adapter->extension || adapter->stopping) {
        complete_irp(irp, STATUS_DEVICE_NOT_READY, 0);
        return STATUS_DEVICE_NOT_READY;
    }
    if (control(adapter, irp, &status) || exchange(adapter, irp, &status) ||
        gather(adapter, irp, &status))
        return status;
    switch (code) {
    case IOCTL_MINIPORT_PROCESS_SERVICE_IRP:
        if (!adapter->miniport->hw.HwProcessServiceRequest)
            break;
        IoMarkIrpPending(irp);
        gather_service(adapter, irp);
        return STATUS_PENDING;
    case IOCTL_SCSI_PASS_THROUGH:
    case IOCTL_SCSI_PASS_THROUGH_DIRECT:
        return pass_through(adapter, irp, code, NULL);
    case IOCTL_STORAGE_QUERY_PROPERTY:
        return query_adapter(adapter, irp);
    case IOCTL_SCSI_GET_CAPABILITIES:
        return query_scsi_capabilities(adapter, irp);
    }
    complete_irp(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS NTAPI dispatch_control(DEVICE_OBJECT *device, IRP *irp)
{
    enum device_kind kind = *(enum device_kind *)device->DeviceExtension;
    ULONG code = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode;
    struct disk *disk = device->DeviceExtension;
    NTSTATUS status;

    irp_lingers(irp);
    if (kind == DEVICE_ADAPTER)
        return adapter_control(device->DeviceExtension, irp);
    if (!disk->present || disk->adapter->stopping) {
        complete_irp(irp, STATUS_DEVICE_DOES_NOT_EXIST, 0);
        return STATUS_DEVICE_DOES_NOT_EXIST;
    }
    if (code == IOCTL_SCSI_PASS_THROUGH || code == IOCTL_SCSI_PASS_THROUGH_DIRECT)
        return pass_through(disk->adapter, irp, code, disk);
    if (volume_control(disk, irp, &status))
        return status;
    return query_disk(disk, irp);
}

static NTSTATUS NTAPI dispatch_internal(DEVICE_OBJECT *device, IRP *irp)
{
    if (*(enum device_kind *)device->DeviceExtension == DEVICE_DISK)
        return disk_scsi(device->DeviceExtension, irp);
    complete_irp(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS NTAPI dispatch_transfer(DEVICE_OBJECT *device, IRP *irp)
{
    UCHAR function = IoGetCurrentIrpStackLocation(irp)->MajorFunction;
    struct disk *disk = device->DeviceExtension;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    irp_lingers(irp);
    if (disk->kind == DEVICE_DISK) {
        status = STATUS_DEVICE_DOES_NOT_EXIST;
        if (disk->present && !disk->adapter->stopping) {
            if (function == IRP_MJ_FLUSH_BUFFERS)
                return disk_flush(disk, irp, SRB_FUNCTION_FLUSH);
            if (function == IRP_MJ_SHUTDOWN)
                return disk_flush(disk, irp, SRB_FUNCTION_SHUTDOWN);
            return disk_read_write(disk, irp);
        }
    }
    complete_irp(irp, status, 0);
    return status;
}

static NTSTATUS NTAPI dispatch_volume(DEVICE_OBJECT *device, IRP *irp)
{
    struct disk *disk = device->DeviceExtension;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    if (disk->kind == DEVICE_DISK) {
        if (disk->present && !disk->adapter->stopping)
            return query_volume(disk, irp);
        status = STATUS_DEVICE_DOES_NOT_EXIST;
    }
    complete_irp(irp, status, 0);
    return status;
}

static NTSTATUS NTAPI dispatch_pnp(DEVICE_OBJECT *device, IRP *irp)
{
    if (*(enum device_kind *)device->DeviceExtension == DEVICE_ADAPTER)
        return adapter_pnp(device->DeviceExtension, irp);
    return disk_pnp(device->DeviceExtension, irp);
}

static NTSTATUS NTAPI dispatch_power(DEVICE_OBJECT *device, IRP *irp)
{
    struct adapter *adapter = device->DeviceExtension;
    NTSTATUS status;

    PoStartNextPowerIrp(irp);
    if (adapter->kind == DEVICE_ADAPTER) {
        IoSkipCurrentIrpStackLocation(irp);
        return PoCallDriver(adapter->lower, irp);
    }
    status = irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static VOID NTAPI unload(DRIVER_OBJECT *driver)
{
    struct miniport **link, *miniport;

    for (link = &miniports; (miniport = *link); link = &miniport->next)
        if (miniport->driver == driver)
            break;
    if (miniport) {
        *link = miniport->next;
        ExFreePoolWithTag(miniport, TAG);
    }
    judge_pool_report();
    judge_note("unloaded, %d findings", (int)judge_findings());
}

static NTSTATUS NTAPI add_device(DRIVER_OBJECT *driver, DEVICE_OBJECT *pdo)
{
    NTSTATUS status;

    judge_adding(TRUE);
    status = adapter_add(driver, pdo);
    judge_adding(FALSE);
    return status;
}

struct miniport *miniport_of(DRIVER_OBJECT *driver)
{
    struct miniport *miniport = miniports;

    while (miniport && miniport->driver != driver)
        miniport = miniport->next;
    return miniport;
}

static BOOLEAN acceptable(const VIRTUAL_HW_INITIALIZATION_DATA *hw)
{
    if (hw->HwInitializationDataSize != sizeof *hw)
        judge_finding("HwInitializationDataSize is %u", (unsigned)hw->HwInitializationDataSize);
    else if (!hw->HwInitialize || !hw->HwStartIo || !hw->HwFindAdapter || !hw->HwResetBus ||
        !hw->HwAdapterControl)
        judge_finding("a routine that a virtual miniport needs is missing");
    else if (!hw->TaggedQueuing || !hw->AutoRequestSense || !hw->MultipleRequestPerLu)
        judge_finding("StorPort needs tagged queuing, auto request sense and several requests");
    else
        return TRUE;
    return FALSE;
}

ULONG NTAPI StorPortInitialize(
    PVOID driver_object, PVOID path, PVIRTUAL_HW_INITIALIZATION_DATA hw, PVOID context)
{
    DRIVER_OBJECT *driver = driver_object;
    struct miniport *miniport;

    (void)path;
    judge_open();
    if (!acceptable(hw) || !judge_imports(driver))
        return (ULONG)STATUS_REVISION_MISMATCH;
    miniport = ExAllocatePoolWithTag(NonPagedPool, sizeof *miniport, TAG);
    if (!miniport)
        return (ULONG)STATUS_INSUFFICIENT_RESOURCES;
    *miniport = (struct miniport){
        .next = miniports, .driver = driver, .hw = *hw, .context = context };
    miniports = miniport;
    driver->MajorFunction[IRP_MJ_CREATE] = dispatch_open_close;
    driver->MajorFunction[IRP_MJ_CLOSE] = dispatch_open_close;
    driver->MajorFunction[IRP_MJ_CLEANUP] = dispatch_open_close;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch_control;
    /* Wine has one kind for both codes; so has IO_STACK_LOCATION. */
    driver->MajorFunction[IRP_MJ_FILE_SYSTEM_CONTROL] = dispatch_control;
    driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = dispatch_internal;
    driver->MajorFunction[IRP_MJ_READ] = dispatch_transfer;
    driver->MajorFunction[IRP_MJ_WRITE] = dispatch_transfer;
    driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = dispatch_transfer;
    driver->MajorFunction[IRP_MJ_SHUTDOWN] = dispatch_transfer;
    driver->MajorFunction[IRP_MJ_QUERY_VOLUME_INFORMATION] = dispatch_volume;
    driver->MajorFunction[IRP_MJ_PNP] = dispatch_pnp;
    driver->MajorFunction[IRP_MJ_POWER] = dispatch_power;
    driver->DriverExtension->AddDevice = add_device;
    driver->DriverUnload = unload;
    judge_note("StorPortInitialize");
    return STATUS_SUCCESS;
}
