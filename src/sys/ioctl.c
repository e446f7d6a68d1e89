/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The service IRPs: tells the calls apart, and checks their blocks. */

#include "sys.h"

struct call {
    PIRP irp;
    PEPROCESS caller;
    PVOID block;   /* the system buffer, in and out */
    ULONG in, out;
    ULONG_PTR written;
};

/* The version of programs that say none. */
enum { UNSAID = 1 };

const volatile struct sys_version sys_version = { "SpdVersion:", SPD_IOCTL_VERSION };

static NTSTATUS provision(struct sys_adapter *adapter, struct call *call)
{
    SPD_IOCTL_PROVISION_PARAMS *block = call->block;
    UINT32 btl, version;
    NTSTATUS status;

    if (call->out < sizeof *block)
        return STATUS_INVALID_PARAMETER;
    status = sys_unit_provision(
        adapter, &block->Dir.Par.StorageUnitParams, call->caller, &btl, &version);
    if (!NT_SUCCESS(status))
        return status;
    memset(&block->Dir, 0, sizeof block->Dir);
    block->Dir.Ret.Btl = btl;
    block->Dir.Ret.Version = version ? sys_version.number : 0;
    if (version != sys_version.number)
        sys_log(adapter, SYS_EVENT_OTHER_VERSION, btl, version ? version : UNSAID);
    call->written = sizeof *block;
    return STATUS_SUCCESS;
}

static NTSTATUS unprovision(struct sys_adapter *adapter, struct call *call)
{
    SPD_IOCTL_UNPROVISION_PARAMS *block = call->block;

    return sys_unit_unprovision(adapter, &block->Dir.Par.Guid, call->caller);
}

_Requires_lock_not_held_(adapter->lock)
static NTSTATUS list(struct sys_adapter *adapter, struct call *call)
{
    UINT32 *btls = call->block;
    ULONG room = call->out / sizeof *btls, count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    for (ULONG i = 0; i < adapter->settings.capacity; i++) {
        if (!adapter->units[i])
            continue;
        if (count < room)
            btls[count] = sys_unit_address(i);
        count++;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (count > room)
        return STATUS_BUFFER_TOO_SMALL;
    call->written = count * sizeof *btls;
    return STATUS_SUCCESS;
}

/* The original asks for a request with the block alone, and expects its data at DataBuffer. */
static bool is_originals(const struct call *call)
{
    const SPD_IOCTL_TRANSACT_PARAMS *block = call->block;

    return block->ReqValid && call->out == sizeof *block;
}

static NTSTATUS transact(struct sys_adapter *adapter, struct call *call)
{
    if (is_originals(call))
        sys_log(adapter, SYS_EVENT_OTHER_DLL, 0, (ULONG)(ULONG_PTR)PsGetProcessId(call->caller));
    return sys_transact(adapter, call->irp, call->caller, call->in, call->out);
}

static NTSTATUS batch(struct sys_adapter *adapter, struct call *call)
{
    return sys_transact_batch(adapter, call->irp, call->caller, call->in, call->out);
}

static NTSTATUS counts(struct sys_adapter *adapter, struct call *call)
{
    SPD_IOCTL_COUNTS_PARAMS *block = call->block;
    NTSTATUS status;

    if (call->out < sizeof *block)
        return STATUS_INVALID_PARAMETER;
    status = sys_transact_counts(adapter, block->Dir.Par.Btl, block);
    if (NT_SUCCESS(status))
        call->written = sizeof *block;
    return status;
}

static NTSTATUS transfer_length(struct sys_adapter *adapter, struct call *call)
{
    SPD_IOCTL_TRANSFER_LENGTH_PARAMS *block = call->block;
    UINT32 length;
    NTSTATUS status;

    if (call->out < sizeof *block)
        return STATUS_INVALID_PARAMETER;
    status = sys_transact_length(adapter, block->Dir.Par.Btl, call->caller, &length);
    if (!NT_SUCCESS(status))
        return status;
    block->Dir.Ret.MaxTransferLength = length;
    call->written = sizeof *block;
    return STATUS_SUCCESS;
}

/* Only the owner may do so, and it may name any process. */
_Requires_lock_not_held_(adapter->lock)
static NTSTATUS redirect(struct sys_adapter *adapter, struct sys_unit *unit,
    struct sys_process *server, PEPROCESS caller)
{
    NTSTATUS status = STATUS_SUCCESS;
    LIST_ENTRY irps;
    KIRQL irql;

    InitializeListHead(&irps);
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (sys_owner_is(unit, caller))
        server = sys_transact_redirect(unit, server, &irps);
    else
        status = STATUS_ACCESS_DENIED;
    KeReleaseSpinLock(&adapter->lock, irql);
    sys_transact_complete_all(&irps);
    if (server)
        sys_process_put(server);
    return status;
}

static NTSTATUS set_transact_pid(struct sys_adapter *adapter, struct call *call)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS *block = call->block;
    struct sys_unit *unit = sys_unit_get(adapter, block->Btl);
    struct sys_process *server;
    PEPROCESS object;
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!unit)
        return STATUS_CANCELLED;
    if (NT_SUCCESS(PsLookupProcessByProcessId((HANDLE)(ULONG_PTR)block->ProcessId, &object))) {
        server = sys_process_get(adapter, object);
        ObDereferenceObject(object);
        status = server ? redirect(adapter, unit, server, call->caller)
                        : STATUS_INSUFFICIENT_RESOURCES;
    }
    sys_unit_put(unit);
    return status;
}

static NTSTATUS lifetime(struct sys_adapter *adapter, struct call *call)
{
    const SPD_IOCTL_VERSIONED_LIFETIME_PARAMS *block = call->block;
    UINT64 version = call->in < sizeof *block ? 0 : block->Version;

    return sys_lifetime_begin(adapter, call->irp, call->caller,
        version < UINT32_MAX ? (UINT32)version : UINT32_MAX);
}

/* input: the least length of the block. */
static const struct {
    UINT16 code;
    UINT16 input;
    NTSTATUS (*run)(struct sys_adapter *adapter, struct call *call);
} calls[] = {
    { SPD_IOCTL_PROVISION, sizeof(SPD_IOCTL_PROVISION_PARAMS), provision },
    { SPD_IOCTL_UNPROVISION, sizeof(SPD_IOCTL_UNPROVISION_PARAMS), unprovision },
    { SPD_IOCTL_LIST, sizeof(SPD_IOCTL_LIST_PARAMS), list },
    { SPD_IOCTL_TRANSACT, sizeof(SPD_IOCTL_TRANSACT_PARAMS), transact },
    { SPD_IOCTL_BATCH, sizeof(SPD_IOCTL_BATCH_PARAMS), batch },
    { SPD_IOCTL_COUNTS, sizeof(SPD_IOCTL_COUNTS_PARAMS), counts },
    { SPD_IOCTL_SET_TRANSACT_PID, sizeof(SPD_IOCTL_SET_TRANSACT_PID_PARAMS), set_transact_pid },
    { SPD_IOCTL_LIFETIME, sizeof(SPD_IOCTL_LIFETIME_PARAMS), lifetime },
    { SPD_IOCTL_TRANSFER_LENGTH, sizeof(SPD_IOCTL_TRANSFER_LENGTH_PARAMS), transfer_length },
};

static NTSTATUS dispatch(struct sys_adapter *adapter, struct call *call)
{
    const SPD_IOCTL_BASE_PARAMS *base = call->block;

    /* An IRP of another driver may belong to no thread. */
    if (!call->caller)
        return STATUS_ACCESS_DENIED;
    if (!base || call->in < sizeof *base || base->Size > call->in)
        return STATUS_INVALID_PARAMETER;
    for (unsigned i = 0; i < ARRAYSIZE(calls); i++)
        if (calls[i].code == base->Code)
            return call->in < calls[i].input ? STATUS_INVALID_PARAMETER
                                             : calls[i].run(adapter, call);
    return STATUS_INVALID_PARAMETER;
}

/* HwProcessServiceRequest, in the caller's thread. */
VOID NTAPI sys_ioctl(PVOID extension, PVOID service_irp)
{
    PIRP irp = service_irp;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct call call = {
        .irp = irp,
        .caller = IoGetRequestorProcess(irp),
        .block = irp->AssociatedIrp.SystemBuffer,
        .in = stack->Parameters.DeviceIoControl.InputBufferLength,
        .out = stack->Parameters.DeviceIoControl.OutputBufferLength,
    };
    NTSTATUS status = dispatch(extension, &call);

    if (status != STATUS_PENDING)
        sys_complete_irp(extension, irp, status, call.written);
}
