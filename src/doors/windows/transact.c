/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The transact call of winspd/ioctl.h, and its block. */

#include "doors/windows/windows.h"

#include <stdlib.h>
#include <string.h>

enum { TARGETS = 256 };

/* MaxTransferLength of the units for which SpdIoctlTransact() is called, by target; 0: not known.
 * The original's call has no length, and the driver needs one. */
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

bool windows_answer_has_data(UINT8 kind, const SPD_IOCTL_STORAGE_UNIT_STATUS *status)
{
    return kind == SpdIoctlTransactReadKind &&
        scsi_completed(status->ScsiStatus, status->SenseKey);
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

/* Each of two buses has at most 128 targets. */
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

/* The driver tells that of a unit which another process has made, or which was forgotten. */
static DWORD transfer_length(HANDLE device, UINT32 btl, UINT32 *length)
{
    SPD_IOCTL_TRANSFER_LENGTH_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_TRANSFER_LENGTH }, .Dir.Par.Btl = btl
    };
    DWORD error, got;

    *length = (UINT32)*known_length(btl);
    if (*length)
        return 0;
    error = windows_service(device, &block, sizeof block, sizeof block, &got);
    if (error)
        return error;
    *length = block.Dir.Ret.MaxTransferLength;
    windows_note_transfer_length(btl, *length);
    return 0;
}

/* Returns the length of the data. */
static DWORD put_answer(SPD_IOCTL_TRANSACT_PARAMS *block, const SPD_IOCTL_TRANSACT_RSP *answer,
    const void *data, UINT32 length)
{
    block->RspValid = 1;
    block->Dir.Rsp = windows_answer(answer->Hint, answer->Kind, &answer->Status);
    if (!data || !windows_answer_has_data(answer->Kind, &answer->Status))
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
    error = transfer_length(DeviceHandle, Btl, &max_length);
    if (error)
        return error;
    block = malloc(sizeof *block + max_length);
    if (!block)
        return ERROR_NO_SYSTEM_RESOURCES;
    windows_block_init(block, Btl, Req);
    if (Rsp)
        in += put_answer(block, Rsp, DataBuffer, max_length);
    error = windows_service(DeviceHandle, block, in, sizeof *block + (Req ? max_length : 0), &got);
    if (!error && Req)
        take_request(block, got, Req, DataBuffer);
    free(block);
    return error;
}
