/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "transact/message.h"
#include "os/endian.h"
#include "scsi/guid.h"
#include "scsi/scsi.h"

#include <string.h>

void transact_encode_params(const struct transact_params *params,
    uint8_t wire[TRANSACT_PARAMS_LENGTH])
{
    struct transact_wire_params w = {
        .block_count = htole64(params->block_count),
        .block_length = htole32(params->block_length),
        .device_type = params->device_type,
        .flags = htole32(params->flags),
        .max_transfer_length = htole32(params->max_transfer_length),
        .reserved = { htole64(params->modern_profile ? TRANSACT_MODERN_PROFILE : 0) },
    };

    scsi_guid_swap(params->guid, w.guid);
    memcpy(w.product_id, params->product_id, sizeof w.product_id);
    memcpy(w.product_revision, params->product_revision, sizeof w.product_revision);
    memcpy(wire, &w, sizeof w);
}

bool transact_decode_params(const uint8_t wire[TRANSACT_PARAMS_LENGTH],
    struct transact_params *params)
{
    struct transact_wire_params w;

    memcpy(&w, wire, sizeof w);
    *params = (struct transact_params){
        .block_count = le64toh(w.block_count),
        .block_length = le32toh(w.block_length),
        .max_transfer_length = le32toh(w.max_transfer_length),
        .flags = le32toh(w.flags),
        .device_type = w.device_type,
        .modern_profile = le64toh(w.reserved[0]) & TRANSACT_MODERN_PROFILE,
    };
    scsi_guid_swap(w.guid, params->guid);
    memcpy(params->product_id, w.product_id, sizeof w.product_id);
    memcpy(params->product_revision, w.product_revision, sizeof w.product_revision);
    return params->block_count != 0 && params->block_length >= 16 &&
        params->max_transfer_length != 0 &&
        params->max_transfer_length % params->block_length == 0;
}

void transact_encode_request(const struct transact_request *request,
    uint8_t wire[TRANSACT_HEADER_LENGTH])
{
    struct transact_wire_request w = { .hint = htole64(request->hint), .kind = request->kind };

    if (request->kind == TRANSACT_UNMAP) {
        w.op.unmap_count = htole32(request->blocks);
    } else {
        w.op.block.lba = htole64(request->lba);
        w.op.block.blocks = htole32(request->blocks);
        w.op.block.flags = htole32(request->fua ? 1 : 0);
    }
    memcpy(wire, &w, sizeof w);
}

void transact_decode_request(const uint8_t wire[TRANSACT_HEADER_LENGTH],
    struct transact_request *request)
{
    struct transact_wire_request w;

    memcpy(&w, wire, sizeof w);
    *request = (struct transact_request){ .hint = le64toh(w.hint), .kind = w.kind };
    if (w.kind == TRANSACT_UNMAP) {
        request->blocks = le32toh(w.op.unmap_count);
    } else {
        request->lba = le64toh(w.op.block.lba);
        request->blocks = le32toh(w.op.block.blocks);
        request->fua = le32toh(w.op.block.flags) & 1;
    }
}

void transact_encode_response(const struct transact_response *response,
    uint8_t wire[TRANSACT_HEADER_LENGTH])
{
    const struct transact_status *s = &response->status;
    struct transact_wire_response w = {
        .hint = htole64(response->hint),
        .kind = response->kind,
        .status = {
            .scsi_status = s->scsi_status,
            .sense_key = s->sense_key,
            .asc = s->asc,
            .ascq = s->ascq,
            .information = htole64(s->information_valid ? s->information : 0),
            .information_valid = s->information_valid,
        },
    };

    memcpy(wire, &w, sizeof w);
}

void transact_decode_response(const uint8_t wire[TRANSACT_HEADER_LENGTH],
    struct transact_response *response)
{
    struct transact_wire_response w;

    memcpy(&w, wire, sizeof w);
    *response = (struct transact_response){
        .hint = le64toh(w.hint),
        .kind = w.kind,
        .status = {
            .scsi_status = w.status.scsi_status,
            .sense_key = w.status.sense_key,
            .asc = w.status.asc,
            .ascq = w.status.ascq,
            .information_valid = w.status.information_valid & 1,
            .information = le64toh(w.status.information),
        },
    };
}

void transact_encode_range(const struct transact_range *range, uint8_t wire[TRANSACT_RANGE_LENGTH])
{
    struct transact_wire_range w = {
        .lba = htole64(range->lba),
        .blocks = htole32(range->blocks),
    };

    memcpy(wire, &w, sizeof w);
}

void transact_decode_range(const uint8_t wire[TRANSACT_RANGE_LENGTH], struct transact_range *range)
{
    struct transact_wire_range w;

    memcpy(&w, wire, sizeof w);
    *range = (struct transact_range){ .lba = le64toh(w.lba), .blocks = le32toh(w.blocks) };
}

uint64_t transact_request_payload(const struct transact_request *request, uint32_t block_length)
{
    switch (request->kind) {
    case TRANSACT_WRITE:
        return (uint64_t)request->blocks * block_length;
    case TRANSACT_UNMAP:
        return (uint64_t)request->blocks * TRANSACT_RANGE_LENGTH;
    default:
        return 0;
    }
}

uint64_t transact_response_payload(const struct transact_request *request, uint32_t block_length,
    const struct transact_status *status)
{
    if (request->kind != TRANSACT_READ || !scsi_completed(status->scsi_status, status->sense_key))
        return 0;
    return (uint64_t)request->blocks * block_length;
}
