/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* COMPARE AND WRITE and ORWRITE: read, compare, write. They are atomic since their rows make them
 * exclusive: the caller runs nothing else on the unit meanwhile. */

#include "scsi/internal.h"

enum { START, HAVE_DATA, HAVE_SCRATCH, READ, WRITTEN, FLUSHED };

/* SBC-3 5.2: the data-out has the expected data, then the data to write. FUA is for the write: with
 * a read too, the device would flush twice. */
enum scsi_step scsi_compare_and_write(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;
    size_t length = (size_t)task->blocks << shift;
    size_t same;

    switch (task->phase) {
    case START:
        if (task->blocks > scsi_compare_blocks_max(task->unit))
            return scsi_fail_cdb(task, 13, SCSI_WHOLE_BYTE);
        if (!scsi_transfer(task, SCSI_DATA_OUT, 2 * length))
            return SCSI_DONE;
        if (!length)
            return scsi_finish(task);
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        task->op.buffer = SCSI_BUFFER_SCRATCH;
        task->op.fua = scsi_read_fua(task, false);
        scsi_next_op(task, (uint32_t)task->blocks);
        return scsi_ask(task, SCSI_READ, READ);
    case READ:
        same = scsi_data_compare(task, 0, task->scratch, length);
        if (same != length)
            return scsi_fail_information(task, SCSI_MISCOMPARE, same);
        task->op.buffer = SCSI_BUFFER_DATA;
        task->op.offset = length;
        task->op.fua = scsi_write_fua(task, scsi_has_fua_bit(task));
        return scsi_ask(task, SCSI_WRITE, WRITTEN);
    default:
        return scsi_finish(task);
    }
}

/* The bound is longer than any command in use, and short enough for all others to wait. */
enum { ORWRITE_MAX = 1 << 20 };

/* SBC-3 5.5. All others wait meanwhile, so several pieces that must be durable share a flush at the
 * end. */
enum scsi_step scsi_orwrite(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;
    uint32_t most = scsi_scratch_blocks(task->unit);
    bool durable = scsi_write_fua(task, scsi_has_fua_bit(task));
    bool flush_last = durable && task->blocks > most && scsi_has_cache(task->unit);

    switch (task->phase) {
    case START:
        if (task->blocks > (uint64_t)ORWRITE_MAX >> shift)
            return scsi_fail_blocks(task);
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << shift))
            return SCSI_DONE;
        if (!task->blocks)
            return scsi_finish(task);
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        task->op.buffer = SCSI_BUFFER_SCRATCH;
        break;
    case READ:
        scsi_data_or(task, task->done << shift, task->scratch, (size_t)task->op.blocks << shift);
        task->op.fua = durable && !flush_last;
        return scsi_ask(task, SCSI_WRITE, WRITTEN);
    case WRITTEN:
        task->done += task->op.blocks;
        break;
    default:
        return scsi_finish(task);
    }
    task->op.fua = scsi_read_fua(task, false);
    if (scsi_next_op(task, most))
        return scsi_ask(task, SCSI_READ, READ);
    return flush_last ? scsi_ask_flush(task, FLUSHED) : scsi_finish(task);
}
