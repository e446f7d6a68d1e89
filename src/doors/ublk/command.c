/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* From a request of the kernel to an operation of the unit, and from its end to a result. */

#include <errno.h>

#include "doors/ublk/door.h"

static const struct verb {
    uint8_t operation; /* enum scsi_block_operation; 0: there is no such request */
    bool has_data, has_range;
} verbs[UBLK_OPS] = {
    [UBLK_OP_READ] = { SCSI_BLOCK_READ, .has_data = true, .has_range = true },
    [UBLK_OP_WRITE] = { SCSI_BLOCK_WRITE, .has_data = true, .has_range = true },
    [UBLK_OP_FLUSH] = { SCSI_BLOCK_FLUSH },
    [UBLK_OP_DISCARD] = { SCSI_BLOCK_UNMAP, .has_range = true },
    [UBLK_OP_WRITE_ZEROES] = { SCSI_BLOCK_WRITE_ZEROES, .has_range = true },
};

bool ublk_command_block(const struct scsi_unit *unit, const struct ublk_descriptor *descriptor,
    uint32_t bytes_max, struct scsi_block *block)
{
    uint32_t op = descriptor->op_flags & UBLK_OP_MASK, sectors = descriptor->sectors;
    unsigned shift = unit->block_shift - UBLK_SECTOR_SHIFT;
    const struct verb *verb = &verbs[op < UBLK_OPS ? op : UBLK_OP_FLUSH];

    *block = (struct scsi_block){
        .operation = verb->operation,
        .flags = (descriptor->op_flags & UBLK_IO_FUA ? SCSI_BLOCK_FUA : 0) |
            (descriptor->op_flags & UBLK_IO_NO_UNMAP ? 0 : SCSI_BLOCK_MAY_UNMAP),
    };
    if (op >= UBLK_OPS || !verb->operation)
        return false;
    if (!verb->has_range)
        return true;
    if (sectors == 0 || ((descriptor->sector | sectors) & ((1u << shift) - 1)) ||
        (verb->has_data && sectors > bytes_max >> UBLK_SECTOR_SHIFT))
        return false;
    block->lba = descriptor->sector >> shift;
    block->blocks = sectors >> shift;
    return true;
}

enum { ANY = 0xff };

/* The first row that fits: those numbers of which the block layer makes a status of its own, which
 * multipath, RAID and file systems tell apart. */
static const struct {
    uint8_t key, asc, ascq;
    int number;
} rows[] = {
    { 0x3, ANY, ANY, ENODATA },     /* MEDIUM ERROR: these blocks are lost, others are not */
    { 0x4, ANY, ANY, EREMOTEIO },   /* HARDWARE ERROR: another path would not help */
    { 0x5, 0x20, 0x00, EOPNOTSUPP }, /* INVALID COMMAND OPERATION CODE */
    { 0x7, 0x27, 0x07, ENOSPC },    /* SPACE ALLOCATION FAILED WRITE PROTECT */
    { 0xd, ANY, ANY, ENOSPC },      /* VOLUME OVERFLOW */
    { ANY, ANY, ANY, EIO },
};

static bool fits(uint8_t wanted, uint8_t value)
{
    return wanted == ANY || wanted == value;
}

int32_t ublk_command_result(const struct scsi_outcome *outcome, uint32_t bytes)
{
    unsigned i = 0;

    if (scsi_outcome_completed(outcome))
        return (int32_t)bytes;
    if (outcome->status == SCSI_RESERVATION_CONFLICT)
        return -EBADE;
    if (outcome->status != SCSI_CHECK_CONDITION)
        return -EIO;
    while (!fits(rows[i].key, outcome->sense_key) || !fits(rows[i].asc, outcome->asc) ||
        !fits(rows[i].ascq, outcome->ascq))
        i++;
    return -rows[i].number;
}
