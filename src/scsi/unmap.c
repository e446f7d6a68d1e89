/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* UNMAP (SBC-3 5.28): the parameter list is read once, every range is checked, and all of them go
 * to the device in one operation. */

#include "scsi/internal.h"

enum { START, HAVE_SCRATCH, HAVE_DATA, UNMAPPED };
enum { HEADER = 8, DESCRIPTOR = 16 };

/* Fills the scratch with the ranges; false when the task failed. */
static bool read_ranges(struct scsi_task *task)
{
    const struct scsi_unit *unit = task->unit;
    struct scsi_range *ranges = task->scratch;
    uint64_t capacity = scsi_capacity(unit);
    uint8_t header[HEADER], descriptor[DESCRIPTOR];
    uint32_t length, count = 0;

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
        ranges[count++] = (struct scsi_range){ .lba = lba, .blocks = blocks };
    }
    task->op = (struct scsi_op){ .ranges = ranges, .range_count = count };
    return true;
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
        if (task->buffer_length < HEADER)
            return scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        if (!read_ranges(task))
            return SCSI_DONE;
        if (task->op.range_count)
            return scsi_ask(task, SCSI_UNMAP, UNMAPPED);
        /* fall through */
    default:
        return scsi_finish(task);
    }
}
