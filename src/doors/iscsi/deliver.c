/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/deliver.h"

#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/logout.h"
#include "doors/iscsi/nop.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/task.h"
#include "doors/iscsi/text.h"
#include "doors/iscsi/window.h"
#include "scsi/be.h"

void iscsi_deliver_request(
    struct iscsi_connection *c, const uint8_t *bhs, uint8_t *data, uint32_t length)
{
    switch (bhs[0] & ISCSI_OPCODE_MASK) {
    case ISCSI_NOP_OUT:
        iscsi_nop_out(c, bhs, data, length);
        break;
    case ISCSI_TASK_REQUEST:
        iscsi_task_request(c, bhs);
        break;
    case ISCSI_TEXT_REQUEST:
        iscsi_text_request(c, bhs, (const char *)data, length);
        break;
    case ISCSI_LOGOUT_REQUEST:
        iscsi_logout_request(c, bhs);
        break;
    default:
        break;
    }
}

void iscsi_deliver_held(struct iscsi_connection *c)
{
    struct iscsi_session *session = c->session;

    if (!session || session->held_count == 0)
        return;
    while (c->state == CONNECTION_FULL) {
        struct iscsi_command **slot = &session->held[session->exp_cmd_sn % session->depth];
        struct iscsi_command *command = *slot;

        if (!command || (!command->aborted && iscsi_window_bars(session, command->bhs)))
            return;
        *slot = NULL;
        session->held_count--;
        iscsi_window_advance(session, command->bhs);
        if (command->aborted) {
            iscsi_command_end(command);
        } else if ((command->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_COMMAND) {
            session->windowed++;
            command->windowed = true;
            iscsi_command_start(command);
        } else {
            iscsi_deliver_request(c, command->bhs, command->buffer.base,
                be24_get(command->bhs + BHS_DATA_LENGTH));
            iscsi_command_end(command);
        }
    }
}

void iscsi_deliver_all(struct iscsi_portal *portal)
{
    if (!portal->data_given_up)
        return;
    portal->data_given_up = false;
    list_each(link, &portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection)
            iscsi_deliver_held(session->connection);
    }
}
