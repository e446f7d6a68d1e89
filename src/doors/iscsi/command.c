/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SCSI commands: RFC 7143 11.3. */

#include "doors/iscsi/command.h"
#include "doors/iscsi/nexus.h"

#include <string.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/progress.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/reject.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "doors/iscsi/window.h"
#include "lib/door.h"
#include "lib/loop.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

static bool command_map(struct spd_request *request);
void iscsi_command_lose(struct iscsi_command *command)
{
    bool waits = iscsi_command_awaits_data(command);

    if (command->aborted || command->done || command->fault == FAULT_GONE)
        return;
    command->fault = FAULT_GONE;
    list_remove(&command->item.link);
    if (waits)
        command->state = COMMAND_RUNNING;
    iscsi_progress_refuse(command);
    command->session->portal->data_given_up |= waits;
}

static void command_later(struct spd_request *request);
static void command_done(struct spd_request *request);

static const struct spd_request_ops request_ops = {
    .map = command_map,
    .later = command_later,
    .done = command_done,
};

static struct iscsi_command *command_of(struct spd_request *request)
{
    return (struct iscsi_command *)(void *)request;
}

/* Additional header segments (RFC 7143 11.2.2): only the rest of a long CDB has a meaning here.
 * Returns the CDB's length, 0 when the segments are malformed. */
static uint32_t read_ahs(const uint8_t *header, uint8_t cdb[SCSI_CDB_MAX])
{
    const uint8_t *p = header + ISCSI_BHS, *end = p + header[BHS_AHS_LENGTH] * 4;
    uint32_t length = 16;

    while (p < end) {
        uint32_t ahs = be16_get(p), whole = (ahs + 3 + 3) & ~3u;

        if (ahs == 0 || whole > (uint32_t)(end - p))
            return 0;
        if (p[2] == 1) {
            uint32_t more = ahs - 1 < SCSI_CDB_MAX - 16 ? ahs - 1 : SCSI_CDB_MAX - 16;

            memcpy(cdb + 16, p + 4, more);
            length = 16 + more;
        }
        p += whole;
    }
    return length;
}

static void fill_task(struct iscsi_command *command, const uint8_t *bhs)
{
    struct scsi_task *task = &command->request.task;

    command->request.ops = &request_ops;
    command->request.stream = command->session->tsih;
    memcpy(task->cdb, bhs + COMMAND_CDB, 16);
    task->cdb_length = 16;
    /* RFC 7143 11.3.1: Untagged is 0, Simple 1, Ordered 2, Head of queue 3, ACA 4. */
    switch (bhs[BHS_FLAGS] & COMMAND_ATTRIBUTE) {
    case COMMAND_ORDERED:
        task->attribute = SCSI_ORDERED;
        break;
    case 3:
        task->attribute = SCSI_HEAD_OF_QUEUE;
        break;
    case 4:
        task->attribute = SCSI_ACA;
        break;
    default:
        task->attribute = SCSI_SIMPLE;
        break;
    }
    task->expected_length = be32_get(bhs + COMMAND_EXPECTED_LENGTH);
    task->expected_direction = bhs[BHS_FLAGS] & COMMAND_WRITE ? SCSI_DATA_OUT
        : bhs[BHS_FLAGS] & COMMAND_READ                       ? SCSI_DATA_IN
                                                              : SCSI_NO_DATA;
    if (task->expected_direction == SCSI_NO_DATA)
        task->expected_length = 0;
}

static bool command_map(struct spd_request *request)
{
    struct iscsi_command *command = command_of(request);

    if (request->task.buffer_length <= ISCSI_TRANSFER_MAX)
        return iscsi_room_map(command);
    command->fault = FAULT_TOO_LONG;
    return false;
}

/* The command begins at its unit, whose nexus is returned. A command for a LUN that is not there
 * borrows another unit of the target, since a request has its memory and its turns from a unit. */
static struct iscsi_nexus *enter_unit(struct iscsi_command *command)
{
    struct scsi_task *task = &command->request.task;
    struct iscsi_nexus *nexus = iscsi_nexus_find(command->session, command->bhs + BHS_LUN);
    struct iscsi_nexus *lender = nexus ? nexus : iscsi_nexus_first(command->session);
    struct spd_unit *unit = lender->door->base.unit;

    command->nexus = lender;
    command->request.unit = unit;
    task->unit = nexus ? spd_unit_scsi(unit) : NULL;
    task->nexus = &lender->scsi;
    lender->running++;
    lender->windowed += command->windowed;
    return lender;
}

void iscsi_command_start(struct iscsi_command *command)
{
    struct iscsi_nexus *nexus;

    command->state = COMMAND_RUNNING;
    nexus = enter_unit(command);
    /* The window has as many places as all units of the target take together. */
    if (nexus->windowed > nexus->depth) {
        iscsi_progress_turn_away(command, FAULT_FULL);
        return;
    }
    spd_request_start(&command->request);
    if (command->fault != FAULT_NONE && !command->done)
        iscsi_progress_refuse(command);
    else if (iscsi_command_awaits_data(command)) {
        if (command->request.task.attribute == SCSI_ORDERED) {
            command->session->barriers += !nexus->barrier;
            nexus->barrier = command;
        }
        iscsi_progress(command);
    }
}

/* Whether flags, lengths and the session's parameters agree (RFC 7143 11.3, 13.10, 13.11). */
static const char *check(const struct iscsi_session *session, const uint8_t *bhs, uint32_t length)
{
    uint8_t flags = bhs[BHS_FLAGS];
    uint32_t expected = be32_get(bhs + COMMAND_EXPECTED_LENGTH);

    if (!session->chunks)
        return "a SCSI command in a discovery session";
    if (be32_get(bhs + BHS_ITT) == ISCSI_NO_TAG)
        return "a SCSI command with the reserved task tag";
    if (!(flags & COMMAND_WRITE) && (length > 0 || !(flags & ISCSI_FINAL)))
        return "data with a command that does not write";
    if (length > 0 && !session->params.immediate_data)
        return "immediate data, which was not negotiated";
    if (!(flags & ISCSI_FINAL) && session->params.initial_r2t)
        return "unsolicited data, which was not negotiated";
    if (length > session->params.first_burst || length > expected)
        return "more immediate data than allowed";
    return NULL;
}

/* RFC 7143 11.2.1.8: a tag is unique while its task exists. An aborted task does not exist, even if
 * the device still has it: the initiator learns it from the response, or from a unit attention. */
static bool tag_taken(struct iscsi_session *session, const uint8_t *bhs)
{
    const struct iscsi_command *command = iscsi_command_find(session, be32_get(bhs + BHS_ITT));

    return command && !command->aborted;
}

/* Puts a command at its place by CmdSN. */
static void place(
    struct iscsi_session *session, struct iscsi_command *command, enum iscsi_order order)
{
    const uint8_t *bhs = command->bhs;
    uint32_t expected = be32_get(bhs + COMMAND_EXPECTED_LENGTH);

    if (order == ORDER_NOW) {
        if (!(bhs[0] & ISCSI_IMMEDIATE)) {
            iscsi_window_advance(session, bhs);
            session->windowed++;
            command->windowed = true;
        }
        iscsi_command_start(command);
        return;
    }
    iscsi_window_hold(session, command);
    if (command->unsolicited) {
        command->want = expected;
        if (!iscsi_room_for_unsolicited(command, expected))
            command->fault = FAULT_NO_ROOM;
    }
}

/* An immediate command has no place in the window, nor room for data that comes with it. */
static bool fits_beside_window(struct iscsi_session *session, const uint8_t *bhs, uint32_t length)
{
    if (length == 0 && bhs[BHS_FLAGS] & ISCSI_FINAL)
        return true;
    if (!iscsi_room_take(session, ROOM_WINDOW, session->burst))
        return false;
    iscsi_room_give(session, ROOM_WINDOW, session->burst);
    return true;
}

bool iscsi_command_begin(struct iscsi_connection *c, uint32_t length)
{
    struct iscsi_receive *rx = &c->rx;
    const uint8_t *bhs = rx->header;
    struct iscsi_session *session = c->session;
    const char *wrong = check(session, bhs, length);
    bool immediate = bhs[0] & ISCSI_IMMEDIATE;
    enum iscsi_order order;
    struct iscsi_command *command;
    uint32_t cdb_length;

    if (wrong) {
        iscsi_reject_and_close(c, bhs, REJECT_PROTOCOL, wrong);
        return false;
    }
    order = immediate ? ORDER_NOW : iscsi_window_order(session, bhs);
    if (order == ORDER_NEVER)
        return true;
    /* Its CmdSN does not count, so the initiator may send it again (RFC 7143 7.3). */
    if (tag_taken(session, bhs)) {
        iscsi_reject(c, bhs, REJECT_TASK_IN_PROGRESS);
        return true;
    }
    command = immediate && !fits_beside_window(session, bhs, length)
        ? NULL
        : iscsi_command_new(session, bhs, length);
    if (!command) {
        iscsi_reject(c, bhs, REJECT_TOO_MANY_IMMEDIATE);
        return true;
    }
    if (!session->used) {
        session->used = true;
        iscsi_roster_use(session->entry);
    }
    fill_task(command, bhs);
    if (bhs[BHS_AHS_LENGTH] != 0) {
        cdb_length = read_ahs(bhs, command->request.task.cdb);
        if (cdb_length == 0) {
            iscsi_command_end(command);
            iscsi_reject_and_close(
                c, bhs, REJECT_INVALID_FIELD, "malformed additional header segments");
            return false;
        }
        command->request.task.cdb_length = (uint8_t)cdb_length;
    }
    if (length > 0)
        rx->command = command;
    place(session, command, order);
    if (length > 0 && command->fault == FAULT_NONE && rx->command == command)
        iscsi_receive_into(
            rx, command->buffer.base, length < command->want ? length : command->want);
    return true;
}

void iscsi_command_abort(struct iscsi_command *command)
{
    struct iscsi_session *session = command->session;
    bool started = iscsi_command_awaits_data(command) || command->state == COMMAND_RUNNING;

    list_remove(&command->item.link);
    if (session->connection)
        iscsi_receive_forget(&session->connection->rx, command);
    command->aborted = true;
    /* It may also end within the call. */
    if (!started || command->done || spd_request_cancel(&command->request))
        iscsi_command_end(command);
}

static void command_later(struct spd_request *request)
{
    spd_loop_post(&command_of(request)->session->portal->loop, request);
}

void iscsi_command_mailed(struct spd_request *request)
{
    struct iscsi_command *command = command_of(request);
    struct iscsi_session *session = command->session;

    command->done = true;
    command->release = true;
    if (command->fault == FAULT_GONE)
        iscsi_progress_lost(command);
    /* The end of a task of a session that ends may let another run to its end. */
    if (command->aborted || !session->connection) {
        iscsi_command_end(command);
        session->portal->tasks_ended = true;
    } else if (!command->unsolicited) {
        iscsi_progress_answer(command);
    }
}

static void command_done(struct spd_request *request)
{
    struct iscsi_portal *portal = command_of(request)->session->portal;

    if (spd_loop_here(&portal->loop))
        iscsi_command_mailed(request);
    else
        spd_loop_post(&portal->loop, request);
}

