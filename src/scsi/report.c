/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reports of logical units, commands and task management functions. */

#include "scsi/internal.h"

/* Their number. The map is read once: it may change meanwhile. */
static uint32_t put_luns(const struct scsi_port *port, uint8_t *at)
{
    enum { MAX = (SCSI_REPLY_LENGTH - 8) / 8, BITS = 32 };
    uint32_t count = 0;

    for (; count < port->lun_count && count < MAX; count++)
        be64_put(at + 8 * count, port->luns[count]);
    for (uint32_t word = 0; word < SCSI_LUN_MAP; word++)
        for (uint32_t map = atomic_load(&port->lun_map[word]); map && count < MAX; map &= map - 1) {
            uint64_t lun = word * BITS + (uint32_t)__builtin_ctz(map);

            be64_put(at + 8 * count++, lun << 48);
        }
    return count;
}

/* SPC-4 6.33. There are no well known logical units. */
enum scsi_step scsi_report_luns(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_port *port = task->nexus->port;
    uint8_t select = task->cdb[2];
    uint32_t count = 0;

    if (select > 2)
        return scsi_fail_cdb(task, 2, 7);
    if (select != 1 && port)
        count = put_luns(port, reply + 8);
    be32_put(reply, count * 8);
    return scsi_reply(task, 8 + (uint64_t)count * 8);
}

/* A command timeouts descriptor that promises nothing (SPC-4 6.35.4). */
static uint32_t put_timeouts(uint8_t *at)
{
    be16_put(at, 0x0a);
    return 12;
}

static uint32_t put_command(uint8_t *at, const struct scsi_row *row, bool has_action, bool timeouts)
{
    at[0] = row->usage[0];
    if (has_action) {
        be16_put(at + 2, row->usage[1] & SCSI_ACTION_MASK);
        at[5] |= 0x01; /* SERVACTV */
    }
    be16_put(at + 6, row->length);
    if (!timeouts)
        return 8;
    at[5] |= 0x02; /* CTDP */
    return 8 + put_timeouts(at + 8);
}

static enum scsi_step report_all(struct scsi_task *task, uint8_t *reply, bool timeouts)
{
    uint32_t length = 4;

    for (unsigned i = 0; i < 256; i++) {
        const struct scsi_row *row = &scsi_rows[i];

        for (unsigned j = 0; j < row->action_count; j++)
            if (scsi_row_enabled(&row->actions[j], task->unit))
                length += put_command(reply + length, &row->actions[j], true, timeouts);
        if (scsi_row_enabled(row, task->unit))
            length += put_command(reply + length, row, false, timeouts);
    }
    be32_put(reply, length - 4);
    return scsi_reply(task, length);
}

static const struct scsi_row *find_action(const struct scsi_row *row, uint16_t action)
{
    for (unsigned i = 0; i < row->action_count; i++)
        if ((row->actions[i].usage[1] & SCSI_ACTION_MASK) == action)
            return &row->actions[i];
    return NULL;
}

/* SPC-4 6.35.3 */
static enum scsi_step report_one(struct scsi_task *task, uint8_t *reply,
    const struct scsi_row *row, bool timeouts)
{
    uint32_t length = 4;

    reply[1] = 0x01; /* not supported */
    if (!row || !scsi_row_enabled(row, task->unit))
        return scsi_reply(task, length);
    reply[1] = 0x03 | (timeouts ? 0x80 : 0); /* as the standard says; CTDP */
    be16_put(reply + 2, row->length);
    memcpy(reply + 4, row->usage, row->length);
    if ((row->flags & SCSI_ROW_UNMAP_BIT) && !task->unit->params.unmap_zeros)
        reply[4 + 1] &= ~0x08;
    length += row->length;
    if (timeouts)
        length += put_timeouts(reply + length);
    return scsi_reply(task, length);
}

/* SPC-4 6.35 */
enum scsi_step scsi_report_opcodes(struct scsi_task *task, uint8_t *reply)
{
    const uint8_t *cdb = task->cdb;
    const struct scsi_row *row = &scsi_rows[cdb[3]];
    bool timeouts = cdb[2] & 0x80;
    uint16_t action = be16_get(cdb + 4);

    switch (cdb[2] & 0x07) {
    case 0:
        return report_all(task, reply, timeouts);
    case 1:
        if (row->actions)
            return scsi_fail_cdb(task, 2, 2);
        return report_one(task, reply, row, timeouts);
    case 2:
        if (!row->actions)
            return scsi_fail_cdb(task, 2, 2);
        return report_one(task, reply, find_action(row, action), timeouts);
    case 3:
        if (row->actions)
            row = find_action(row, action);
        else if (action)
            row = NULL;
        return report_one(task, reply, row, timeouts);
    default:
        return scsi_fail_cdb(task, 2, 2);
    }
}

/* SPC-4 6.36: task management belongs to the transport, and so does the answer. */
enum scsi_step scsi_report_task_management(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_port *port = task->nexus->port;
    bool extended = task->cdb[2] & 0x80; /* REPD */

    if (port)
        memcpy(reply, port->task_management, sizeof port->task_management);
    if (!extended)
        return scsi_reply(task, 4);
    reply[3] = 0x0c;
    return scsi_reply(task, 16);
}
