/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The parts of messages that the calls of winspd/ioctl.h, the driver's side and pipes share. */

#include "doors/windows/windows.h"

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

/* The driver is trusted, but it does not know the length of our frames. */
bool windows_request_fits(
    const struct windows_door *door, const SPD_IOCTL_TRANSACT_REQ *request, DWORD length)
{
    const SPD_STORAGE_UNIT_PARAMS *params = &door->params;
    UINT32 most = params->MaxTransferLength;

    switch (request->Kind) {
    case SpdIoctlTransactReadKind:
        return request->Op.Read.BlockCount <= most / params->BlockLength;
    case SpdIoctlTransactWriteKind:
        return request->Op.Write.BlockCount <= most / params->BlockLength &&
            request->Op.Write.BlockCount * params->BlockLength <= length;
    case SpdIoctlTransactUnmapKind:
        return request->Op.Unmap.Count <= most / sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR) &&
            request->Op.Unmap.Count * sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR) <= length;
    default:
        return true;
    }
}
