/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Block operations in one line. */

#ifndef TESTS_SCSI_BLOCK_H
#define TESTS_SCSI_BLOCK_H

#include "test.h"

/* Nexus n asks for an operation on one range; a write is all of this byte. */
static inline void block_by(struct disk *disk, unsigned n, uint8_t operation, uint8_t flags,
    uint64_t lba, uint32_t blocks, uint8_t fill)
{
    size_t length = (size_t)blocks * disk->unit.params.block_length;
    struct scsi_range range = { .lba = lba, .blocks = blocks };
    struct scsi_block asked = {
        .operation = operation,
        .flags = flags,
        .lba = lba,
        .blocks = blocks,
        .ranges = &range,
        .range_count = 1,
    };
    uint8_t *data = NULL;

    if (operation == SCSI_BLOCK_WRITE && length <= 1 << 24) {
        data = malloc(length + 1);
        CHECK(data);
        memset(data, fill, length);
    }
    assert_true(disk_run_block(disk, n, &asked, data));
    free(data);
}

static inline void block(struct disk *disk, uint8_t operation, uint8_t flags, uint64_t lba,
    uint32_t blocks)
{
    block_by(disk, 0, operation, flags, lba, blocks, 0xee);
}

/* An unmap of `count` ranges. */
static inline void block_unmap(
    struct disk *disk, uint8_t flags, struct scsi_range *ranges, uint32_t count)
{
    const struct scsi_block asked = {
        .operation = SCSI_BLOCK_UNMAP, .flags = flags, .ranges = ranges, .range_count = count };

    assert_true(disk_run_block(disk, 0, &asked, NULL));
}

/* It ended with CHECK CONDITION of this key and code, and the device was not called. */
static inline void assert_refused(const struct disk *disk, unsigned key, unsigned code)
{
    const struct scsi_outcome *outcome = &disk->task.outcome;

    assert_int_equal(outcome->status, SCSI_CHECK_CONDITION);
    assert_int_equal(outcome->sense_key, key);
    assert_int_equal(outcome->asc << 8 | outcome->ascq, code);
    assert_int_equal(disk->log_count, 0);
}

#endif
