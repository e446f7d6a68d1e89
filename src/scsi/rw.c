/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* READ, WRITE, PRE-FETCH and SYNCHRONIZE CACHE. The first two are the hot path: they need no
 * scratch and leave the data to the caller. */

#include "scsi/internal.h"

enum { START, MOVE, MOVE_THEN_FLUSH, FLUSHED };

/* Pieces with FUA would cost a flush each; a single flush for the whole command does the same. The
 * original's programs get FUA with each piece, and need no Flush for it. */
static inline bool flushes_for_fua(const struct scsi_task *task)
{
    return task->blocks > task->unit->op_blocks && scsi_has_cache(task->unit) &&
        task->unit->params.profile == SCSI_PROFILE_MODERN;
}

static inline enum scsi_step read_piece(struct scsi_task *task)
{
    return scsi_next_op(task, task->unit->op_blocks) ? scsi_ask(task, SCSI_READ, MOVE)
                                                     : scsi_finish(task);
}

/* The flush comes before the pieces. So their data is on the medium, save data that others write
 * meanwhile. */
enum scsi_step scsi_read(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    if (task->phase == MOVE)
        task->done += task->op.blocks;
    if (task->phase != START)
        return read_piece(task);
    if (!scsi_transfer(task, SCSI_DATA_IN, task->blocks << shift))
        return SCSI_DONE;
    /* An initiator may take less than it asks for: read no more than it takes. */
    if (task->buffer_length < task->transfer_length) {
        task->blocks = (task->buffer_length + (1u << shift) - 1) >> shift;
        task->buffer_length = task->blocks << shift;
    }
    task->op.buffer = SCSI_BUFFER_DATA;
    task->op.fua = scsi_read_fua(task, scsi_has_fua_bit(task));
    if (task->op.fua && flushes_for_fua(task)) {
        task->op.fua = false;
        return scsi_ask_flush(task, FLUSHED);
    }
    return read_piece(task);
}

/* The flush is after the pieces, and makes them durable. */
enum scsi_step scsi_write(struct scsi_task *task)
{
    if (task->phase == FLUSHED)
        return scsi_finish(task);
    if (task->phase != START) {
        task->done += task->op.blocks;
    } else {
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << task->unit->block_shift))
            return SCSI_DONE;
        task->op.buffer = SCSI_BUFFER_DATA;
        task->op.fua = scsi_write_fua(task, scsi_has_fua_bit(task));
        task->phase = MOVE;
        if (task->op.fua && flushes_for_fua(task)) {
            task->op.fua = false;
            task->phase = MOVE_THEN_FLUSH;
        }
    }
    if (scsi_next_op(task, task->unit->op_blocks))
        return SCSI_WRITE;
    return task->phase == MOVE ? scsi_finish(task) : scsi_ask_flush(task, FLUSHED);
}

/* SBC-3 5.26: a count of 0 means to the end of the medium, and reaches the device as such. With
 * IMMED the initiator does not ask to wait for the end. It gets its status there all the same:
 * otherwise a failed flush could only be a deferred error of some later command. */
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

/* SBC-3 5.8: GOOD, not CONDITION MET, since no device says that all of it is in a cache. A number
 * of 0 means to the end of the medium. With IMMED the status comes when the device has taken the
 * hint, too: it does not wait for the data. */
enum scsi_step scsi_pre_fetch(struct scsi_task *task)
{
    const struct scsi_unit *unit = task->unit;
    uint64_t capacity = scsi_capacity(unit), blocks = task->blocks;

    if (task->phase == MOVE || !unit->params.prefetch)
        return scsi_finish(task);
    if (!blocks) /* it may have shrunk meanwhile */
        blocks = capacity > task->lba ? capacity - task->lba : 1;
    task->op = (struct scsi_op){
        .lba = task->lba, .blocks = blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX };
    return scsi_ask(task, SCSI_PREFETCH, MOVE);
}
