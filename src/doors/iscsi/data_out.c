/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Data from the initiator: immediate and unsolicited data first, then solicited data (RFC 7143
 * 4.2.5.2, 11.7, 11.8). There is only one R2T at a time, and everything is in order, as negotiated.
 *
 * An initiator that answers pings may take as long as its own timeout allows. Meanwhile it holds a
 * place of its own window and memory of its own share. Tasks of others do not wait for it, since
 * the library puts tasks in order only once it has their data.
 */

#include "doors/iscsi/data_out.h"

#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/progress.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/reject.h"
#include "doors/iscsi/session.h"
#include "scsi/be.h"

/* The command of a Data-Out. NULL: there is none; it may have been aborted while its data was on
 * the way. */
static struct iscsi_command *find(struct iscsi_session *session, const uint8_t *bhs)
{
    uint32_t ttt = be32_get(bhs + BHS_TTT), index;
    struct iscsi_command *command;

    if (ttt == ISCSI_NO_TAG) {
        command = iscsi_command_find(session, be32_get(bhs + BHS_ITT));
        return command && command->unsolicited && !command->aborted ? command : NULL;
    }
    index = ttt & 0xffff;
    if (index >= session->command_count)
        return NULL;
    command = iscsi_command_at(session, index);
    return command->state == COMMAND_RECEIVING && command->ttt == ttt ? command : NULL;
}

static const char *check(const struct iscsi_session *session, const struct iscsi_command *command,
    const uint8_t *bhs, uint32_t length)
{
    uint32_t expected = be32_get(command->bhs + COMMAND_EXPECTED_LENGTH), limit;
    bool final = bhs[BHS_FLAGS] & ISCSI_FINAL;

    if (be32_get(bhs + BHS_ITT) != be32_get(command->bhs + BHS_ITT))
        return "Data-Out with the task tag of another command";
    if (command->fault == FAULT_LOST)
        return NULL;
    if (be32_get(bhs + BHS_BUFFER_OFFSET) != command->received)
        return "Data-Out out of order";
    if (command->unsolicited) {
        limit = session->params.first_burst < expected ? session->params.first_burst : expected;
        if (length > limit - command->received)
            return "more unsolicited data than allowed";
        if (!final && command->received + length == limit)
            return "unsolicited data that does not end where it must";
        return NULL;
    }
    if (length > command->burst_end - command->received)
        return "more data than the R2T asked for";
    if (final != (command->received + length == command->burst_end))
        return "a burst that does not end where its R2T says";
    return NULL;
}

bool iscsi_data_out_begin(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;
    struct iscsi_session *session = c->session;
    struct iscsi_command *command;
    const char *wrong;

    if (!session->chunks) {
        iscsi_reject_and_close(c, rx->header, REJECT_PROTOCOL, "data in a discovery session");
        return false;
    }
    command = find(session, rx->header);
    if (!command)
        return true;
    /* RFC 7143 7.9: a gap means that data was lost, which costs the command, not the session. */
    if (be32_get(rx->header + BHS_DATA_SN) != command->data_sn && command->fault != FAULT_GONE)
        command->fault = FAULT_LOST;
    wrong = check(session, command, rx->header, length);
    if (wrong) {
        iscsi_reject_and_close(c, rx->header, REJECT_PROTOCOL, wrong);
        return false;
    }
    rx->command = command;
    command->data_sn++;
    if (command->fault == FAULT_NONE && command->received < command->want) {
        uint32_t rest = command->want - command->received;

        iscsi_receive_into(
            rx, command->buffer.base + command->received, length < rest ? length : rest);
    }
    return true;
}

void iscsi_data_out_end(struct iscsi_command *command, uint32_t length, bool final)
{
    bool lost = command->fault == FAULT_LOST;

    command->received += length;
    /* Smaller pieces do not count: a byte now and then would keep the room for ever. */
    if (command->received - command->moved >= ISCSI_PROGRESS_MIN) {
        command->moved = command->received;
        command->moved_at = command->session->portal->loop.now;
    }
    if (lost ? !final : !command->unsolicited && command->received < command->burst_end)
        return;
    if (command->unsolicited)
        command->unsolicited = !final;
    if (lost && iscsi_command_awaits_data(command))
        iscsi_progress_refuse(command);
    else
        iscsi_progress(command);
}

