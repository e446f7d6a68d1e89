/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* UNMAP (SBC-3 5.28), of a parameter list, which is read once, or of the ranges of a block
 * operation. Every range is checked before the first goes to the device. */

#include "scsi/internal.h"

enum { START, HAVE_DATA, HAVE_SCRATCH, UNMAPPING, FLUSHED };
enum { HEADER = 8, DESCRIPTOR = 16 };
_Static_assert(sizeof(struct scsi_range[SCSI_UNMAP_RANGES_LIMIT]) <= SCSI_SCRATCH_LENGTH,
    "the ranges of a parameter list");

/* Takes a range into the list, unless it is empty, which is no error wherever it is (SBC-3 5.28.2);
 * false when the task failed. */
static bool take_range(struct scsi_task *task, uint64_t lba, uint32_t blocks)
{
    uint64_t capacity = scsi_capacity(task->unit);

    if (!blocks)
        return true;
    if (!scsi_range_ok(capacity, lba, blocks)) {
        scsi_fail_information(task, SCSI_LBA_OUT_OF_RANGE, lba < capacity ? capacity : lba);
        return false;
    }
    task->ranges[task->blocks++] = (struct scsi_range){ .lba = lba, .blocks = blocks };
    return true;
}

/* Fills the scratch with the ranges, task->blocks of them; false when the task failed. */
static bool read_ranges(struct scsi_task *task)
{
    const struct scsi_unit *unit = task->unit;
    uint8_t header[HEADER], descriptor[DESCRIPTOR];
    uint64_t total = 0;
    uint32_t length;

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
    task->ranges = task->scratch;
    task->blocks = 0;
    for (uint32_t at = HEADER; at + DESCRIPTOR <= HEADER + length; at += DESCRIPTOR) {
        scsi_data_copy(task, at, descriptor, DESCRIPTOR);
        if (!take_range(task, be64_get(descriptor), be32_get(descriptor + 8)))
            return false;
        total += be32_get(descriptor + 8);
        if (total > scsi_unmap_blocks_max(unit)) {
            scsi_fail_parameter(task, at + 8, SCSI_WHOLE_BYTE);
            return false;
        }
    }
    return true;
}

/* If the last op was a part of a range, the rest takes the range's place in the list. */
static void go_on_with_rest(struct scsi_task *task)
{
    struct scsi_range *first = task->ranges + task->done;

    if (!task->rest)
        return;
    first->lba += first->blocks;
    first->blocks = task->rest;
    task->rest = 0;
}

/* Each op is a part of a range that is too long, or as many ranges as it takes. */
static struct scsi_op next_op(struct scsi_task *task)
{
    const struct scsi_unit_params *params = &task->unit->params;
    uint32_t limit = params->max_op_ranges ? params->max_op_ranges : params->max_unmap_ranges;
    uint32_t most = scsi_unmap_op_blocks(task->unit), total = 0, count = 0;
    struct scsi_range *first = task->ranges + task->done;
    uint64_t left = task->blocks - task->done;

    go_on_with_rest(task);
    if (first->blocks > most) {
        uint32_t piece = scsi_unmap_piece(task->unit, first->lba, first->blocks);

        task->rest = first->blocks - piece;
        first->blocks = piece;
        return (struct scsi_op){ .ranges = first, .range_count = 1 };
    }
    if (left < limit)
        limit = (uint32_t)left;
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

/* task->blocks ranges, all of which are checked. */
static enum scsi_step begin_list(struct scsi_task *task)
{
    task->rest = 0;
    return next(task);
}

/* The list is that of the caller, without its empty ranges. */
enum scsi_step scsi_unmap_ranges(struct scsi_task *task)
{
    uint64_t count = task->blocks;

    task->blocks = 0;
    for (uint64_t i = 0; i < count; i++)
        if (!take_range(task, task->ranges[i].lba, task->ranges[i].blocks))
            return SCSI_DONE;
    return begin_list(task);
}

static enum scsi_step start(struct scsi_task *task)
{
    uint16_t length = be16_get(task->cdb + 7);

    task->flags = 0;
    if (!scsi_transfer(task, SCSI_DATA_OUT, length))
        return SCSI_DONE;
    if (!length)
        return scsi_finish(task);
    if (length < HEADER)
        return scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
    return scsi_ask(task, SCSI_DATA, HAVE_DATA);
}

enum scsi_step scsi_unmap(struct scsi_task *task)
{
    switch (task->phase) {
    case START:
        return start(task);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        return read_ranges(task) ? begin_list(task) : SCSI_DONE;
    default:
        return next(task);
    }
}
