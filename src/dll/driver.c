/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Storage units of the driver, and the transact call of winspd/ioctl.h. */

#include <string.h>

#include "dll/dll.h"

enum { TARGETS = 256 };

/* MaxTransferLength of the units that SpdIoctlTransact() is called for, by target, 0: not known.
 * The call of the original has no length, and the driver is to be given one. */
static volatile LONG transfer_lengths[TARGETS];

static SPD_IOCTL_TRANSACT_PARAMS *block_of(struct frame *frame)
{
    return (void *)frame->bytes;
}

/* Puts an answer into the frame; returns the length of the message. */
static DWORD put_answer(struct frame *frame, const SPD_IOCTL_TRANSACT_RSP *answer, UINT8 kind,
    const void *data, UINT32 length)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(frame);
    bool with_data = data && kind == SpdIoctlTransactReadKind &&
        answer->Status.ScsiStatus == SCSISTAT_GOOD;

    block->RspValid = 1;
    block->Dir.Rsp = dll_answer(answer->Hint, kind, &answer->Status);
    if (!with_data)
        return sizeof *block;
    block->DataBuffer = 1;
    memcpy(block + 1, data, length);
    return sizeof *block + length;
}

static DWORD exchange(struct dll_unit *unit, HANDLE device, struct frame *frame, DWORD in_length,
    UINT32 max_length, SPD_IOCTL_TRANSACT_REQ *request, void *data)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(frame);
    DWORD got;
    DWORD error = dll_transact(unit, device, frame, in_length, max_length, &got);

    if (error || !request)
        return error;
    ZeroMemory(request, sizeof *request);
    if (got < sizeof *block || !block->ReqValid)
        return 0;
    *request = block->Dir.Req;
    memcpy(data, block + 1, got - sizeof *block);
    return 0;
}

static void want_request(struct frame *frame, UINT32 btl, bool wanted)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(frame);

    ZeroMemory(block, sizeof *block);
    block->Btl = btl;
    block->ReqValid = wanted;
    block->DataBuffer = wanted;
}

static DWORD transact(struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer,
    SPD_IOCTL_TRANSACT_REQ *request, PVOID data)
{
    UINT32 max_length = unit->base.StorageUnitParams.MaxTransferLength;
    DWORD in_length = sizeof(SPD_IOCTL_TRANSACT_PARAMS);
    struct pending pending;
    DWORD error;

    want_request(frame, unit->base.Btl, request != NULL);
    if (answer && outstanding_take(&unit->outstanding, answer->Hint, &pending))
        in_length = put_answer(frame, answer, pending.kind, data, pending.length);
    else if (!request)
        return 0; /* late, or the second one */
    error = exchange(unit, unit->base.Handle, frame, in_length, max_length, request, data);
    if (error || !request || !request->Hint)
        return error;
    pending = (struct pending){ .hint = request->Hint, .kind = request->Kind };
    if (request->Kind == SpdIoctlTransactReadKind)
        pending.length = request->Op.Read.BlockCount * unit->base.StorageUnitParams.BlockLength;
    if (pending.length > max_length)
        return ERROR_INVALID_DATA;
    return outstanding_add(&unit->outstanding, &pending) ? 0 : ERROR_NO_SYSTEM_RESOURCES;
}

static DWORD driver_send(
    struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer, PVOID data)
{
    return transact(unit, frame, answer, NULL, data);
}

static void driver_stop(struct dll_unit *unit)
{
    /* From now on the address may be another unit's, whose requests are not for us: what is being
     * handed over arrives before that, and what is not will not be. */
    AcquireSRWLockExclusive(&unit->issuing);
    ReleaseSRWLockExclusive(&unit->issuing);
    SpdIoctlUnprovision(unit->base.Handle, &unit->base.StorageUnitParams.Guid);
}

static void driver_close(struct dll_unit *unit)
{
    CloseHandle(unit->base.Handle);
}

static const struct transport driver_transport = {
    .receive = transact,
    .send = driver_send,
    .stop = driver_stop,
    .close = driver_close,
};

/* There are at most 128 targets on each of two buses. */
static volatile LONG *known_length(UINT32 btl)
{
    return &transfer_lengths[SPD_IOCTL_BTL_B(btl) % 2 * 128 + SPD_IOCTL_BTL_T(btl) % 128];
}

void driver_note_transfer_length(UINT32 btl, UINT32 length)
{
    InterlockedExchange(known_length(btl), (LONG)length);
}

void driver_forget_transfer_lengths(void)
{
    for (UINT32 i = 0; i < TARGETS; i++)
        InterlockedExchange(&transfer_lengths[i], 0);
}

DWORD driver_open(struct dll_unit *unit, PWSTR device_name)
{
    static WCHAR hardware_id[] = L"" SPD_IOCTL_HARDWARE_ID;
    HANDLE device;
    DWORD error;

    if (!device_name)
        device_name = hardware_id;
    if (!dll_unit_set_name(unit, device_name))
        return ERROR_NO_SYSTEM_RESOURCES;
    error = SpdIoctlOpenDevice(device_name, &device);
    if (error)
        return error;
    error = SpdIoctlProvision(device, &unit->base.StorageUnitParams, &unit->base.Btl);
    if (error) {
        CloseHandle(device);
        return error;
    }
    unit->base.Handle = device;
    unit->frame_length = unit->base.StorageUnitParams.MaxTransferLength;
    unit->transport = &driver_transport;
    return 0;
}

/* False: no answer of at least so many bytes. Unit attentions are taken on the way. */
static bool ask(HANDLE device, UINT32 btl, CDB cdb, UCHAR *data, UINT32 length, UINT32 least)
{
    enum { ATTEMPTS = 8 };

    for (int i = 0; i < ATTEMPTS; i++) {
        UCHAR sense[32] = { 0 }, status = 0;
        UINT32 got = length;

        if (SpdIoctlScsiExecute(device, btl, &cdb, 1, data, &got, &status, sense))
            return false;
        if (status == SCSISTAT_GOOD)
            return got >= least;
        if (status != SCSISTAT_CHECK_CONDITION || (sense[2] & 15) != SCSI_SENSE_UNIT_ATTENTION)
            return false;
    }
    return false;
}

static UINT32 be32(const UCHAR *bytes)
{
    return (UINT32)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* A unit of another process, for which this one transacts: the driver's block limits page has it as
 * the optimal transfer length, in blocks. */
static UINT32 ask_transfer_length(HANDLE device, UINT32 btl)
{
    CDB inquiry = { 0 }, capacity = { 0 };
    UCHAR page[64] = { 0 }, blocks[8] = { 0 };
    UINT64 length;

    inquiry.AsByte[0] = SCSIOP_INQUIRY;
    inquiry.AsByte[1] = 1;
    inquiry.AsByte[2] = VPD_BLOCK_LIMITS;
    inquiry.AsByte[4] = sizeof page;
    capacity.AsByte[0] = SCSIOP_READ_CAPACITY;
    if (!ask(device, btl, inquiry, page, sizeof page, 16) ||
        !ask(device, btl, capacity, blocks, sizeof blocks, 8))
        return 0;
    length = (UINT64)be32(page + 12) * be32(blocks + 4);
    return length <= SPD_IOCTL_MAX_TRANSFER_LENGTH ? (UINT32)length : 0;
}

static UINT32 transfer_length(HANDLE device, UINT32 btl)
{
    UINT32 length = (UINT32)*known_length(btl);

    if (length)
        return length;
    length = ask_transfer_length(device, btl);
    if (length)
        driver_note_transfer_length(btl, length);
    return length;
}

DWORD SPD_CALL SpdIoctlTransact(HANDLE DeviceHandle, UINT32 Btl, SPD_IOCTL_TRANSACT_RSP *Rsp,
    SPD_IOCTL_TRANSACT_REQ *Req, PVOID DataBuffer)
{
    DWORD in_length = sizeof(SPD_IOCTL_TRANSACT_PARAMS), error;
    struct frame *frame;
    UINT32 max_length;

    if ((!Req && !Rsp) || (Req && !DataBuffer))
        return ERROR_INVALID_PARAMETER;
    max_length = transfer_length(DeviceHandle, Btl);
    if (!max_length)
        return ERROR_OPERATION_ABORTED; /* no such unit */
    frame = frame_new(max_length);
    if (!frame)
        return ERROR_NO_SYSTEM_RESOURCES;
    want_request(frame, Btl, Req != NULL);
    if (Rsp)
        in_length = put_answer(frame, Rsp, Rsp->Kind, DataBuffer, max_length);
    error = exchange(NULL, DeviceHandle, frame, in_length, max_length, Req, DataBuffer);
    frame_free(frame);
    return error;
}
