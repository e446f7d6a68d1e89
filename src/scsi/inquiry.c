/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Standard INQUIRY data (SPC-4 6.6.2). */

#include "scsi/internal.h"

enum { LENGTH = 96 };

enum scsi_step scsi_inquiry(struct scsi_task *task, uint8_t *reply)
{
    static const uint16_t versions[] = { 0x00a0, 0x0460, 0x04c0 }; /* SAM-5, SPC-4, SBC-3 */
    const struct scsi_unit *unit = task->unit;
    uint8_t *version = reply + 58;

    if (task->cdb[1] & 0x01)
        return scsi_vpd(task, reply);
    if (task->cdb[2])
        return scsi_fail_cdb(task, 2, 7);
    /* Qualifier 3, type 1Fh: the target cannot have a unit at this LUN. */
    reply[0] = unit ? 0x00 : 0x7f;
    reply[2] = 0x06;        /* SPC-4 */
    reply[3] = 0x10 | 0x02; /* HISUP, this response format */
    reply[4] = LENGTH - 5;
    reply[7] = 0x02; /* CMDQUE */
    memcpy(reply + 8, unit ? unit->params.vendor_id : SCSI_VENDOR, 8);
    memset(reply + 16, ' ', 20);
    if (unit) {
        memcpy(reply + 16, unit->params.product_id, 16);
        memcpy(reply + 32, unit->params.product_revision, 4);
    }
    for (unsigned i = 0; i < sizeof versions / sizeof versions[0]; i++, version += 2)
        be16_put(version, versions[i]);
    be16_put(version, task->nexus->port ? task->nexus->port->version_descriptor : 0);
    return scsi_reply(task, LENGTH);
}
