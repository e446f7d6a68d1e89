/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* READ CAPACITY. */

#include "scsi/internal.h"

/* SBC-3 5.15 */
enum scsi_step scsi_read_capacity_10(struct scsi_task *task, uint8_t *reply)
{
    uint64_t last = scsi_capacity(task->unit) - 1;

    be32_put(reply, last < UINT32_MAX ? (uint32_t)last : UINT32_MAX);
    be32_put(reply + 4, task->unit->params.block_length);
    return scsi_reply(task, 8);
}

/* SBC-3 5.16 */
enum scsi_step scsi_read_capacity_16(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_unit_params *params = &task->unit->params;
    uint8_t exponent = 0;

    while (params->block_length << exponent < params->physical_block_length)
        exponent++;
    be64_put(reply, scsi_capacity(task->unit) - 1);
    be32_put(reply + 8, params->block_length);
    reply[13] = exponent;
    if (params->unmap)
        reply[14] = params->unmap_zeros ? 0x80 | 0x40 : 0x80; /* LBPME, LBPRZ */
    return scsi_reply(task, 32);
}
