/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Commands about the unit's state. */

#include "scsi/internal.h"

/* SPC-4 6.47: it could only report a unit attention, which was reported before. */
enum scsi_step scsi_test_unit_ready(struct scsi_task *task)
{
    return scsi_finish(task);
}

/* SPC-4 6.39: pending attention as parameter data; the DESC bit, not D_SENSE, says the format. */
enum scsi_step scsi_request_sense(struct scsi_task *task, uint8_t *reply)
{
    bool descriptor = task->cdb[1] & 0x01;
    struct scsi_outcome outcome = scsi_reason_outcome(SCSI_NO_SENSE);

    if (!task->unit)
        outcome = scsi_reason_outcome(SCSI_LUN_NOT_SUPPORTED);
    else
        scsi_attention_take(task, &outcome);
    return scsi_reply(task, scsi_sense_build(reply, &outcome, descriptor));
}

/* SBC-3 5.25. The disk has nothing to spin down. Stopping writes the cache back, as it must, and
 * the unit stays ready for its other initiators. */
enum scsi_step scsi_start_stop_unit(struct scsi_task *task)
{
    bool start = task->cdb[4] & 0x01;
    bool no_flush = task->cdb[4] & 0x04;

    if (task->phase || start || no_flush || !task->unit->params.cache)
        return scsi_finish(task);
    task->op = (struct scsi_op){ .lba = 0 };
    return scsi_ask(task, SCSI_FLUSH, 1);
}

/* SBC-3 5.10: the medium cannot be removed, so removal is always prevented. */
enum scsi_step scsi_prevent_allow(struct scsi_task *task)
{
    return scsi_finish(task);
}
