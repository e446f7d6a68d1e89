/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Storage units: their begin, their end and their clock. */

#include "sys.h"

#include "scsi/guid.h"

/* Nobody looks for disks any more where StorPort removes the adapter. */
_Requires_lock_not_held_(adapter->lock)
static void bus_changed(struct sys_adapter *adapter, UINT32 btl)
{
    bool stopped;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    stopped = adapter->stopped;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!stopped)
        StorPortNotification(BusChangeDetected, adapter, SPD_IOCTL_BTL_B(btl));
}

/* Text in the original's form: nothing, or printable characters and then spaces. */
static void text_normal(UCHAR *to, const UCHAR *from, ULONG length)
{
    bool ended = false;

    memcpy(to, from, length);
    if (from[0] == 0)
        return;
    for (ULONG i = 0; i < length; i++) {
        ended = ended || from[i] < 0x20 || from[i] >= 0x7f;
        if (ended)
            to[i] = ' ';
    }
}

static struct scsi_unit_params engine_params(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params)
{
    UINT32 physical = SPD_IOCTL_PARAMS_PHYSICAL_BLOCK_LENGTH(params);
    UINT32 ranges = params->MaxTransferLength / sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR);
    struct scsi_unit_params engine = {
        .profile = params->Reserved[0] & SPD_IOCTL_MODERN_PROFILE ? SCSI_PROFILE_MODERN
                                                                  : SCSI_PROFILE_WINSPD,
        .block_count = params->BlockCount,
        .block_length = params->BlockLength,
        .physical_block_length = physical ? physical : params->BlockLength,
        .max_transfer_length = params->MaxTransferLength,
        .unmap_granularity = SPD_IOCTL_PARAMS_UNMAP_GRANULARITY(params),
        .max_unmap_ranges = ranges < SCSI_UNMAP_RANGES_MAX ? ranges : 0,
        .max_unmap_blocks = SPD_IOCTL_PARAMS_MAX_UNMAP_BLOCKS(params),
        .wwn_length = SPD_IOCTL_PARAMS_WWN_LENGTH(params),
        .write_protected = params->WriteProtected,
        .cache = params->CacheSupported,
        .unmap = params->UnmapSupported,
        .unmap_zeros = params->Reserved[0] & SPD_IOCTL_UNMAP_ZEROS,
    };

    scsi_guid_swap(&params->Guid, engine.guid);
    memcpy(engine.wwn, SPD_IOCTL_PARAMS_WWN(params), sizeof engine.wwn);
    memset(engine.product_id, ' ', sizeof engine.product_id);
    memset(engine.product_revision, ' ', sizeof engine.product_revision);
    return engine;
}

/* Copies field by field, so that padding does not count; false when a reserved bit is set. */
static bool params_normal(
    SPD_IOCTL_STORAGE_UNIT_PARAMS *to, const SPD_IOCTL_STORAGE_UNIT_PARAMS *from)
{
    memset(to, 0, sizeof *to);
    to->Guid = from->Guid;
    to->BlockCount = from->BlockCount;
    to->BlockLength = from->BlockLength;
    text_normal(to->ProductId, from->ProductId, sizeof to->ProductId);
    text_normal(to->ProductRevisionLevel, from->ProductRevisionLevel,
        sizeof to->ProductRevisionLevel);
    to->DeviceType = from->DeviceType;
    to->WriteProtected = from->WriteProtected;
    to->CacheSupported = from->CacheSupported;
    to->UnmapSupported = from->UnmapSupported;
    to->EjectDisabled = from->EjectDisabled;
    to->MaxTransferLength = from->MaxTransferLength;
    memcpy(to->Reserved, from->Reserved, sizeof to->Reserved);
    return SpdIoctlParamsAreKnown(from);
}

static bool params_ok(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params)
{
    struct scsi_unit_params engine;

    if (params->DeviceType != 0 || params->MaxTransferLength > SPD_IOCTL_MAX_TRANSFER_LENGTH)
        return false;
    engine = engine_params(params);
    return scsi_unit_check(&engine) == SCSI_PARAM_OK;
}

void sys_nexus_init(struct scsi_nexus *nexus, struct scsi_unit *unit, const struct scsi_port *port)
{
    scsi_nexus_init(nexus, unit, port);
    /* The initiator knows of the power on: it saw the unit arrive (doc/compatibility.md). */
    atomic_fetch_add(&nexus->attentions_seen[SCSI_UA_POWER_ON], 1);
}

static ULONG id_of(PEPROCESS process)
{
    return (ULONG)(ULONG_PTR)PsGetProcessId(process);
}

/* SPC-4 7.8.6.2.3, vendor specific: from it a shell learns whose disk it is, and whether to offer
 * an eject. */
_Requires_lock_held_(unit->lock)
static void designate(struct sys_unit *unit, const struct sys_process *owner)
{
    ULONG id = id_of(owner->object);
    const UCHAR designator[12] = { 0x01, 0x00, 0x00, 0x08, 'P', 'I', 'D',
        unit->params.EjectDisabled ? 'X' : ' ', (UCHAR)(id >> 24), (UCHAR)(id >> 16),
        (UCHAR)(id >> 8), (UCHAR)id };

    memcpy(unit->designators, designator, sizeof designator);
}

_No_competing_thread_
static struct sys_unit *unit_new(struct sys_adapter *adapter,
    const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, struct sys_process *owner,
    const struct sys_user *user)
{
    struct sys_unit *unit = sys_allocate(sizeof *unit);
    struct scsi_unit_params engine = engine_params(params);

    if (!unit)
        return NULL;
    memset(unit, 0, sizeof *unit);
    unit->adapter = adapter;
    unit->references = 1;
    unit->params = *params;
    unit->maker = sys_process_hold(owner);
    unit->owner = sys_process_hold(owner);
    unit->server = sys_process_hold(owner);
    unit->user = *user;
    KeInitializeSpinLock(&unit->lock);
    InitializeListHead(&unit->requests);
    ioq_init(&unit->ioq, unit->slots, SYS_QUEUE_DEPTH);
    ioq_gate_init(&unit->gate, NULL);
    ioq_share_init(&unit->scratch, SYS_SCRATCH_SHARE, IOQ_SHARE_ALL);

    /* The text may be all zero, by which programs tell Windows that this is nobody's disk. */
    memcpy(engine.product_id, params->ProductId, sizeof engine.product_id);
    memcpy(engine.product_revision, params->ProductRevisionLevel, sizeof engine.product_revision);
    scsi_unit_init(&unit->scsi, &engine);
    designate(unit, owner);
    unit->port.designators = unit->designators;
    unit->port.designators_length = sizeof unit->designators;
    unit->port.relative_port = 1;
    unit->port.task_management[0] = SCSI_TM_ABORT_TASK | SCSI_TM_LUN_RESET | SCSI_TM_TARGET_RESET;
    unit->port.luns = &unit->lun;
    unit->port.lun_count = 1;
    sys_nexus_init(&unit->nexus, &unit->scsi, &unit->port);
    return unit;
}

_Requires_lock_held_(adapter->lock)
static struct sys_unit *find(struct sys_adapter *adapter, const GUID *guid)
{
    for (ULONG i = 0; i < adapter->settings.capacity; i++)
        if (adapter->units[i] && !memcmp(&adapter->units[i]->params.Guid, guid, sizeof *guid))
            return adapter->units[i];
    return NULL;
}

/* A restarted program takes its unit over within the grace: the unit
 * that it asks for is there. Requests wait in the unit, so only the same user may take it. */
_Requires_lock_held_(unit->adapter->lock)
_Requires_lock_not_held_(unit->lock)
static NTSTATUS take_over(struct sys_unit *unit, struct sys_unit *asked)
{
    KIRQL irql;

    if (unit->owner || memcmp(&unit->params, &asked->params, sizeof unit->params) != 0)
        return STATUS_OBJECT_NAME_COLLISION;
    if (!sys_user_is(&unit->user, &asked->user))
        return STATUS_ACCESS_DENIED;
    unit->owner = sys_process_hold(asked->owner);
    asked->late = unit->late; /* which lets go of it, without the lock */
    unit->late = NULL;
    KeAcquireSpinLock(&unit->lock, &irql);
    designate(unit, asked->owner);
    KeReleaseSpinLock(&unit->lock, irql);
    sys_request_again(unit, sys_process_hold(asked->owner));
    return STATUS_SUCCESS;
}

/* Answers to a former unit at this address find no request of the
 * present one: generations go on where those of all former units have ended. */
_Requires_lock_held_(adapter->lock)
_No_competing_thread_
static void put_in(struct sys_adapter *adapter, struct sys_unit *unit, ULONG number)
{
    unit->btl = sys_unit_address(number);
    for (unsigned i = 0; i < SYS_QUEUE_DEPTH; i++)
        unit->slots[i].generation = adapter->generation;
    adapter->units[number] = sys_unit_reference(unit);
}

/* The table's reference becomes the caller's. */
_Requires_lock_held_(adapter->lock)
_Requires_lock_not_held_(unit->lock)
static void take_out(struct sys_adapter *adapter, struct sys_unit *unit)
{
    KIRQL irql;

    KeAcquireSpinLock(&unit->lock, &irql);
    ioq_stop(&unit->ioq);
    adapter->leaving++; /* until its requests end, too: drain() */
    for (unsigned i = 0; i < SYS_QUEUE_DEPTH; i++)
        if ((int32_t)(unit->slots[i].generation - adapter->generation) > 0)
            adapter->generation = unit->slots[i].generation;
    KeReleaseSpinLock(&unit->lock, irql);
    adapter->units[sys_unit_number(unit->btl)] = NULL;
}

/* Puts the unit into the table, or takes an existing one over. */
_Requires_lock_held_(adapter->lock)
static NTSTATUS place(struct sys_adapter *adapter, struct sys_unit *unit, enum sys_event *event)
{
    struct sys_unit *old = find(adapter, &unit->params.Guid);
    NTSTATUS status;

    *event = SYS_EVENT_PROVISIONED;
    if (adapter->stopped || !sys_lifetime_held(unit->owner))
        return STATUS_INVALID_DEVICE_STATE;
    if (old) {
        status = take_over(old, unit);
        unit->btl = old->btl;
        *event = status == STATUS_ACCESS_DENIED ? SYS_EVENT_OTHER_USER : SYS_EVENT_TAKEN_OVER;
        return status;
    }
    for (ULONG i = 0; i < adapter->settings.capacity; i++) {
        if (adapter->units[i])
            continue;
        put_in(adapter, unit, i);
        return STATUS_SUCCESS;
    }
    return STATUS_CANNOT_MAKE;
}

NTSTATUS sys_unit_provision(struct sys_adapter *adapter,
    const SPD_IOCTL_STORAGE_UNIT_PARAMS *raw, PEPROCESS caller, UINT32 *btl, UINT32 *version)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params;
    struct sys_process *owner;
    struct sys_unit *unit;
    struct sys_user user;
    enum sys_event event;
    NTSTATUS status;
    KIRQL irql;

    if (!params_normal(&params, raw) || !params_ok(&params)) {
        sys_log(adapter, SYS_EVENT_REFUSED, 0, id_of(caller));
        return STATUS_INVALID_PARAMETER;
    }
    owner = sys_process_find(adapter, caller);
    if (!owner)
        return STATUS_INVALID_DEVICE_STATE;
    *version = owner->version;
    sys_user_of(caller, &user);
    unit = unit_new(adapter, &params, owner, &user);
    sys_process_put(owner);
    if (!unit)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeAcquireSpinLock(&adapter->lock, &irql);
    status = place(adapter, unit, &event);
    KeReleaseSpinLock(&adapter->lock, irql);
    *btl = unit->btl;
    sys_unit_put(unit);
    if (status == STATUS_SUCCESS && event == SYS_EVENT_PROVISIONED)
        bus_changed(adapter, *btl);
    if (status == STATUS_SUCCESS || event == SYS_EVENT_OTHER_USER)
        sys_log(adapter, event, *btl, id_of(caller));
    return status;
}

/* The queue is stopped: its requests end. At DISPATCH_LEVEL since then. */
_Requires_lock_not_held_(unit->lock)
static void drain(struct sys_unit *unit)
{
    LIST_ENTRY ended, irps;
    PLIST_ENTRY at;
    KIRQL irql;

    InitializeListHead(&ended);
    InitializeListHead(&irps);
    KeAcquireSpinLock(&unit->lock, &irql);
    sys_transact_cancel_all(unit, &irps);
    for (at = unit->requests.Flink; at != &unit->requests; at = at->Flink)
        sys_request_doom(
            CONTAINING_RECORD(at, struct sys_request, all), SYS_ABORTED, &ended);
    KeReleaseSpinLock(&unit->lock, irql);
    sys_request_finish_all(&ended);
    unit->adapter->leaving--;
    sys_transact_complete_all(&irps);
}

/* The unit was taken out of the table; this drops the table's reference. */
static void retire(struct sys_unit *unit)
{
    struct sys_adapter *adapter = unit->adapter;

    drain(unit);
    bus_changed(adapter, unit->btl);
    sys_unit_put(unit);
}

/* False: it is not in the table any more. */
bool sys_unit_remove(struct sys_adapter *adapter, struct sys_unit *unit)
{
    bool found;
    KIRQL before, irql;

    KeRaiseIrql(DISPATCH_LEVEL, &before);
    KeAcquireSpinLock(&adapter->lock, &irql);
    found = sys_unit_is_there(unit);
    if (found)
        take_out(adapter, unit);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (found)
        retire(unit);
    KeLowerIrql(before);
    return found;
}

/* The check and the removal share a lock: within the grace the unit may be taken over at any
 * time. */
NTSTATUS sys_unit_unprovision(struct sys_adapter *adapter, const GUID *guid, PEPROCESS caller)
{
    NTSTATUS status = STATUS_SUCCESS;
    bool administrator = sys_user_is_administrator(caller);
    struct sys_user user;
    struct sys_unit *unit;
    KIRQL before, irql;

    sys_user_of(caller, &user);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    KeAcquireSpinLock(&adapter->lock, &irql);
    unit = find(adapter, guid);
    if (!unit)
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    else if (!sys_owner_lets_remove(unit, caller, &user, administrator))
        status = STATUS_ACCESS_DENIED;
    else
        take_out(adapter, unit);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (NT_SUCCESS(status)) {
        sys_log(adapter, SYS_EVENT_UNPROVISIONED, unit->btl, 0);
        retire(unit);
    }
    KeLowerIrql(before);
    return status;
}

void sys_unit_remove_all(struct sys_adapter *adapter)
{
    for (ULONG i = 0; i < adapter->settings.capacity; i++) {
        struct sys_unit *unit = sys_unit_get(adapter, sys_unit_address(i));

        if (!unit)
            continue;
        sys_unit_remove(adapter, unit);
        sys_unit_put(unit);
    }
}

/* Requests whose time is up. */
_Requires_lock_not_held_(unit->lock)
static void expire(struct sys_unit *unit, uint32_t now)
{
    LIST_ENTRY ended;
    PLIST_ENTRY at;
    ULONG count = 0;
    KIRQL irql;

    InitializeListHead(&ended);
    KeAcquireSpinLock(&unit->lock, &irql);
    for (at = unit->requests.Flink; at != &unit->requests && !unit->orphan; at = at->Flink) {
        struct sys_request *request = CONTAINING_RECORD(at, struct sys_request, all);
        bool served = request->queued.state == IOQ_SERVED;

        if (request->busy || (int32_t)(now - request->deadline) < 0)
            continue;
        sys_request_doom(
            request, served ? SYS_TIMED_OUT_SERVED : SYS_TIMED_OUT_PENDING, &ended);
        count++;
    }
    KeReleaseSpinLock(&unit->lock, irql);
    sys_request_finish_all(&ended);
    if (count)
        sys_log(unit->adapter, SYS_EVENT_TIMED_OUT, unit->btl, count);
}

/* Every second. */
void sys_unit_tick(struct sys_adapter *adapter, void (*check)(struct sys_unit *unit))
{
    uint32_t now = ++adapter->ticks;

    for (ULONG i = 0; i < adapter->settings.capacity; i++) {
        struct sys_unit *unit;
        bool over;
        KIRQL irql;

        KeAcquireSpinLock(&adapter->lock, &irql);
        unit = sys_unit_reference(adapter->units[i]);
        over = unit && !unit->owner && (int32_t)(now - unit->grace_end) >= 0;
        if (over)
            take_out(adapter, unit);
        KeReleaseSpinLock(&adapter->lock, irql);
        if (!unit)
            continue;
        if (over) {
            retire(unit);
            sys_log(adapter, SYS_EVENT_GRACE_OVER, unit->btl, 0);
        } else {
            check(unit);
            expire(unit, now);
        }
        sys_unit_put(unit);
    }
}
