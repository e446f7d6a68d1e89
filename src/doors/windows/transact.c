/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The transact call of winspd/ioctl.h. */

#include "doors/windows/windows.h"

#include <stdlib.h>
#include <string.h>

/* The driver tells that of a unit which another process has made, or which was forgotten. */
static DWORD transfer_length(HANDLE device, UINT32 btl, UINT32 *length)
{
    SPD_IOCTL_TRANSFER_LENGTH_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_TRANSFER_LENGTH }, .Dir.Par.Btl = btl
    };
    DWORD error, got;

    *length = windows_known_transfer_length(btl);
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
