/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* VERIFY and WRITE AND VERIFY: both read the medium, past any cache, into the scratch. */

#include "scsi/internal.h"

enum { START, WRITING, HAVE_SCRATCH, HAVE_DATA, VERIFYING };

/* SBC-3 5.29 */
enum { BYTCHK_NONE = 0, BYTCHK_ALL = 1, BYTCHK_ONE_BLOCK = 3 };

static unsigned bytchk(const struct scsi_task *task)
{
    return task->cdb[1] >> 1 & 3;
}

/* The piece in the scratch against what the initiator sent. */
static bool piece_matches(const struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;
    const uint8_t *read = task->scratch;
    size_t block = (size_t)1 << shift;

    if (bytchk(task) == BYTCHK_NONE)
        return true;
    if (bytchk(task) == BYTCHK_ALL) {
        size_t length = (size_t)task->op.blocks << shift;

        return scsi_data_compare(task, task->done << shift, read, length) == length;
    }
    for (uint32_t i = 0; i < task->op.blocks; i++)
        if (scsi_data_compare(task, 0, read + i * block, block) != block)
            return false;
    return true;
}

/* From the moment there are blocks to verify. */
static enum scsi_step verify(struct scsi_task *task)
{
    switch (task->phase) {
    case HAVE_SCRATCH:
        if (bytchk(task) != BYTCHK_NONE)
            return scsi_ask(task, SCSI_DATA, HAVE_DATA);
        /* fall through */
    case HAVE_DATA:
        task->op.buffer = SCSI_BUFFER_SCRATCH;
        task->op.fua = true;
        break;
    default:
        if (!piece_matches(task))
            return scsi_fail(task, SCSI_MISCOMPARE);
        task->done += task->op.blocks;
        break;
    }
    if (!scsi_next_op(task, scsi_scratch_blocks(task->unit)))
        return scsi_finish(task);
    return scsi_ask(task, SCSI_READ, VERIFYING);
}

/* What moves no data has no need of MAXIMUM TRANSFER LENGTH, and whoever splits a medium into
 * VERIFY(10) commands shall not have to ask for it. But one command of 2^32 blocks would keep a
 * server busy for minutes, which other initiators would notice. */
static uint64_t verify_blocks_max(const struct scsi_task *task)
{
    uint32_t most = task->unit->command_blocks;

    return bytchk(task) != BYTCHK_ALL && most < UINT16_MAX ? UINT16_MAX : most;
}

/* SBC-3 5.29 to 5.31 */
enum scsi_step scsi_verify(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    if (task->phase != START)
        return verify(task);
    if (task->blocks > verify_blocks_max(task))
        return scsi_fail_blocks(task);
    switch (bytchk(task)) {
    case BYTCHK_NONE:
        break;
    case BYTCHK_ALL:
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << shift))
            return SCSI_DONE;
        task->blocks = task->buffer_length >> shift;
        break;
    case BYTCHK_ONE_BLOCK:
        if (!scsi_transfer_exact(task, task->blocks ? UINT64_C(1) << shift : 0))
            return SCSI_DONE;
        break;
    default:
        return scsi_fail_cdb(task, 1, 2);
    }
    if (!task->blocks)
        return scsi_finish(task);
    return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
}

/* SBC-3 5.37 to 5.39. Written through, so that what is read back is the medium. */
enum scsi_step scsi_write_verify(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    switch (task->phase) {
    case START:
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << shift))
            return SCSI_DONE;
        task->blocks = task->buffer_length >> shift;
        if (!task->blocks)
            return scsi_finish(task);
        task->op.buffer = SCSI_BUFFER_DATA;
        task->op.fua = true;
        break;
    case WRITING:
        task->done += task->op.blocks;
        break;
    default:
        return verify(task);
    }
    if (scsi_next_op(task, task->unit->op_blocks))
        return scsi_ask(task, SCSI_WRITE, WRITING);
    task->done = 0;
    return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
}
