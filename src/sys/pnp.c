/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Plug and play: when Windows removes a disk (eject, safe removal), its unit goes. The transactions
 * of its program end, and so the program learns of it. StorPort does not tell a miniport of the
 * removal: the driver looks at IRPs of StorPort's disk devices on their way to it.
 */

#include "sys.h"

#include <ntddscsi.h>

static PDRIVER_DISPATCH storport_pnp;

/* Asks StorPort for the unit of a device, once StorPort has started the device. */
static bool scsi_address(PDEVICE_OBJECT device, PSCSI_ADDRESS address)
{
    IO_STATUS_BLOCK status;
    KEVENT event;
    PIRP irp;
    NTSTATUS result;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(IOCTL_SCSI_GET_ADDRESS, device, NULL, 0, address,
        sizeof *address, FALSE, &event, &status);
    if (!irp)
        return false;
    result = IoCallDriver(device, irp);
    if (result == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        result = status.Status;
    }
    return NT_SUCCESS(result);
}

/* The first device wins: an old one, vanished and not yet removed, may have the same address. */
_Requires_lock_not_held_(adapter->lock)
static void remember(struct sys_adapter *adapter, PDEVICE_OBJECT device)
{
    struct sys_unit *unit;
    SCSI_ADDRESS address;
    KIRQL irql;

    if (!scsi_address(device, &address))
        return;
    unit = sys_unit_get(adapter,
        SPD_IOCTL_BTL(address.PathId, address.TargetId, address.Lun));
    if (!unit)
        return;
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (!unit->disk)
        unit->disk = device;
    KeReleaseSpinLock(&adapter->lock, irql);
    sys_unit_put(unit);
}

/* A reference, or NULL. */
_Requires_lock_not_held_(adapter->lock)
static struct sys_unit *unit_of(struct sys_adapter *adapter, PDEVICE_OBJECT device)
{
    struct sys_unit *found = NULL;

    for (ULONG i = 0; !found && i < adapter->settings.capacity; i++) {
        struct sys_unit *unit = sys_unit_get(adapter, sys_unit_address(i));
        KIRQL irql;

        if (!unit)
            continue;
        KeAcquireSpinLock(&adapter->lock, &irql);
        if (unit->disk == device)
            found = unit;
        KeReleaseSpinLock(&adapter->lock, irql);
        if (!found)
            sys_unit_put(unit);
    }
    return found;
}

/* The disk has vanished: its unit went first, and another may have its address by now. */
_Requires_lock_not_held_(adapter->lock)
static void forget(struct sys_adapter *adapter, PDEVICE_OBJECT device)
{
    struct sys_unit *unit = unit_of(adapter, device);
    KIRQL irql;

    if (!unit)
        return;
    KeAcquireSpinLock(&adapter->lock, &irql);
    unit->disk = NULL;
    KeReleaseSpinLock(&adapter->lock, irql);
    sys_unit_put(unit);
}

static NTSTATUS remove(struct sys_adapter *adapter, PDEVICE_OBJECT device, PIRP irp)
{
    struct sys_unit *unit = unit_of(adapter, device);
    NTSTATUS status = storport_pnp(device, irp);

    if (unit) {
        if (sys_unit_remove(adapter, unit))
            sys_log(adapter, SYS_EVENT_EJECTED, unit->btl, 0);
        sys_unit_put(unit);
    }
    return status;
}

static NTSTATUS disk_pnp(struct sys_adapter *adapter, PDEVICE_OBJECT device, PIRP irp)
{
    NTSTATUS status;

    switch (IoGetCurrentIrpStackLocation(irp)->MinorFunction) {
    case IRP_MN_START_DEVICE:
        status = storport_pnp(device, irp);
        if (status == STATUS_SUCCESS)
            remember(adapter, device);
        return status;
    case IRP_MN_QUERY_REMOVE_DEVICE:
        /* A unit that replaced another before StorPort looked has the other's disk, which is not
         * started again. */
        remember(adapter, device);
        return storport_pnp(device, irp);
    case IRP_MN_SURPRISE_REMOVAL:
        forget(adapter, device);
        return storport_pnp(device, irp);
    case IRP_MN_REMOVE_DEVICE:
        return remove(adapter, device, irp);
    default:
        return storport_pnp(device, irp);
    }
}

static NTSTATUS adapter_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PDEVICE_CAPABILITIES capabilities;

    if (stack->MinorFunction == IRP_MN_QUERY_CAPABILITIES) {
        capabilities = stack->Parameters.DeviceCapabilities.Capabilities;
        if (capabilities) {
            capabilities->Removable = TRUE;
            capabilities->SilentInstall = TRUE;
            capabilities->SurpriseRemovalOK = TRUE;
        }
    }
    return storport_pnp(device, irp);
}

/* The adapter's own IRPs do not hold it: its removal waits for the holders. */
static NTSTATUS NTAPI pnp(PDEVICE_OBJECT device, PIRP irp)
{
    struct sys_adapter *adapter;
    NTSTATUS status;

    if (device->DeviceType == FILE_DEVICE_CONTROLLER)
        return adapter_pnp(device, irp);
    adapter = sys_adapter_get();
    if (!adapter)
        return storport_pnp(device, irp);
    status = disk_pnp(adapter, device, irp);
    sys_adapter_put(adapter);
    return status;
}

void sys_pnp_hook(PDRIVER_OBJECT driver)
{
    storport_pnp = driver->MajorFunction[IRP_MJ_PNP];
    driver->MajorFunction[IRP_MJ_PNP] = pnp;
}
