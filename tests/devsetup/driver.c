/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A driver for a device that does nothing. Its service's key shows that it was started. */

#include <wdm.h>

static DEVICE_OBJECT *lower;

static NTSTATUS pass_down(DEVICE_OBJECT *device, IRP *irp)
{
    IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    ULONG started = 1;

    if (stack->MinorFunction == IRP_MN_START_DEVICE)
        RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, L"devsetuptest", L"Started", REG_DWORD,
            &started, sizeof started);
    IoSkipCurrentIrpStackLocation(irp);
    NTSTATUS status = IoCallDriver(lower, irp);
    if (stack->MinorFunction == IRP_MN_REMOVE_DEVICE) {
        IoDetachDevice(lower);
        IoDeleteDevice(device);
    }
    return status;
}

static NTSTATUS NTAPI on_pnp(DEVICE_OBJECT *device, IRP *irp)
{
    if (IoGetCurrentIrpStackLocation(irp)->MinorFunction != IRP_MN_QUERY_DEVICE_RELATIONS)
        irp->IoStatus.Status = STATUS_SUCCESS;
    return pass_down(device, irp);
}

static NTSTATUS NTAPI on_add(DRIVER_OBJECT *driver, DEVICE_OBJECT *physical)
{
    DEVICE_OBJECT *device;
    NTSTATUS status = IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);

    if (!NT_SUCCESS(status))
        return status;
    lower = IoAttachDeviceToDeviceStack(device, physical);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static void NTAPI on_unload(DRIVER_OBJECT *driver)
{
    (void)driver;
}

NTSTATUS NTAPI DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path)
{
    (void)path;
#ifdef REFUSES
    return STATUS_DEVICE_CONFIGURATION_ERROR;
#endif
    driver->MajorFunction[IRP_MJ_PNP] = on_pnp;
    driver->DriverExtension->AddDevice = on_add;
    driver->DriverUnload = on_unload;
    return STATUS_SUCCESS;
}
