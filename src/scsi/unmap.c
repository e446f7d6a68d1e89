/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* UNMAP (SBC-3 5.28): the parameter list is read once and every range is checked before the first
 * goes to the device. */

#include "scsi/internal.h"

enum { START, HAVE_DATA, HAVE_SCRATCH, UNMAPPING, FLUSHED };
enum { HEADER = 8, DESCRIPTOR = 16 };
_Static_assert(sizeof(struct scsi_range[SCSI_UNMAP_RANGES_LIMIT + 1]) <= SCSI_SCRATCH_LENGTH,
    "the list and a part of a range");

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
    if (length / DESCRIPTOR > unit->params.max_unmap_ranges) {
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

/* Each op is a part of a range that is too long, or as many ranges as it takes. The rest of such a
 * range takes its place in the list. */
static struct scsi_op next_op(struct scsi_task *task)
{
    const struct scsi_unit_params *params = &task->unit->params;
    struct scsi_range *list = task->scratch, *part = list + SCSI_UNMAP_RANGES_LIMIT;
    struct scsi_range *first = list + task->done;
    uint32_t most = SCSI_UNMAP_OP_MAX >> task->unit->block_shift, total = 0, count = 0;
    uint32_t limit = (uint32_t)(task->blocks - task->done);

    if (first->blocks > most) {
        /* At the end of a granule, so that none is cut in two. */
        uint64_t past = params->unmap_granularity
            ? (first->lba + most) % params->unmap_granularity : 0;

        *part = (struct scsi_range){
            .lba = first->lba, .blocks = past < most ? most - (uint32_t)past : most };
        first->lba += part->blocks;
        first->blocks -= part->blocks;
        return (struct scsi_op){ .ranges = part, .range_count = 1 };
    }
    if (params->max_op_ranges && params->max_op_ranges < limit)
        limit = params->max_op_ranges;
    while (count < limit && first[count].blocks <= most - total)
        total += first[count++].blocks;
    task->done += count;
    return (struct scsi_op){ .ranges = first, .range_count = count };
}

static enum scsi_step next(struct scsi_task *task)
{
    if (task->done < task->blocks) {
        task->op = next_op(task);
        return scsi_ask(task, SCSI_UNMAP, UNMAPPING);
    }
    if (task->phase == UNMAPPING && scsi_must_flush(task)) {
        task->op = (struct scsi_op){ .lba = 0 };
        return scsi_ask(task, SCSI_FLUSH, FLUSHED);
    }
    return scsi_finish(task);
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
        return next(task);
    }
}
