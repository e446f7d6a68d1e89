/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The adapter: its offer to StorPort, its clock, its begin and its end. */

#include "sys.h"

/* Read in DriverEntry: StorPort wants the size of the extension before there is an adapter. */
struct sys_settings sys_settings;

/* The one instance there is. PnP's IRPs of disks find it here; StorPort does not know that they
 * use it, so it waits for them before it goes. */
static struct {
    KSPIN_LOCK lock;
    struct sys_adapter *adapter;
} instance;

_Requires_lock_not_held_(instance.lock)
static bool set_instance(struct sys_adapter *from, struct sys_adapter *to)
{
    bool was;
    KIRQL irql;

    KeAcquireSpinLock(&instance.lock, &irql);
    was = instance.adapter == from;
    if (was)
        instance.adapter = to;
    KeReleaseSpinLock(&instance.lock, irql);
    return was;
}

_Requires_lock_not_held_(instance.lock)
struct sys_adapter *sys_adapter_get(void)
{
    struct sys_adapter *adapter;
    KIRQL irql;

    KeAcquireSpinLock(&instance.lock, &irql);
    adapter = instance.adapter;
    if (adapter)
        InterlockedIncrement(&adapter->users);
    KeReleaseSpinLock(&instance.lock, irql);
    return adapter;
}

void sys_adapter_put(struct sys_adapter *adapter)
{
    if (InterlockedDecrement(&adapter->users) == 0)
        KeSetEvent(&adapter->unused, IO_NO_INCREMENT, FALSE);
}

ULONG sys_adapter_extension_size(void)
{
    return sizeof(struct sys_adapter) + sys_settings.capacity * sizeof(struct sys_unit *);
}

/* Periodic: a DPC that sets its own timer again stops Wine's emulated kernel. */
static void set_timer(struct sys_adapter *adapter)
{
    LARGE_INTEGER second;

    second.QuadPart = -10000000; /* units of 100 ns, from now */
    KeSetTimerEx(&adapter->timer, second, 1000, &adapter->dpc);
}

_Requires_no_locks_held_
static VOID NTAPI tick(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct sys_adapter *adapter = context;
    bool closing;
    KIRQL irql;

    UNREFERENCED_PARAMETER(dpc);
    UNREFERENCED_PARAMETER(argument1);
    UNREFERENCED_PARAMETER(argument2);
    KeAcquireSpinLock(&adapter->lock, &irql);
    closing = adapter->closing;
    if (!closing)
        KeClearEvent(&adapter->idle);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (closing)
        return;
    sys_unit_tick(adapter, sys_owner_check);
    KeSetEvent(&adapter->idle, IO_NO_INCREMENT, FALSE);
}

/* It also runs when a stopped adapter is started again. */
static BOOLEAN NTAPI initialize(PVOID extension)
{
    struct sys_adapter *adapter = extension;

    adapter->stopped = false;
    return TRUE;
}

static void configure(const struct sys_adapter *adapter, PSTOR_PORT_CONFIGURATION config)
{
    ULONG targets = adapter->settings.capacity;

    if (targets > SCSI_MAXIMUM_TARGETS_PER_BUS)
        targets = SCSI_MAXIMUM_TARGETS_PER_BUS;
    config->MaximumTransferLength = SP_UNINITIALIZED_VALUE;
    config->NumberOfPhysicalBreaks = SP_UNINITIALIZED_VALUE;
    config->AlignmentMask = 0;
    config->NumberOfBuses = (UCHAR)sys_adapter_buses(adapter);
    config->MaximumNumberOfTargets = (UCHAR)targets;
    config->MaximumNumberOfLogicalUnits = 1;
    config->ScatterGather = TRUE;
    config->Master = TRUE;
    config->CachesData = TRUE;
    config->WmiDataProvider = FALSE;
    config->SynchronizationModel = STOR_SYNCHRONIZE_FULL_DUPLEX;
    config->VirtualDevice = TRUE;
}

_No_competing_thread_
static ULONG NTAPI find_adapter(PVOID extension, PVOID context, PVOID bus, PVOID lower,
    PCHAR arguments, PSTOR_PORT_CONFIGURATION config, PBOOLEAN again)
{
    struct sys_adapter *adapter = extension;

    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(bus);
    UNREFERENCED_PARAMETER(lower);
    UNREFERENCED_PARAMETER(arguments);
    *again = FALSE;
    /* A running instance is left alone, be it another or this one. */
    if (!set_instance(NULL, NULL))
        return SP_RETURN_NOT_FOUND;
    memset(adapter, 0, sys_adapter_extension_size());
    KeInitializeSpinLock(&adapter->lock);
    InitializeListHead(&adapter->processes);
    InitializeListHead(&adapter->resets);
    adapter->settings = sys_settings;
    KeInitializeTimer(&adapter->timer);
    KeInitializeDpc(&adapter->dpc, tick, adapter);
    KeInitializeEvent(&adapter->idle, NotificationEvent, TRUE);
    KeInitializeEvent(&adapter->unused, NotificationEvent, FALSE);
    adapter->users = 1;
    sys_nexus_init(&adapter->nexus, NULL, &adapter->port);
    if (!set_instance(NULL, adapter))
        return SP_RETURN_NOT_FOUND;
    configure(adapter, config);
    set_timer(adapter);
    if (adapter->settings.ignored)
        sys_log(adapter, SYS_EVENT_VALUES_IGNORED, 0, adapter->settings.ignored);
    return SP_RETURN_FOUND;
}

static BOOLEAN NTAPI reset_bus(PVOID extension, ULONG path)
{
    return sys_srb_reset_bus(extension, path);
}

/* No IRP of the driver is pended any more, and units do not outlive their servers' requests. */
_Requires_no_locks_held_
static VOID NTAPI complete_service_irps(PVOID extension)
{
    struct sys_adapter *adapter = extension;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    adapter->stopped = true;
    KeReleaseSpinLock(&adapter->lock, irql);
    sys_unit_remove_all(adapter);
    sys_lifetime_end_all(adapter);
}

/* Stop and restart may come at DIRQL, where no lock may be taken. There is nothing to stop:
 * StorPort has got all its SRBs back before, and has sent one to flush. */
static SCSI_ADAPTER_CONTROL_STATUS NTAPI control(
    PVOID extension, SCSI_ADAPTER_CONTROL_TYPE type, PVOID parameters)
{
    PSCSI_SUPPORTED_CONTROL_TYPE_LIST list = parameters;

    switch (type) {
    case ScsiQuerySupportedControlTypes:
        for (ULONG i = 0; i < list->MaxControlType; i++)
            list->SupportedTypeList[i] = i == ScsiQuerySupportedControlTypes ||
                i == ScsiStopAdapter || i == ScsiRestartAdapter;
        return ScsiAdapterControlSuccess;
    case ScsiStopAdapter:
        return ScsiAdapterControlSuccess;
    case ScsiRestartAdapter:
        initialize(extension);
        return ScsiAdapterControlSuccess;
    default:
        return ScsiAdapterControlUnsuccessful;
    }
}

_Requires_lock_not_held_(adapter->lock)
static void stop_timer(struct sys_adapter *adapter)
{
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    adapter->closing = true;
    KeReleaseSpinLock(&adapter->lock, irql);
    KeCancelTimer(&adapter->timer);
    KeWaitForSingleObject(&adapter->idle, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
}

static VOID NTAPI free_resources(PVOID extension)
{
    struct sys_adapter *adapter = extension;

    /* The second instance, which find_adapter() refused, owns nothing. */
    if (!set_instance(adapter, NULL))
        return;
    sys_adapter_put(adapter);
    KeWaitForSingleObject(&adapter->unused, Executive, KernelMode, FALSE, NULL);
    complete_service_irps(adapter);
    stop_timer(adapter);
    sys_scratch_free_all(adapter);
}

static VOID NTAPI initialize_tracing(PVOID argument1, PVOID argument2)
{
    UNREFERENCED_PARAMETER(argument1);
    UNREFERENCED_PARAMETER(argument2);
}

static VOID NTAPI cleanup_tracing(PVOID argument)
{
    UNREFERENCED_PARAMETER(argument);
}

VIRTUAL_HW_INITIALIZATION_DATA sys_adapter_entries(void)
{
    KeInitializeSpinLock(&instance.lock);
    return (VIRTUAL_HW_INITIALIZATION_DATA){
        .HwInitializationDataSize = sizeof(VIRTUAL_HW_INITIALIZATION_DATA),
        .AdapterInterfaceType = Internal,
        .HwInitialize = initialize,
        .HwStartIo = sys_srb_start,
        .HwFindAdapter = find_adapter,
        .HwResetBus = reset_bus,
        .HwAdapterControl = control,
        .HwFreeAdapterResources = free_resources,
        .HwProcessServiceRequest = sys_ioctl,
        .HwCompleteServiceIrp = complete_service_irps,
        .HwInitializeTracing = initialize_tracing,
        .HwCleanupTracing = cleanup_tracing,
        .DeviceExtensionSize = sys_adapter_extension_size(),
        .SrbExtensionSize = sizeof(struct sys_request),
        .MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS,
        .TaggedQueuing = TRUE,
        .AutoRequestSense = TRUE,
        .MultipleRequestPerLu = TRUE,
    };
}
