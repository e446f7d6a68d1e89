/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* VERIFY and WRITE AND VERIFY: both read the medium into the scratch. A single flush first writes a
 * cache's data of all the blocks to the medium, so that plain reads suffice. */

#include "scsi/internal.h"

enum { START, HAVE_DATA, HAVE_SCRATCH, WRITING, FLUSHED, VERIFYING };

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

static enum scsi_step next_piece(struct scsi_task *task)
{
    if (!scsi_next_op(task, scsi_scratch_blocks(task->unit)))
        return scsi_finish(task);
    return scsi_ask(task, SCSI_READ, VERIFYING);
}

/* From here on there are blocks to verify. */
static enum scsi_step verify(struct scsi_task *task)
{
    switch (task->phase) {
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        task->done = 0;
        task->op.buffer = SCSI_BUFFER_SCRATCH;
        task->op.fua = scsi_read_fua(task, false);
        if (scsi_has_cache(task->unit))
            return scsi_ask_flush(task, FLUSHED);
        break;
    case VERIFYING:
        if (!piece_matches(task))
            return scsi_fail(task, SCSI_MISCOMPARE);
        task->done += task->op.blocks;
        break;
    }
    return next_piece(task);
}

/* A command that moves no data needs no MAXIMUM TRANSFER LENGTH, and programs that split a medium
 * into VERIFY(10) commands may not ask for it. It has a bound all the same: otherwise an initiator
 * could keep the device busy for minutes by a single command. */
static uint64_t verify_blocks_max(const struct scsi_task *task)
{
    const struct scsi_unit *unit = task->unit;
    uint64_t most = ((uint64_t)UINT16_MAX * SCSI_BLOCK_LENGTH_MIN) >> unit->block_shift;

    return bytchk(task) != BYTCHK_ALL && unit->command_blocks < most ? most : unit->command_blocks;
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
        break;
    case BYTCHK_ONE_BLOCK:
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks ? UINT64_C(1) << shift : 0))
            return SCSI_DONE;
        break;
    default:
        return scsi_fail_cdb(task, 1, 2);
    }
    if (!task->blocks)
        return scsi_finish(task);
    if (!task->buffer_length)
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    return scsi_ask(task, SCSI_DATA, HAVE_DATA);
}

/* SBC-3 5.37 to 5.39. It has its scratch before it begins. Otherwise a task inside the gate could
 * wait for tasks that hold scratch and wait for the gate. */
enum scsi_step scsi_write_verify(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    switch (task->phase) {
    case START:
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << shift))
            return SCSI_DONE;
        if (!task->blocks)
            return scsi_finish(task);
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_SCRATCH:
        task->op.buffer = SCSI_BUFFER_DATA;
        task->op.fua = !scsi_has_cache(task->unit);
        break;
    case WRITING:
        task->done += task->op.blocks;
        break;
    default:
        return verify(task);
    }
    if (scsi_next_op(task, task->unit->op_blocks))
        return scsi_ask(task, SCSI_WRITE, WRITING);
    task->phase = HAVE_SCRATCH;
    return verify(task);
}
