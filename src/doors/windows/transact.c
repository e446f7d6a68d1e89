/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The transact call of winspd/ioctl.h, and its block. */

#include "doors/windows/windows.h"

#include <stdlib.h>
#include <string.h>

enum { TARGETS = 256 };

/* MaxTransferLength of the units that SpdIoctlTransact() is called for, by target, 0: not known.
 * The call of the original has no length, and the driver is to be given one. */
static volatile LONG transfer_lengths[TARGETS];

SPD_IOCTL_TRANSACT_RSP windows_answer(
    UINT64 hint, UINT8 kind, const SPD_IOCTL_STORAGE_UNIT_STATUS *status)
{
    SPD_IOCTL_TRANSACT_RSP answer;

    ZeroMemory(&answer, sizeof answer); /* padding, too: others see it */
    answer.Hint = hint;
    answer.Kind = kind;
    answer.Status.ScsiStatus = status->ScsiStatus;
    answer.Status.SenseKey = status->SenseKey;
    answer.Status.ASC = status->ASC;
    answer.Status.ASCQ = status->ASCQ;
    answer.Status.Information = status->Information;
    answer.Status.InformationValid = status->InformationValid;
    return answer;
}

void windows_block_init(SPD_IOCTL_TRANSACT_PARAMS *block, UINT32 btl, bool wants_request)
{
    ZeroMemory(block, sizeof *block);
    block->Base.Size = sizeof *block;
    block->Base.Code = SPD_IOCTL_TRANSACT;
    block->Btl = btl;
    block->ReqValid = wants_request;
    block->DataBuffer = wants_request;
}

/* There are at most 128 targets on each of two buses. */
static volatile LONG *known_length(UINT32 btl)
{
    return &transfer_lengths[SPD_IOCTL_BTL_B(btl) % 2 * 128 + SPD_IOCTL_BTL_T(btl) % 128];
}

void windows_note_transfer_length(UINT32 btl, UINT32 length)
{
    InterlockedExchange(known_length(btl), (LONG)length);
}

void windows_forget_transfer_lengths(void)
{
    for (UINT32 i = 0; i < TARGETS; i++)
        InterlockedExchange(&transfer_lengths[i], 0);
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
        windows_note_transfer_length(btl, length);
    return length;
}

/* Returns the length of the data. */
static DWORD put_answer(SPD_IOCTL_TRANSACT_PARAMS *block, const SPD_IOCTL_TRANSACT_RSP *answer,
    const void *data, UINT32 length)
{
    block->RspValid = 1;
    block->Dir.Rsp = windows_answer(answer->Hint, answer->Kind, &answer->Status);
    if (!data || answer->Kind != SpdIoctlTransactReadKind || answer->Status.ScsiStatus)
        return 0;
    block->DataBuffer = 1;
    memcpy(block + 1, data, length);
    return length;
}

static void take_request(const SPD_IOCTL_TRANSACT_PARAMS *block, DWORD length,
    SPD_IOCTL_TRANSACT_REQ *request, void *data)
{
    ZeroMemory(request, sizeof *request);
    if (length < sizeof *block || !block->ReqValid)
        return;
    *request = block->Dir.Req;
    memcpy(data, block + 1, length - sizeof *block);
}

DWORD SPD_CALL SpdIoctlTransact(HANDLE DeviceHandle, UINT32 Btl, SPD_IOCTL_TRANSACT_RSP *Rsp,
    SPD_IOCTL_TRANSACT_REQ *Req, PVOID DataBuffer)
{
    DWORD in = sizeof(SPD_IOCTL_TRANSACT_PARAMS), got, error;
    SPD_IOCTL_TRANSACT_PARAMS *block;
    UINT32 max_length;

    if ((!Req && !Rsp) || (Req && !DataBuffer))
        return ERROR_INVALID_PARAMETER;
    max_length = transfer_length(DeviceHandle, Btl);
    if (!max_length)
        return ERROR_OPERATION_ABORTED; /* no such unit */
    block = malloc(sizeof *block + max_length);
    if (!block)
        return ERROR_NO_SYSTEM_RESOURCES;
    windows_block_init(block, Btl, Req != NULL);
    if (Rsp)
        in += put_answer(block, Rsp, DataBuffer, max_length);
    error = windows_service(DeviceHandle, block, in, sizeof *block + (Req ? max_length : 0), &got);
    if (!error && Req)
        take_request(block, got, Req, DataBuffer);
    free(block);
    return error;
}
