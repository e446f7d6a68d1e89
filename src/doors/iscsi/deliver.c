/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/deliver.h"

#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/logout.h"
#include "doors/iscsi/nop.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/task.h"
#include "doors/iscsi/text.h"
#include "doors/iscsi/window.h"
#include "scsi/be.h"

void deliver_request(struct connection *c, const uint8_t *bhs, uint8_t *data, uint32_t length)
{
    switch (bhs[0] & ISCSI_OPCODE_MASK) {
    case ISCSI_NOP_OUT:
        nop_out(c, bhs, data, length);
        break;
    case ISCSI_TASK_REQUEST:
        task_request(c, bhs);
        break;
    case ISCSI_TEXT_REQUEST:
        text_request(c, bhs, (const char *)data, length);
        break;
    case ISCSI_LOGOUT_REQUEST:
        logout_request(c, bhs);
        break;
    default:
        break;
    }
}

void deliver_held(struct connection *c)
{
    struct session *session = c->session;

    if (session == NULL || session->held == NULL)
        return;
    while (c->state == CONNECTION_FULL) {
        struct command **slot = &session->held[session->exp_cmd_sn % session->depth];
        struct command *command = *slot;

        if (command == NULL || (!command->aborted && window_bars(session, command->bhs)))
            return;
        *slot = NULL;
        window_advance(session, command->bhs);
        if (command->aborted) {
            command_end(command);
        } else if ((command->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_COMMAND) {
            session->windowed++;
            command->windowed = true;
            command_start(command);
        } else {
            deliver_request(c, command->bhs, command->buffer.base,
                be24_get(command->bhs + BHS_DATA_LENGTH));
            command_end(command);
        }
    }
}

void deliver_all(struct iscsi_door *door)
{
    if (!door->data_given_up)
        return;
    door->data_given_up = false;
    list_each(link, &door->sessions) {
        struct session *session = list_entry(link, struct session, link);

        if (session->connection != NULL)
            deliver_held(session->connection);
    }
}
