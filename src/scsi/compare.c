/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* COMPARE AND WRITE and ORWRITE: read, look, write. They are atomic since their rows make them
 * exclusive: the caller runs nothing else on the unit meanwhile. */

#include "scsi/internal.h"

enum { START, HAVE_SCRATCH, HAVE_DATA, READ, WRITTEN };

/* SBC-3 5.2: the data-out is what is expected, then what to write. */
enum scsi_step scsi_compare_and_write(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;
    size_t length = (size_t)task->blocks << shift;
    size_t same;

    switch (task->phase) {
    case START:
        if (task->blocks > scsi_compare_blocks_max(task->unit))
            return scsi_fail_cdb(task, 13, SCSI_WHOLE_BYTE);
        if (!scsi_transfer_exact(task, 2 * length))
            return SCSI_DONE;
        if (!length)
            return scsi_finish(task);
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        task->op.buffer = SCSI_BUFFER_SCRATCH;
        task->op.fua = scsi_read_fua(task, task->cdb[1] & 0x08);
        scsi_next_op(task, (uint32_t)task->blocks);
        return scsi_ask(task, SCSI_READ, READ);
    case READ:
        same = scsi_data_compare(task, 0, task->scratch, length);
        if (same != length)
            return scsi_fail_information(task, SCSI_MISCOMPARE, same);
        task->op.buffer = SCSI_BUFFER_DATA;
        task->op.offset = length;
        task->op.fua = scsi_write_fua(task, task->cdb[1] & 0x08);
        return scsi_ask(task, SCSI_WRITE, WRITTEN);
    default:
        return scsi_finish(task);
    }
}

/* SBC-3 5.5 */
enum scsi_step scsi_orwrite(struct scsi_task *task)
{
    uint8_t shift = task->unit->block_shift;

    switch (task->phase) {
    case START:
        if (!scsi_transfer(task, SCSI_DATA_OUT, task->blocks << shift))
            return SCSI_DONE;
        task->blocks = task->buffer_length >> shift;
        if (!task->blocks)
            return scsi_finish(task);
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        task->op.buffer = SCSI_BUFFER_SCRATCH;
        break;
    case READ:
        scsi_data_or(task, task->done << shift, task->scratch, (size_t)task->op.blocks << shift);
        task->op.fua = scsi_write_fua(task, task->cdb[1] & 0x08);
        return scsi_ask(task, SCSI_WRITE, WRITTEN);
    default:
        task->done += task->op.blocks;
        break;
    }
    task->op.fua = scsi_read_fua(task, false);
    if (!scsi_next_op(task, scsi_scratch_blocks(task->unit)))
        return scsi_finish(task);
    return scsi_ask(task, SCSI_READ, READ);
}
