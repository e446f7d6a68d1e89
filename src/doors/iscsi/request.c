/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The handlers of each type of request, before and after its data segment. */

#include "doors/iscsi/request.h"

#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/data_out.h"
#include "doors/iscsi/deliver.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/reject.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/window.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "scsi/be.h"

/* A segment that belongs to no command goes to a buffer of its own. */
static bool begin_buffered(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;

    if (length == 0)
        return true;
    rx->buffer = iscsi_buffer_get(&c->portal->pool, length);
    if (!rx->buffer.base) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for its data segment");
        return false;
    }
    iscsi_receive_into(rx, rx->buffer.base, length);
    return true;
}

/* RFC 7143 4.2.3: before its first login request a peer gets no answer to anything else, and after
 * it a Login reject. */
static bool begin_login(struct iscsi_connection *c, uint8_t opcode, uint32_t length)
{
    uint16_t status = LOGIN_INITIATOR_ERROR;
    const char *wrong = NULL;

    if (opcode == ISCSI_LOGIN_REQUEST)
        iscsi_login_begin(c, c->rx.header);
    if (!c->login->begun) {
        iscsi_wire_drop(c, SPD_END_PROTOCOL, "its first PDU is no login request");
        return false;
    }
    if (opcode != ISCSI_LOGIN_REQUEST) {
        status = LOGIN_INVALID_DURING_LOGIN;
        wrong = "it sent a PDU that is no login request, before the end of its login";
    } else if (c->rx.header[BHS_AHS_LENGTH] != 0) {
        wrong = "its login request has an additional header segment";
    } else if (length > ISCSI_LOGIN_RECEIVE_MAX) {
        wrong = "its login request is longer than 8192 bytes";
    }
    if (wrong)
        iscsi_login_refuse(c, status, wrong);
    return !wrong && begin_buffered(c, length);
}

bool iscsi_request_begin(struct iscsi_connection *c, uint32_t length)
{
    uint8_t opcode = c->rx.header[0] & ISCSI_OPCODE_MASK;

    if (c->state == CONNECTION_LOGIN)
        return begin_login(c, opcode, length);
    if (length > ISCSI_RECEIVE_MAX) {
        iscsi_reject_and_close(c, c->rx.header, REJECT_PROTOCOL,
            "a data segment longer than our MaxRecvDataSegmentLength");
        return false;
    }
    switch (opcode) {
    case ISCSI_SCSI_COMMAND:
        return iscsi_command_begin(c, length);
    case ISCSI_DATA_OUT:
        return iscsi_data_out_begin(c, length);
    case ISCSI_LOGIN_REQUEST:
        iscsi_reject_and_close(c, c->rx.header, REJECT_PROTOCOL, "a login request after its login");
        return false;
    default:
        return begin_buffered(c, length);
    }
}

/* Keeps a request until the earlier ones have come. */
static void hold(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;
    struct iscsi_session *session = c->session;
    struct iscsi_command *command = iscsi_command_new(session, rx->header, 0);

    if (!command || !iscsi_room_take(session, ROOM_TRANSFER, rx->buffer.length)) {
        iscsi_wire_drop(
            c, SPD_END_SHARE, "requests out of order in a session that has no room for them");
        return;
    }
    if (length > 0) {
        /* The buffer changes its owner. */
        command->buffer = rx->buffer;
        command->room = ROOM_TRANSFER;
        rx->buffer = (struct iscsi_buffer){ 0 };
    }
    iscsi_window_hold(session, command);
}

/* A request whose CmdSN counts, unless it is immediate. */
static void end_ordered(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;

    if (rx->header[0] & ISCSI_IMMEDIATE) {
        iscsi_deliver_request(c, rx->header, rx->buffer.base, length);
        return;
    }
    switch (iscsi_window_order(c->session, rx->header)) {
    case ORDER_NOW:
        iscsi_window_advance(c->session, rx->header);
        iscsi_deliver_request(c, rx->header, rx->buffer.base, length);
        break;
    case ORDER_LATER:
        hold(c, length);
        break;
    case ORDER_NEVER:
        break;
    }
}

void iscsi_request_end(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;

    if (c->state == CONNECTION_LOGIN) {
        iscsi_login_request(c, rx->header, (char *)rx->buffer.base, length);
        return;
    }
    switch (rx->header[0] & ISCSI_OPCODE_MASK) {
    case ISCSI_SCSI_COMMAND:
    case ISCSI_DATA_OUT:
        if (rx->command)
            iscsi_data_out_end(rx->command, length, rx->header[BHS_FLAGS] & ISCSI_FINAL);
        break;
    case ISCSI_NOP_OUT:
    case ISCSI_TASK_REQUEST:
    case ISCSI_TEXT_REQUEST:
    case ISCSI_LOGOUT_REQUEST:
        end_ordered(c, length);
        break;
    case ISCSI_SNACK:
        /* RFC 7143 11.16: recovery of single PDUs needs error recovery level 1. */
        iscsi_reject(c, rx->header, REJECT_SNACK);
        return;
    default:
        iscsi_reject(c, rx->header, REJECT_NOT_SUPPORTED);
        return;
    }
    iscsi_deliver_held(c);
}

void iscsi_request_damaged(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;

    /* RFC 7143 7.8: data of a command fails the command once all of it has come; any other request
     * would have to be sent again, which error recovery level 0 does not do. */
    if ((rx->header[0] & ISCSI_OPCODE_MASK) != ISCSI_DATA_OUT) {
        iscsi_reject_and_close(c, rx->header, REJECT_DATA_DIGEST, "data digest error");
        return;
    }
    iscsi_reject(c, rx->header, REJECT_DATA_DIGEST);
    if (rx->command) {
        rx->command->fault = FAULT_LOST;
        iscsi_data_out_end(rx->command, length, rx->header[BHS_FLAGS] & ISCSI_FINAL);
        iscsi_deliver_held(c);
    }
}
