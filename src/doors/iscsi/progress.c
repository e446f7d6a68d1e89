/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/nexus.h"
#include "doors/iscsi/progress.h"

#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "scsi/scsi.h"

enum { REPORT_LUNS = 0xa0 };

/* The engine's replies are in memory that all initiators share: a slow reader must not keep it.
 * They are short, so their copies need no limit of their own. */
static void release(struct iscsi_command *command)
{
    struct scsi_task *task = &command->request.task;
    uint64_t length = task->moved_length;

    if (task->reply && task->status == SCSI_GOOD && task->cdb[0] == REPORT_LUNS)
        iscsi_nexus_luns_reported(command->session);
    if (task->reply && length > 0) {
        if (length > ISCSI_REPLY_MAX ||
            !iscsi_room_buffer(command, ROOM_TRANSFER, (uint32_t)length))
            return;
        memcpy(command->buffer.base, task->reply, (size_t)length);
        task->reply = NULL;
    }
    spd_request_release(&command->request);
    command->release = false;
}

void iscsi_progress_answer(struct iscsi_command *command)
{
    struct iscsi_connection *c = command->session->connection;
    const struct scsi_task *task = &command->request.task;

    if (command->release)
        release(command);
    if (!command->release)
        iscsi_nexus_leave(command);
    /* The next command gets the same memory while it is in the cache. */
    if (task->direction == SCSI_DATA_OUT)
        iscsi_room_drop(command);
    else if (task->moved_length < ISCSI_TX_EARLY) /* larger data has left the cache anyway */
        c->tx.queued += task->moved_length;
    command->state = COMMAND_ANSWERING;
    command->item.kind = SEND_COMMAND;
    iscsi_send_queue(c, &command->item);
}

/* RFC 7143 11.8: the low half of a tag finds the command, the high half tells its uses apart. */
static void ask(struct iscsi_command *command)
{
    struct iscsi_session *session = command->session;
    uint32_t rest = command->want - command->received;
    uint32_t burst = session->params.max_burst;

    command->burst_end = command->received + (rest < burst ? rest : burst);
    command->data_sn = 0;
    session->next_ttt = (session->next_ttt + 1) % 0xffff;
    command->ttt = session->next_ttt << 16 | command->index;
    command->item.kind = SEND_R2T;
    iscsi_send_queue(session->connection, &command->item);
}

void iscsi_progress(struct iscsi_command *command)
{
    if (command->unsolicited || command->state == COMMAND_HELD)
        return;
    if (command->done) {
        iscsi_progress_answer(command);
        return;
    }
    if (command->state != COMMAND_RECEIVING)
        return;
    if (command->received < command->want) {
        ask(command);
        return;
    }
    command->state = COMMAND_RUNNING;
    spd_request_mapped(&command->request);
}

static const struct scsi_outcome outcomes[] = {
    [FAULT_NO_ROOM] = { .status = SCSI_TASK_SET_FULL },
    /* INVALID FIELD IN CDB */
    [FAULT_TOO_LONG] = { .status = SCSI_CHECK_CONDITION, .sense_key = 5, .asc = 0x24 },
    /* RFC 7143 11.4.7.2: PROTOCOL SERVICE CRC ERROR */
    [FAULT_LOST] = { .status = SCSI_CHECK_CONDITION, .sense_key = 0x0b, .asc = 0x47,
        .ascq = 0x05 },
    [FAULT_FULL] = { .status = SCSI_TASK_SET_FULL },
    /* LOGICAL UNIT NOT SUPPORTED */
    [FAULT_GONE] = { .status = SCSI_CHECK_CONDITION, .sense_key = 5, .asc = 0x25 },
};

void iscsi_progress_lost(struct iscsi_command *command)
{
    scsi_task_fail(&command->request.task, &outcomes[command->fault]);
}

void iscsi_progress_refuse(struct iscsi_command *command)
{
    if (!spd_request_cancel(&command->request))
        return;
    iscsi_progress_lost(command);
    command->done = true;
    iscsi_progress(command);
}

void iscsi_progress_turn_away(struct iscsi_command *command, enum iscsi_command_fault fault)
{
    command->fault = (uint8_t)fault;
    scsi_task_refuse(&command->request.task, &outcomes[fault]);
    command->done = true;
    iscsi_progress(command);
}

