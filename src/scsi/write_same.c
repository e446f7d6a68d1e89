/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * WRITE SAME (SBC-3 5.43, 5.44): one block over and over, from the scratch. A unit whose unmapped
 * blocks read as zeros has the UNMAP bit. With that bit and a block of zeros, whole granules are
 * unmapped instead, and only the ragged ends are written. The block operation that writes zeroes is
 * the same. It has no limit, since it goes to the device in pieces anyway.
 *
 * A device that writes zeroes itself gets all zeros, in long pieces and without a buffer.
 */

#include "scsi/internal.h"

enum { START, HAVE_DATA, HAVE_SCRATCH, WRITING, UNMAPPING, ZEROING, FLUSHED };
enum { UNMAP = 0x08, NDOB = 0x01 };

/* The scratch is the pattern, and at its end the range to unmap. */
enum { RANGE_AT = SCSI_SCRATCH_LENGTH - sizeof(struct scsi_range) };

static uint32_t pattern_blocks(const struct scsi_unit *unit)
{
    uint32_t room = RANGE_AT >> unit->block_shift;

    return room < unit->op_blocks ? room : unit->op_blocks;
}

static void fill_pattern(struct scsi_task *task)
{
    uint8_t *pattern = task->scratch;
    uint32_t most = pattern_blocks(task->unit);
    size_t have = task->unit->params.block_length;
    size_t want = (size_t)(task->blocks < most ? task->blocks : most) << task->unit->block_shift;

    while (have < want) {
        size_t more = want - have < have ? want - have : have;

        memcpy(pattern + have, pattern, more);
        have += more;
    }
}

static bool is_zero(const uint8_t *block, size_t length)
{
    return !block[0] && !memcmp(block, block + 1, length - 1);
}

/* The whole granules within the command's range; a granule may be cut by the end of the medium. */
static struct scsi_range granules(const struct scsi_task *task)
{
    uint32_t granularity = task->unit->params.unmap_granularity;
    uint64_t first = task->lba, end = task->lba + task->blocks;

    if (granularity > 1) {
        uint64_t past = first % granularity;

        first += past ? granularity - past : 0;
        if (end != scsi_capacity(task->unit))
            end -= end % granularity;
    }
    return (struct scsi_range){ .lba = first, .blocks = first < end ? (uint32_t)(end - first) : 0 };
}

/* All blocks from lba on are whole granules. */
static enum scsi_step unmap_granules(struct scsi_task *task, uint64_t lba, uint32_t blocks)
{
    struct scsi_range *range = (struct scsi_range *)((uint8_t *)task->scratch + RANGE_AT);

    *range = (struct scsi_range){
        .lba = lba, .blocks = scsi_unmap_piece(task->unit, lba, blocks) };
    task->op.blocks = range->blocks;
    task->op.ranges = range;
    task->op.range_count = 1;
    return SCSI_UNMAP;
}

/* Zeros from lba on, by the device. */
static enum scsi_step zero(struct scsi_task *task, uint64_t lba)
{
    uint32_t left = (uint32_t)(task->blocks - task->done);

    scsi_next_op(task, scsi_unmap_piece(task->unit, lba, left));
    task->op.flags = task->flags & (SCSI_BLOCK_MAY_UNMAP | SCSI_BLOCK_FAST_ONLY);
    return SCSI_WRITE_ZEROES;
}

/* The next operation at lba + done, in the phases WRITING, UNMAPPING (which may write) and
 * ZEROING. */
static enum scsi_step next(struct scsi_task *task)
{
    uint32_t most = pattern_blocks(task->unit);
    uint64_t at = task->lba + task->done;

    if (task->phase == ZEROING && task->done < task->blocks)
        return zero(task, at);
    if (task->phase == UNMAPPING) {
        struct scsi_range granule = granules(task);
        uint64_t end = granule.lba + granule.blocks;

        if (at >= granule.lba && at < end)
            return unmap_granules(task, at, (uint32_t)(end - at));
        if (at < granule.lba && granule.blocks && granule.lba - at < most)
            most = (uint32_t)(granule.lba - at);
    }
    if (scsi_next_op(task, most))
        return SCSI_WRITE;
    return scsi_must_flush(task) ? scsi_ask_flush(task, FLUSHED) : scsi_finish(task);
}

/* The first operation. */
static enum scsi_step begin(struct scsi_task *task, uint32_t phase)
{
    task->phase = phase;
    task->op.buffer = SCSI_BUFFER_SCRATCH;
    task->op.fua = !scsi_has_cache(task->unit); /* else one flush at the end is cheaper */
    return next(task);
}

static enum scsi_step begin_zeroes(struct scsi_task *task)
{
    return task->unit->params.write_zeroes ? begin(task, ZEROING)
                                           : scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
}

static enum scsi_step check(struct scsi_task *task)
{
    const struct scsi_unit *unit = task->unit;

    if ((task->cdb[1] & UNMAP) && !unit->params.unmap_zeros)
        return scsi_fail_cdb(task, 1, 3);
    if (!task->blocks || task->blocks > scsi_write_same_blocks_max(unit)) /* WSNZ */
        return scsi_fail_blocks(task);
    task->flags = task->cdb[1] & UNMAP ? SCSI_BLOCK_MAY_UNMAP : 0;
    if (task->cdb[1] & NDOB) {
        task->direction = SCSI_NO_DATA;
        return begin_zeroes(task);
    }
    if (!scsi_transfer(task, SCSI_DATA_OUT, unit->params.block_length))
        return SCSI_DONE;
    return scsi_ask(task, SCSI_DATA, HAVE_DATA);
}

enum scsi_step scsi_write_zeroes(struct scsi_task *task)
{
    const struct scsi_unit_params *params = &task->unit->params;

    if (!params->unmap_zeros)
        task->flags &= (uint8_t)~SCSI_BLOCK_MAY_UNMAP;
    if (!task->blocks)
        return scsi_finish(task);
    if ((task->flags & SCSI_BLOCK_FAST_ONLY) && !params->write_zeroes)
        return scsi_fail(task, SCSI_INVALID_OPERATION_CODE);
    return begin_zeroes(task);
}

/* How a block of the scratch gets to all places. */
static uint32_t choose(const struct scsi_task *task)
{
    const struct scsi_unit_params *params = &task->unit->params;

    if (!is_zero(task->scratch, params->block_length))
        return WRITING;
    if (params->write_zeroes)
        return ZEROING;
    return task->flags & SCSI_BLOCK_MAY_UNMAP ? UNMAPPING : WRITING;
}

enum scsi_step scsi_write_same(struct scsi_task *task)
{
    size_t length = task->unit->params.block_length;

    switch (task->phase) {
    case START:
        return check(task);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        if (task->direction == SCSI_NO_DATA)
            memset(task->scratch, 0, length);
        else
            scsi_data_copy(task, 0, task->scratch, length);
        break;
    case FLUSHED:
        return scsi_finish(task);
    default:
        task->done += task->op.blocks;
        return next(task);
    }
    fill_pattern(task);
    return begin(task, choose(task));
}
