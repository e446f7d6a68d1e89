/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* UNMAP (SBC-3 5.28): the parameter list is read once and every range is checked before the first
 * goes to the device. */

#include "scsi/internal.h"

enum { START, HAVE_DATA, HAVE_SCRATCH, CHECKED };
enum { HEADER = 8, DESCRIPTOR = 16 };

/* Fills the scratch with the ranges, task->blocks of them; false when the task failed. */
static bool read_ranges(struct scsi_task *task)
{
    const struct scsi_unit *unit = task->unit;
    struct scsi_range *ranges = task->scratch;
    uint64_t capacity = scsi_capacity(unit);
    uint8_t header[HEADER], descriptor[DESCRIPTOR];
    uint32_t length, count = 0;
    uint64_t total = 0;

    scsi_data_copy(task, 0, header, HEADER);
    length = be16_get(header + 2); /* UNMAP BLOCK DESCRIPTOR DATA LENGTH */
    if (length > task->buffer_length - HEADER) {
        scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        return false;
    }
    if (length / DESCRIPTOR > scsi_unmap_ranges_max(unit)) {
        scsi_fail_parameter(task, 2, SCSI_WHOLE_BYTE);
        return false;
    }
    for (uint32_t at = HEADER; at + DESCRIPTOR <= HEADER + length; at += DESCRIPTOR) {
        uint64_t lba;
        uint32_t blocks;

        scsi_data_copy(task, at, descriptor, DESCRIPTOR);
        lba = be64_get(descriptor);
        blocks = be32_get(descriptor + 8);
        if (!blocks)
            continue; /* not an error, wherever it is (SBC-3 5.28.2) */
        if (!scsi_range_ok(capacity, lba, blocks)) {
            scsi_fail_information(task, SCSI_LBA_OUT_OF_RANGE, lba < capacity ? capacity : lba);
            return false;
        }
        total += blocks;
        if (total > scsi_unmap_blocks_max(unit)) {
            scsi_fail_parameter(task, at + 8, SCSI_WHOLE_BYTE);
            return false;
        }
        ranges[count++] = (struct scsi_range){ .lba = lba, .blocks = blocks };
    }
    task->blocks = count;
    return true;
}

/* As many of the ranges as one op takes. */
static enum scsi_step next_ranges(struct scsi_task *task)
{
    const struct scsi_range *ranges = task->scratch;
    uint32_t limit = task->unit->params.max_op_ranges;
    uint32_t left = (uint32_t)(task->blocks - task->done);

    if (!left)
        return scsi_finish(task);
    task->op = (struct scsi_op){ .ranges = ranges + task->done,
        .range_count = limit && left > limit ? limit : left };
    task->done += task->op.range_count;
    return scsi_ask(task, SCSI_UNMAP, CHECKED);
}

enum scsi_step scsi_unmap(struct scsi_task *task)
{
    uint16_t length = be16_get(task->cdb + 7);

    switch (task->phase) {
    case START:
        if (!scsi_transfer(task, SCSI_DATA_OUT, length))
            return SCSI_DONE;
        if (!length)
            return scsi_finish(task);
        if (length < HEADER)
            return scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        if (!read_ranges(task))
            return SCSI_DONE;
        /* fall through */
    default:
        return next_ranges(task);
    }
}
