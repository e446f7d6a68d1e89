/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What a client may ask of a unit on a pipe. */

#include <string.h>

#include "dll/pipe.h"

/* SPC-4 annex F */
enum {
    INVALID_COMMAND_OPERATION_CODE = 0x2000,
    LBA_OUT_OF_RANGE = 0x2100,
    INVALID_FIELD_IN_CDB = 0x2400,
    WRITE_PROTECTED = 0x2700,
};

static bool refuse(struct pipe_message *message, UINT16 code, const UINT64 *lba)
{
    SPD_IOCTL_STORAGE_UNIT_STATUS *status = &message->refusal.Status;
    UINT8 key = code == WRITE_PROTECTED ? SCSI_SENSE_DATA_PROTECT : SCSI_SENSE_ILLEGAL_REQUEST;
    UINT64 information = lba ? *lba : 0;

    ZeroMemory(&message->refusal, sizeof message->refusal);
    message->refusal.Kind = message->header.Kind;
    SpdStorageUnitStatusSetSense(status, key, (UINT8)(code >> 8), lba ? &information : NULL);
    status->ASCQ = (UINT8)code;
    return false;
}

static bool is_in_range(const SPD_STORAGE_UNIT_PARAMS *params, UINT64 address, UINT32 count)
{
    return address <= params->BlockCount && count <= params->BlockCount - address;
}

static bool check_transfer(
    const SPD_STORAGE_UNIT_PARAMS *params, struct pipe_message *message, UINT32 *length)
{
    UINT64 address = message->header.Op.Read.BlockAddress;
    UINT32 count = message->header.Op.Read.BlockCount;

    if (count == 0 || count > params->MaxTransferLength / params->BlockLength)
        return refuse(message, INVALID_FIELD_IN_CDB, NULL);
    if (!is_in_range(params, address, count))
        return refuse(message, LBA_OUT_OF_RANGE, &address);
    *length = count * params->BlockLength;
    return true;
}

static bool check_flush(const SPD_STORAGE_UNIT_PARAMS *params, struct pipe_message *message)
{
    UINT64 address = message->header.Op.Flush.BlockAddress;

    if (!is_in_range(params, address, message->header.Op.Flush.BlockCount))
        return refuse(message, LBA_OUT_OF_RANGE, &address);
    return true;
}

static bool check_unmap(const SPD_STORAGE_UNIT_PARAMS *params, struct frame *frame,
    struct pipe_message *message, UINT32 *length)
{
    UCHAR *data = (UCHAR *)frame->bytes + PIPE_HEADER;
    UINT32 sent = message->length - (UINT32)PIPE_HEADER;
    UINT32 count = message->header.Op.Unmap.Count;
    SPD_UNMAP_DESCRIPTOR descriptor;

    if (count == 0 || count > params->MaxTransferLength / sizeof descriptor)
        return refuse(message, INVALID_FIELD_IN_CDB, NULL);
    *length = count * (UINT32)sizeof descriptor;
    /* What was not sent is zeros, and so no blocks at all. */
    if (sent < *length)
        ZeroMemory(data + sent, *length - sent);
    for (UINT32 i = 0; i < count; i++) {
        memcpy(&descriptor, data + i * sizeof descriptor, sizeof descriptor);
        if (!is_in_range(params, descriptor.BlockAddress, descriptor.BlockCount))
            return refuse(message, LBA_OUT_OF_RANGE, &descriptor.BlockAddress);
    }
    return true;
}

bool pipe_check(
    const struct dll_unit *unit, struct frame *frame, struct pipe_message *message, UINT32 *length)
{
    const SPD_STORAGE_UNIT_PARAMS *params = &unit->base.StorageUnitParams;
    UINT8 kind = message->header.Kind;
    bool changes = kind == SpdIoctlTransactWriteKind || kind == SpdIoctlTransactUnmapKind;
    bool valid;

    *length = 0;
    if (message->too_long)
        return refuse(message, INVALID_FIELD_IN_CDB, NULL);
    if (changes && params->WriteProtected)
        return refuse(message, WRITE_PROTECTED, NULL);
    switch (kind) {
    case SpdIoctlTransactReadKind:
    case SpdIoctlTransactWriteKind:
        valid = check_transfer(params, message, length);
        break;
    case SpdIoctlTransactFlushKind:
        valid = check_flush(params, message);
        break;
    case SpdIoctlTransactUnmapKind:
        valid = params->UnmapSupported ? check_unmap(params, frame, message, length)
                                       : refuse(message, INVALID_COMMAND_OPERATION_CODE, NULL);
        break;
    default:
        valid = refuse(message, INVALID_COMMAND_OPERATION_CODE, NULL);
        break;
    }
    message->data_length = valid ? *length : 0;
    return valid;
}

void pipe_take(const struct pipe_message *message, const struct frame *frame,
    SPD_IOCTL_TRANSACT_REQ *request, void *data)
{
    UINT32 sent = message->length - (UINT32)PIPE_HEADER;

    *request = message->header;
    if (message->header.Kind == SpdIoctlTransactReadKind)
        return;
    if (sent > message->data_length)
        sent = message->data_length;
    memcpy(data, (const UCHAR *)frame->bytes + PIPE_HEADER, sent);
    ZeroMemory((UCHAR *)data + sent, message->data_length - sent);
}
