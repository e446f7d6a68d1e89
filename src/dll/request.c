/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Makes a call of the program from a request of the library, and takes its answer back. */

#include "dll/dll.h"

#include <string.h>

_Static_assert((int)SPD_READ == (int)SpdIoctlTransactReadKind &&
        (int)SPD_WRITE == (int)SpdIoctlTransactWriteKind &&
        (int)SPD_FLUSH == (int)SpdIoctlTransactFlushKind &&
        (int)SPD_UNMAP == (int)SpdIoctlTransactUnmapKind,
    "an operation is its kind");
_Static_assert(sizeof(spd_range) == sizeof(SPD_UNMAP_DESCRIPTOR) &&
        offsetof(spd_range, blocks) == offsetof(SPD_UNMAP_DESCRIPTOR, BlockCount),
    "a range is a descriptor");

/* Between the door's pieces and the program's one buffer; buffer NULL: zeros. */
static void copy_data(spd_request *request, UCHAR *buffer, bool out)
{
    uint32_t count;
    const spd_vec *pieces = spd_request_data(request, &count);

    if (out)
        spd_vec_get(pieces, count, 0, buffer, SIZE_MAX);
    else
        spd_vec_put(pieces, count, 0, buffer, SIZE_MAX);
}

static void take(spd_request *request, SPD_IOCTL_TRANSACT_REQ *message, PVOID data)
{
    const spd_range *ranges;

    ZeroMemory(message, sizeof *message);
    message->Kind = (UINT8)spd_request_operation(request);
    switch (message->Kind) {
    case SpdIoctlTransactUnmapKind:
        ranges = spd_request_ranges(request, &message->Op.Unmap.Count);
        memcpy(data, ranges, message->Op.Unmap.Count * sizeof *ranges);
        break;
    case SpdIoctlTransactFlushKind:
        message->Op.Flush.BlockAddress = spd_request_lba(request);
        message->Op.Flush.BlockCount = spd_request_blocks(request);
        break;
    default:
        message->Op.Read.BlockAddress = spd_request_lba(request);
        message->Op.Read.BlockCount = spd_request_blocks(request);
        message->Op.Read.ForceUnitAccess = (spd_request_flags(request) & SPD_FUA) != 0;
        if (message->Kind == SpdIoctlTransactWriteKind)
            copy_data(request, data, true);
    }
}

static BOOLEAN refuse(SPD_STORAGE_UNIT_STATUS *status)
{
    SpdStorageUnitStatusSetSense(
        status, SCSI_SENSE_ILLEGAL_REQUEST, SCSI_ADSENSE_ILLEGAL_COMMAND, NULL);
    return TRUE;
}

/* TRUE: the answer is there. */
static BOOLEAN perform(SPD_STORAGE_UNIT *unit, const SPD_STORAGE_UNIT_OPERATION_CONTEXT *context)
{
    const SPD_STORAGE_UNIT_INTERFACE *calls = unit->Interface;
    const SPD_IOCTL_TRANSACT_REQ *request = context->Request;
    SPD_STORAGE_UNIT_STATUS *status = &context->Response->Status;
    PVOID data = context->DataBuffer;

    switch (request->Kind) {
    case SpdIoctlTransactReadKind:
        return !calls->Read ? refuse(status)
                            : calls->Read(unit, data, request->Op.Read.BlockAddress,
                                  request->Op.Read.BlockCount,
                                  (BOOLEAN)request->Op.Read.ForceUnitAccess, status);
    case SpdIoctlTransactWriteKind:
        return !calls->Write ? refuse(status)
                             : calls->Write(unit, data, request->Op.Write.BlockAddress,
                                   request->Op.Write.BlockCount,
                                   (BOOLEAN)request->Op.Write.ForceUnitAccess, status);
    case SpdIoctlTransactFlushKind:
        return !calls->Flush ? refuse(status)
                             : calls->Flush(unit, request->Op.Flush.BlockAddress,
                                   request->Op.Flush.BlockCount, status);
    default:
        return !calls->Unmap ? refuse(status)
                             : calls->Unmap(unit, data, request->Op.Unmap.Count, status);
    }
}

/* A late answer, or a second one, finds nothing. */
static void respond(struct dll_unit *unit, const SPD_IOCTL_TRANSACT_RSP *answer, PVOID data)
{
    const SPD_STORAGE_UNIT_STATUS *from = &answer->Status;
    spd_request *request = outstanding_take(&unit->outstanding, answer->Hint);
    spd_status status = {
        .scsi_status = from->ScsiStatus,
        .sense_key = from->SenseKey,
        .asc = from->ASC,
        .ascq = from->ASCQ,
        .information_valid = from->InformationValid,
        .information = from->Information,
    };

    if (!request)
        return;
    if (windows_answer_has_data((UINT8)spd_request_operation(request), from)) {
        /* A GOOD read without data reads zeros; others may not. */
        if (data || !status.scsi_status)
            copy_data(request, data, false);
        else /* the device broke its contract */
            spd_status_set(
                &status, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE, NULL);
    }
    spd_request_complete(request, &status);
}

void dll_abort(spd_request *request)
{
    spd_status status;

    spd_status_set(
        &status, SPD_SENSE_ABORTED_COMMAND, SPD_ASC_NO_ADDITIONAL_SENSE_INFORMATION, NULL);
    spd_request_complete(request, &status);
}

void dll_submit(spd_device *device, spd_request *request)
{
    struct dll_unit *unit = device->context;
    struct context *context = context_here();
    SPD_IOCTL_TRANSACT_RSP *answer;

    /* The library's last flush: the dispatcher has one of its own. */
    if (!context || context->lent_to != unit) {
        spd_request_complete(request, NULL);
        return;
    }
    take(request, context->base.Request, context->base.DataBuffer);
    context->base.Request->Hint = outstanding_add(&unit->outstanding, request);
    if (!context->base.Request->Hint) {
        dll_abort(request);
        dll_unit_end(unit, ERROR_NO_SYSTEM_RESOURCES);
        return;
    }
    answer = context->base.Response;
    ZeroMemory(answer, sizeof *answer);
    answer->Hint = context->base.Request->Hint;
    answer->Kind = context->base.Request->Kind;
    if (unit->base.DebugLog)
        dll_log_request(&unit->base, context->base.Request);
    if (!perform(&unit->base, &context->base))
        return;
    if (unit->base.DebugLog)
        dll_log_response(&unit->base, answer);
    respond(unit, answer, context->base.DataBuffer);
}

VOID SPD_CALL SpdStorageUnitSendResponse(
    SPD_STORAGE_UNIT *StorageUnit, SPD_IOCTL_TRANSACT_RSP *Response, PVOID DataBuffer)
{
    if (StorageUnit->DebugLog)
        dll_log_response(StorageUnit, Response);
    respond(dll_unit_of(StorageUnit), Response, DataBuffer);
}
