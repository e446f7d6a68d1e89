/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SRBs: StorPort's requests. */

#include "sys.h"

/* Nothing of it is done. With this SRB status the requester sees InternalStatus; 0 would be
 * success. */
static void fail(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    srb->InternalStatus = (ULONG)STATUS_INSUFFICIENT_RESOURCES;
    sys_srb_complete(adapter, srb, SRB_STATUS_INTERNAL_ERROR);
}

/* False when the data cannot be reached. A virtual miniport asks for the address of all data. No
 * MDL describes the buffers with which StorPort itself looks for units. DataBuffer is the address
 * then, as MapBuffers promises for all commands but reads and writes; for these, it may be a
 * program's. */
static bool map(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb, PVOID *data)
{
    ULONG status;

    *data = NULL;
    if (!srb->DataTransferLength)
        return true;
    status = StorPortExtendedFunction(STOR_FUNCTION_GET_SYSTEM_ADDRESS, adapter, srb, data);
    if (status == STOR_STATUS_INVALID_PARAMETER && !scsi_uses_medium(srb->Cdb)) {
        *data = srb->DataBuffer;
        status = STOR_STATUS_SUCCESS;
    }
    return status == STOR_STATUS_SUCCESS && *data;
}

static uint8_t attribute_of(const SCSI_REQUEST_BLOCK *srb)
{
    if (!(srb->SrbFlags & SRB_FLAGS_QUEUE_ACTION_ENABLE))
        return SCSI_SIMPLE;
    switch (srb->QueueAction) {
    case SRB_ORDERED_QUEUE_TAG_REQUEST:
        return SCSI_ORDERED;
    case SRB_HEAD_OF_QUEUE_TAG_REQUEST:
        return SCSI_HEAD_OF_QUEUE;
    default:
        return SCSI_SIMPLE;
    }
}

static uint8_t direction_of(const SCSI_REQUEST_BLOCK *srb)
{
    if (!srb->DataTransferLength)
        return SCSI_NO_DATA;
    if ((srb->SrbFlags & SRB_FLAGS_UNSPECIFIED_DIRECTION) == SRB_FLAGS_UNSPECIFIED_DIRECTION)
        return SCSI_ANY_DATA;
    if (srb->SrbFlags & SRB_FLAGS_DATA_IN)
        return SCSI_DATA_IN;
    return srb->SrbFlags & SRB_FLAGS_DATA_OUT ? SCSI_DATA_OUT : SCSI_NO_DATA;
}

static struct sys_request *request_of(PSCSI_REQUEST_BLOCK srb)
{
    struct sys_request *request = srb->SrbExtension;

    memset(request, 0, sizeof *request);
    request->srb = srb;
    return request;
}

/* The only command that is for the target as a whole, without a unit. */
static void no_unit(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb, const PVOID data)
{
    static const uint8_t report_luns = 0xa0;
    struct sys_request *request = request_of(srb);
    struct scsi_task *task = &request->task;

    if (srb->PathId >= sys_adapter_buses(adapter) || srb->Lun != 0 ||
        srb->Cdb[0] != report_luns) {
        sys_srb_complete(adapter, srb, SRB_STATUS_NO_DEVICE);
        return;
    }
    request->data.base = data;
    task->nexus = &adapter->nexus;
    memcpy(task->cdb, srb->Cdb, sizeof srb->Cdb);
    task->cdb_length = sizeof srb->Cdb;
    task->expected_direction = direction_of(srb);
    task->expected_length = srb->DataTransferLength;
    if (scsi_begin(task) != SCSI_DONE) {
        static const struct scsi_outcome busy = { .status = SCSI_BUSY };

        task->scratch = sys_scratch_take(adapter);
        scsi_resume(task, task->scratch ? NULL : &busy);
    }
    sys_srb_store_status(request);
    if (task->scratch)
        sys_scratch_give(adapter, task->scratch);
    StorPortNotification(RequestComplete, adapter, srb);
}

static struct sys_unit *unit_of(struct sys_adapter *adapter, const SCSI_REQUEST_BLOCK *srb)
{
    return sys_unit_get(adapter, SPD_IOCTL_BTL(srb->PathId, srb->TargetId, 0));
}

static void execute(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    struct sys_unit *unit;
    struct sys_request *request;
    PVOID data;

    if (!srb->SrbExtension || !map(adapter, srb, &data)) {
        fail(adapter, srb);
        return;
    }
    unit = unit_of(adapter, srb);
    if (!unit) {
        no_unit(adapter, srb, data);
        return;
    }
    request = request_of(srb);
    request->data.base = data;
    request->data.length = data ? srb->DataTransferLength : 0;
    /* SPC-4 6.6: at a LUN that is not there, INQUIRY says so and the rest fails. */
    request->task.unit = srb->Lun == 0 ? &unit->scsi : NULL;
    request->task.nexus = &unit->nexus;
    memcpy(request->task.cdb, srb->Cdb, sizeof srb->Cdb);
    request->task.cdb_length = srb->CdbLength < sizeof srb->Cdb ? srb->CdbLength
                                                                 : sizeof srb->Cdb;
    request->task.attribute = attribute_of(srb);
    request->task.expected_direction = direction_of(srb);
    request->task.expected_length = srb->DataTransferLength;
    sys_request_start(unit, request);
    sys_unit_put(unit);
}

/* FLUSH and SHUTDOWN: the whole medium, as SYNCHRONIZE CACHE (10) says it (SBC-3 5.26). StorPort
 * promises an extension for SCSI commands only. Without one the flush cannot be sent, which is an
 * error. */
static void flush(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    struct sys_unit *unit = unit_of(adapter, srb);
    struct sys_request *request;

    if (!unit) {
        sys_srb_complete(adapter, srb, SRB_STATUS_NO_DEVICE);
        return;
    }
    if (!srb->SrbExtension) {
        fail(adapter, srb);
        sys_unit_put(unit);
        return;
    }
    srb->DataTransferLength = 0;
    request = request_of(srb);
    sys_nexus_init(&request->nexus, &unit->scsi, &unit->port);
    request->task.unit = &unit->scsi;
    request->task.nexus = &request->nexus;
    request->task.cdb[0] = 0x35;
    request->task.cdb_length = 10;
    sys_request_start(unit, request);
    sys_unit_put(unit);
}

/* A doomed request that is busy ends when that work is done. SRBs that ended others are completed
 * after these, so that none moves data after its reset. An SRB without an extension cannot wait for
 * them, and fails. */
_Requires_lock_not_held_(adapter->lock)
static void complete_after(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    struct sys_request *request = srb->SrbExtension ? request_of(srb) : NULL;
    bool wait;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    wait = adapter->ending;
    if (wait && request)
        InsertTailList(&adapter->resets, &request->link);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!wait)
        sys_srb_complete(adapter, srb, SRB_STATUS_SUCCESS);
    else if (!request)
        fail(adapter, srb);
}

/* Every request of the unit ends, and every initiator gets a unit attention. */
_Requires_lock_not_held_(unit->lock)
static void reset(struct sys_unit *unit, enum scsi_attention attention)
{
    LIST_ENTRY ended;
    PLIST_ENTRY at;
    KIRQL irql;

    InitializeListHead(&ended);
    KeAcquireSpinLock(&unit->lock, &irql);
    for (at = unit->requests.Flink; at != &unit->requests; at = at->Flink)
        sys_request_doom(CONTAINING_RECORD(at, struct sys_request, all), SYS_ABORTED, &ended);
    KeReleaseSpinLock(&unit->lock, irql);
    scsi_unit_attention(&unit->scsi, attention, NULL);
    sys_request_finish_all(&ended);
}

static void reset_one(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    struct sys_unit *unit = unit_of(adapter, srb);
    bool lun = srb->Function == SRB_FUNCTION_RESET_LOGICAL_UNIT;

    if (!unit || (lun && srb->Lun != 0)) {
        sys_srb_complete(adapter, srb, SRB_STATUS_NO_DEVICE);
    } else {
        reset(unit, lun ? SCSI_UA_LUN_RESET : SCSI_UA_RESET);
        complete_after(adapter, srb);
    }
    if (unit)
        sys_unit_put(unit);
}

/* False: there is no such bus. */
static bool reset_all_of(struct sys_adapter *adapter, ULONG path)
{
    if (path >= sys_adapter_buses(adapter))
        return false;
    for (ULONG i = 0; i < adapter->settings.capacity; i++) {
        struct sys_unit *unit = sys_unit_get(adapter, sys_unit_address(i));

        if (!unit)
            continue;
        if (SPD_IOCTL_BTL_B(unit->btl) == path)
            reset(unit, SCSI_UA_RESET);
        sys_unit_put(unit);
    }
    return true;
}

/* Waits until none of the former requests is left. Other processors are busy with them at
 * DISPATCH_LEVEL, and need only the time to copy a piece of data. If a hypervisor has taken such a
 * processor away, they need longer. This processor may not stall so long: it waits at most 0.5
 * ms. */
static bool await_end(const struct sys_adapter *adapter)
{
    enum { MICROSECONDS = 25, TIMES = 20 };

    for (unsigned i = 0; adapter->ending || adapter->leaving; i++) {
        if (i == TIMES)
            return false;
        StorPortStallExecution(MICROSECONDS);
    }
    return true;
}

/* At DISPATCH_LEVEL. False: there is no such bus, or a former request still runs. */
bool sys_srb_reset_bus(struct sys_adapter *adapter, ULONG path)
{
    return reset_all_of(adapter, path) && await_end(adapter);
}

static void reset_bus(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    if (reset_all_of(adapter, srb->PathId))
        complete_after(adapter, srb);
    else
        sys_srb_complete(adapter, srb, SRB_STATUS_NO_DEVICE);
}

/* NextSrb is the one to abort. Only requests on the unit's own list are touched. */
_Requires_no_locks_held_
static void abort_command(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    struct sys_unit *unit = unit_of(adapter, srb);
    bool found = false;
    LIST_ENTRY ended;
    PLIST_ENTRY at;
    KIRQL irql;

    if (!unit) {
        sys_srb_complete(adapter, srb, SRB_STATUS_NO_DEVICE);
        return;
    }
    InitializeListHead(&ended);
    KeAcquireSpinLock(&unit->lock, &irql);
    for (at = unit->requests.Flink; at != &unit->requests; at = at->Flink) {
        struct sys_request *request = CONTAINING_RECORD(at, struct sys_request, all);

        if (request->srb != srb->NextSrb)
            continue;
        sys_request_doom(request, SYS_ABORTED, &ended);
        found = true;
    }
    KeReleaseSpinLock(&unit->lock, irql);
    sys_request_finish_all(&ended);
    sys_unit_put(unit);
    if (found)
        complete_after(adapter, srb);
    else
        sys_srb_complete(adapter, srb, SRB_STATUS_ABORT_FAILED);
}

/* SRB_FUNCTION_PNP: only capabilities of a unit; returns the SRB status. */
static UCHAR capabilities_of(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    const SCSI_PNP_REQUEST_BLOCK *request = (const SCSI_PNP_REQUEST_BLOCK *)srb;
    PSTOR_DEVICE_CAPABILITIES capabilities = request->DataBuffer;
    struct sys_unit *unit;

    if ((request->SrbPnPFlags & SRB_PNP_FLAGS_ADAPTER_REQUEST) ||
        request->PnPAction != StorQueryCapabilities || !capabilities ||
        request->DataTransferLength < sizeof *capabilities)
        return SRB_STATUS_INVALID_REQUEST;
    unit = sys_unit_get(adapter, SPD_IOCTL_BTL(request->PathId, request->TargetId, request->Lun));
    if (!unit)
        return SRB_STATUS_NO_DEVICE;
    capabilities->Removable = !unit->params.EjectDisabled;
    capabilities->SilentInstall = 1;
    capabilities->SurpriseRemovalOK = 1;
    sys_unit_put(unit);
    return SRB_STATUS_SUCCESS;
}

static void pnp(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb)
{
    sys_srb_complete(adapter, srb, capabilities_of(adapter, srb));
}

static const struct {
    UCHAR function;
    void (*run)(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb);
} functions[] = {
    { SRB_FUNCTION_EXECUTE_SCSI, execute },
    { SRB_FUNCTION_SHUTDOWN, flush },
    { SRB_FUNCTION_FLUSH, flush },
    { SRB_FUNCTION_ABORT_COMMAND, abort_command },
    { SRB_FUNCTION_RESET_BUS, reset_bus },
    { SRB_FUNCTION_RESET_DEVICE, reset_one },
    { SRB_FUNCTION_RESET_LOGICAL_UNIT, reset_one },
    { SRB_FUNCTION_PNP, pnp },
};

/* HwStartIo */
BOOLEAN NTAPI sys_srb_start(PVOID extension, PSCSI_REQUEST_BLOCK srb)
{
    unsigned i = 0;
    KIRQL irql;

    while (i < ARRAYSIZE(functions) && functions[i].function != srb->Function)
        i++;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    if (i < ARRAYSIZE(functions))
        functions[i].run(extension, srb);
    else
        sys_srb_complete(extension, srb, SRB_STATUS_INVALID_REQUEST);
    KeLowerIrql(irql);
    return TRUE;
}
