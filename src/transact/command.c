/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "transact/command.h"

#include <string.h>

#include "scsi/be.h"

enum {
    OP_UNMAP = 0x42,
    OP_READ_16 = 0x88,
    OP_WRITE_16 = 0x8a,
    OP_SYNCHRONIZE_CACHE_16 = 0x91,
    CDB_FUA = 0x08,
};

static void set_cdb(struct scsi_task *task, uint8_t opcode, uint8_t length)
{
    memset(task->cdb, 0, sizeof task->cdb);
    task->cdb[0] = opcode;
    task->cdb_length = length;
}

bool transact_command_build(const struct transact_request *message, uint32_t block_length,
    struct scsi_task *task)
{
    static const struct {
        uint8_t opcode;
        uint8_t direction;
    } kinds[] = {
        [TRANSACT_READ] = { OP_READ_16, SCSI_DATA_IN },
        [TRANSACT_WRITE] = { OP_WRITE_16, SCSI_DATA_OUT },
        [TRANSACT_FLUSH] = { OP_SYNCHRONIZE_CACHE_16, SCSI_NO_DATA },
    };

    if (message->kind >= sizeof kinds / sizeof kinds[0] || kinds[message->kind].opcode == 0)
        return false;
    set_cdb(task, kinds[message->kind].opcode, 16);
    if (message->kind != TRANSACT_FLUSH && message->fua)
        task->cdb[1] = CDB_FUA;
    be64_put(task->cdb + 2, message->lba);
    be32_put(task->cdb + 10, message->blocks);
    task->expected_direction = kinds[message->kind].direction;
    task->expected_length = task->expected_direction == SCSI_NO_DATA ?
        0 : (uint64_t)message->blocks * block_length;
    return true;
}

void transact_command_build_unmap(uint32_t count, struct scsi_task *task,
    uint8_t header[TRANSACT_UNMAP_HEADER_LENGTH])
{
    uint16_t ranges_length = (uint16_t)(count * TRANSACT_RANGE_LENGTH);
    uint16_t length = TRANSACT_UNMAP_HEADER_LENGTH + ranges_length;

    set_cdb(task, OP_UNMAP, 10);
    be16_put(task->cdb + 7, length);
    memset(header, 0, TRANSACT_UNMAP_HEADER_LENGTH);
    be16_put(header, length - 2); /* UNMAP DATA LENGTH does not count itself */
    be16_put(header + 2, ranges_length);
    task->expected_direction = SCSI_DATA_OUT;
    task->expected_length = length;
}

void transact_command_convert_ranges(uint8_t *ranges, uint32_t count)
{
    for (uint8_t *p = ranges; count > 0; count--, p += TRANSACT_RANGE_LENGTH) {
        struct transact_range range;

        transact_decode_range(p, &range);
        memset(p, 0, TRANSACT_RANGE_LENGTH);
        be64_put(p, range.lba);
        be32_put(p + 8, range.blocks);
    }
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

/* SPC-4 4.5.3: 18 bytes at least; INFORMATION has 32 bits. */
static void read_fixed_sense(const uint8_t *sense, size_t length, struct transact_status *status)
{
    if (length < 14)
        return;
    status->sense_key = sense[2] & 0x0f;
    status->asc = sense[12];
    status->ascq = sense[13];
    if (sense[0] & 0x80) {
        status->information_valid = true;
        status->information = be32_get(sense + 3);
    }
}

/* SPC-4 4.5.2: of the descriptors only INFORMATION (type 0, 12 bytes) has a place in the answer. */
static void read_descriptor_sense(const uint8_t *sense, size_t length,
    struct transact_status *status)
{
    if (length < 8)
        return;
    status->sense_key = sense[1] & 0x0f;
    status->asc = sense[2];
    status->ascq = sense[3];
    for (size_t at = 8; at + 2 <= length; at += 2u + sense[at + 1]) {
        if (sense[at] == 0 && sense[at + 1] == 10 && at + 12 <= length && (sense[at + 2] & 0x80)) {
            status->information_valid = true;
            status->information = be64_get(sense + at + 4);
        }
    }
}

struct transact_status transact_status_from_task(const struct scsi_task *task)
{
    struct transact_status status = { .scsi_status = task->status };

    if (task->status != SCSI_CHECK_CONDITION || task->sense_length == 0)
        return status;
    /* Another door's initiator may have set D_SENSE, so either format can come. */
    if ((task->sense[0] & 0x7f) >= 0x72)
        read_descriptor_sense(task->sense, task->sense_length, &status);
    else
        read_fixed_sense(task->sense, task->sense_length, &status);
    return status;
}
