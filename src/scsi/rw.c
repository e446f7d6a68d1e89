/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* READ, WRITE, PRE-FETCH and SYNCHRONIZE CACHE. The first two are the hot path: they need no
 * scratch and leave the data to the caller. */

#include "scsi/internal.h"

enum { START, MOVE };

static inline bool fua_bit(const struct scsi_task *task)
{
    return ((const struct scsi_row *)task->row)->length != 6 && (task->cdb[1] & 0x08);
}

static inline enum scsi_step next_piece(struct scsi_task *task, enum scsi_step step)
{
    return scsi_next_op(task, task->unit->op_blocks) ? step : scsi_finish(task);
}

enum scsi_step scsi_read(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    if (task->phase == MOVE) {
        task->done += task->op.blocks;
        return next_piece(task, SCSI_READ);
    }
    if (!scsi_transfer(task, SCSI_DATA_IN, task->blocks << shift))
        return SCSI_DONE;
    /* An initiator that takes less than it asks for gets what it takes: read no more than that. */
    if (task->buffer_length < task->transfer_length) {
        task->blocks = (task->buffer_length + (1u << shift) - 1) >> shift;
        task->buffer_length = task->blocks << shift;
    }
    task->op.buffer = SCSI_BUFFER_DATA;
    task->op.fua = scsi_read_fua(task, fua_bit(task));
    task->phase = MOVE;
    return next_piece(task, SCSI_READ);
}

enum scsi_step scsi_write(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    if (task->phase == MOVE) {
        task->done += task->op.blocks;
        return next_piece(task, SCSI_WRITE);
    }
    if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << shift))
        return SCSI_DONE;
    task->op.buffer = SCSI_BUFFER_DATA;
    task->op.fua = scsi_write_fua(task, fua_bit(task));
    task->phase = MOVE;
    return next_piece(task, SCSI_WRITE);
}

/* SBC-3 5.26: a count of 0 is to the end of the medium, and reaches the device as such. With IMMED
 * the initiator does not wait for the end; it gets its status there all the same, since a flush
 * that failed could otherwise be told only as a deferred error of some later command. */
enum scsi_step scsi_synchronize_cache(struct scsi_task *task)
{
    if (task->phase == MOVE || !task->unit->params.cache)
        return scsi_finish(task);
    task->op.lba = task->lba;
    task->op.blocks = (uint32_t)task->blocks;
    task->op.offset = 0;
    task->op.fua = false;
    return scsi_ask(task, SCSI_FLUSH, MOVE);
}

/* SBC-3 5.8: GOOD says that not all of it may be in a cache, which is all we know. */
enum scsi_step scsi_pre_fetch(struct scsi_task *task)
{
    return scsi_finish(task);
}
