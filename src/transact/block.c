/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "transact/block.h"

#include <string.h>

_Static_assert(sizeof(struct scsi_range) == TRANSACT_RANGE_LENGTH, "a range takes its own place");

static struct scsi_range *convert_ranges(uint8_t *payload, uint32_t count)
{
    uint8_t *at = payload;

    for (uint32_t i = 0; i < count; i++, at += TRANSACT_RANGE_LENGTH) {
        struct transact_range range;

        transact_decode_range(at, &range);
        memcpy(at, &(struct scsi_range){ .lba = range.lba, .blocks = range.blocks },
            TRANSACT_RANGE_LENGTH);
    }
    return (struct scsi_range *)(void *)payload;
}

bool transact_block(
    const struct transact_request *message, void *payload, struct scsi_block *block)
{
    static const uint8_t operations[] = {
        [TRANSACT_READ] = SCSI_BLOCK_READ,
        [TRANSACT_WRITE] = SCSI_BLOCK_WRITE,
        [TRANSACT_FLUSH] = SCSI_BLOCK_FLUSH,
        [TRANSACT_UNMAP] = SCSI_BLOCK_UNMAP,
    };

    if (message->kind >= sizeof operations || !operations[message->kind])
        return false;
    *block = (struct scsi_block){
        .operation = operations[message->kind],
        .flags = message->fua ? SCSI_BLOCK_FUA : 0,
        .lba = message->lba,
        .blocks = message->blocks,
    };
    if (message->kind == TRANSACT_UNMAP) {
        block->ranges = convert_ranges(payload, message->blocks);
        block->range_count = message->blocks;
    }
    return true;
}

uint64_t transact_data_length(const struct transact_request *message, uint32_t block_length)
{
    return message->kind == TRANSACT_READ || message->kind == TRANSACT_WRITE
        ? (uint64_t)message->blocks * block_length : 0;
}

struct transact_status transact_status_check(uint8_t sense_key, uint8_t asc, uint8_t ascq)
{
    return (struct transact_status){
        .scsi_status = SCSI_CHECK_CONDITION,
        .sense_key = sense_key,
        .asc = asc,
        .ascq = ascq,
    };
}

struct transact_status transact_status_of(const struct scsi_outcome *outcome)
{
    if (outcome->status != SCSI_CHECK_CONDITION)
        return (struct transact_status){ .scsi_status = outcome->status };
    return (struct transact_status){
        .scsi_status = outcome->status,
        .sense_key = outcome->sense_key & 0x0f, /* four bits (SPC-4 4.5.3) */
        .asc = outcome->asc,
        .ascq = outcome->ascq,
        .information_valid = outcome->information_valid,
        .information = outcome->information,
    };
}
