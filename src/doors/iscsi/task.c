/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Task management: RFC 7143 11.5, 11.6, 4.2.3. A function is answered when the tasks it ended can
 * no longer change the medium nor deliver anything: at once for those that wait for data or that
 * the device reads for, later for those that it writes for. Functions for all initiators also reach
 * the tasks of the unit's other doors.
 */

#include "doors/iscsi/task.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/wire.h"
#include "lib/door.h"
#include "lib/session_log.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

static bool changes(const struct iscsi_command *command)
{
    /* A command whose turn has not come has never begun. */
    return command->aborted && command->state != COMMAND_HELD &&
        !spd_request_is_left(&command->request);
}

/* only: this one; NULL: any. */
static bool runs(const struct iscsi_session *session, const struct iscsi_command *only)
{
    list_each(link, &session->active) {
        const struct iscsi_command *command = list_entry(link, struct iscsi_command, link);

        if (changes(command) && (!only || only == command))
            return true;
    }
    return false;
}

bool iscsi_task_any_changes(const struct iscsi_session *session)
{
    return runs(session, NULL);
}

static bool any_runs(const struct iscsi_door *door)
{
    list_each(link, &door->sessions)
        if (runs(list_entry(link, struct iscsi_session, link), NULL))
            return true;
    return false;
}

static bool still_waits(const struct iscsi_task_wait *wait)
{
    const struct iscsi_door *door = wait->session->door;

    if (!wait->all_sessions)
        return runs(wait->session, wait->command);
    return any_runs(door) || !spd_round_ended(&door->base, wait->round);
}

static void wait_free(struct iscsi_task_wait *wait)
{
    list_remove(&wait->link);
    wait->session->waits--;
    free(wait);
}

static void answer(const struct iscsi_task_wait *wait)
{
    struct iscsi_connection *c = wait->session->connection;

    iscsi_send_queue(c, &wait->reply->item);
    if (!wait->closes)
        return;
    iscsi_wire_ends(c, wait->logout ? SPD_END_LOGOUT : SPD_END_RESET, NULL);
    iscsi_wire_close(c);
}

static void answer_all(struct iscsi_door *door)
{
    list_each(link, &door->waits) {
        struct iscsi_task_wait *wait = list_entry(link, struct iscsi_task_wait, link);

        if (still_waits(wait))
            continue;
        answer(wait);
        wait_free(wait);
    }
}

/* Answers now, or when the tasks it waits for have ended. */
static void answer_in_time(struct iscsi_connection *c, const struct iscsi_task_wait *now)
{
    struct iscsi_task_wait *later;

    if (!still_waits(now)) {
        answer(now);
        return;
    }
    later = malloc(sizeof *later);
    if (!later) {
        iscsi_reply_free(c, now->reply);
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory to wait for tasks");
        return;
    }
    *later = *now;
    list_append(&c->door->waits, &later->link);
    c->session->waits++;
}

void iscsi_task_forget(struct iscsi_session *session)
{
    list_each(link, &session->door->waits) {
        struct iscsi_task_wait *wait = list_entry(link, struct iscsi_task_wait, link);

        if (wait->session == session) {
            free(wait->reply);
            wait_free(wait);
        }
    }
}

static bool abortable(const struct iscsi_command *command)
{
    return iscsi_command_awaits_data(command) || command->state == COMMAND_RUNNING;
}

static void abort_started(struct iscsi_command *command)
{
    if (abortable(command) && !command->aborted)
        iscsi_command_abort(command);
}

static void abort_session(struct iscsi_session *session)
{
    /* By index: ending one command may end others, which the unit had parked behind it. */
    for (uint32_t i = 0; i < session->command_count; i++)
        abort_started(iscsi_command_at(session, i));
}

/* Aborts the commands that have begun before the present round. */
static void abort_round(struct iscsi_door *door, uint32_t round)
{
    door->round = round;
    door->owes_report = true;
    list_each(link, &door->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        for (uint32_t i = 0; i < session->command_count; i++) {
            struct iscsi_command *command = iscsi_command_at(session, i);

            if (abortable(command) && !command->aborted &&
                spd_request_is_before(&command->request, round))
                iscsi_command_abort(command);
        }
    }
}

void iscsi_task_look(struct iscsi_door *door)
{
    uint32_t round = spd_round(&door->base);

    door->tasks_ended = false;
    if (round != door->round)
        abort_round(door, round);
    if (door->owes_report && !any_runs(door)) {
        door->owes_report = false;
        spd_round_report(&door->base, door->round);
    }
    answer_all(door);
}

/* Commands that came before the function and whose turn has not come: RFC 7143 11.5.1. Their CmdSN
 * must still be counted, so they stay until their turn. */
static void abort_held(struct iscsi_session *session, uint32_t cmd_sn)
{
    list_each(link, &session->active) {
        struct iscsi_command *command = list_entry(link, struct iscsi_command, link);

        if (command->state == COMMAND_HELD &&
            (command->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_COMMAND &&
            (int32_t)(cmd_sn - be32_get(command->bhs + BHS_CMD_SN)) > 0)
            command->aborted = true;
    }
}

/* The tasks of all initiators; `why` is what the others learn. */
static void abort_all(
    struct iscsi_task_wait *wait, enum scsi_attention why, struct scsi_nexus *except)
{
    struct iscsi_door *door = wait->session->door;

    wait->all_sessions = true;
    wait->round = spd_round_begin(&door->base);
    abort_round(door, wait->round);
    if (why == SCSI_UA_CLEARED)
        scsi_unit_attention(spd_unit_scsi(door->base.unit), why, except);
    else
        spd_unit_reset(door->base.unit, why, except);
}

/* RFC 7143 11.6.1: a task that is not there and cannot come any more is no failure. */
static uint8_t abort_one(
    struct iscsi_session *session, const uint8_t *bhs, const struct iscsi_command **found)
{
    struct iscsi_command *command = iscsi_command_find(
        session, be32_get(bhs + TASK_REFERENCED_TAG));

    if (!command || (!abortable(command) && command->state != COMMAND_HELD))
        return TASK_NO_TASK;
    if (command->state == COMMAND_HELD)
        command->aborted = true;
    else if (!command->aborted)
        iscsi_command_abort(command);
    *found = command;
    return TASK_COMPLETE;
}

static void drop_others(struct iscsi_door *door, const struct iscsi_connection *c)
{
    list_each(link, &door->connections) {
        struct iscsi_connection *other = list_entry(link, struct iscsi_connection, link);

        if (other != c && other->session)
            iscsi_wire_drop(other, SPD_END_RESET, NULL);
    }
}

/* A target reset ends what all initiators are at. A logical unit reset does the same, but they need
 * that one to recover from an error (SAM-5 7.7). */
static bool may_reset_target(struct iscsi_connection *c)
{
    struct iscsi_door *door = c->door;

    if (door->config.resets)
        return true;
    list_each(link, &door->sessions) {
        const struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection && !session->params.discovery &&
            strcmp(session->initiator, c->session->initiator) != 0)
            return false;
    }
    return !spd_door_has_others(&door->base);
}

static uint8_t perform(struct iscsi_connection *c, const uint8_t *bhs, struct iscsi_task_wait *wait)
{
    struct iscsi_door *door = c->door;
    struct scsi_nexus *nexus = &c->session->nexus;
    uint8_t function = bhs[BHS_FLAGS] & 0x7f;
    bool lun = scsi_lun_decode(bhs + BHS_LUN) == door->config.lun;

    if (function <= TASK_LUN_RESET && function != TASK_CLEAR_ACA && !lun)
        return TASK_NO_LUN;
    if ((function == TASK_WARM_RESET || function == TASK_COLD_RESET) && !may_reset_target(c))
        return TASK_NOT_AUTHORIZED;
    if (function != TASK_ABORT && function <= TASK_COLD_RESET && function != TASK_CLEAR_ACA)
        abort_held(c->session, be32_get(bhs + BHS_CMD_SN));
    switch (function) {
    case TASK_ABORT:
        return abort_one(c->session, bhs, &wait->command);
    case TASK_ABORT_SET:
        abort_session(c->session);
        return TASK_COMPLETE;
    case TASK_CLEAR_SET:
        abort_all(wait, SCSI_UA_CLEARED, nexus);
        return TASK_COMPLETE;
    case TASK_LUN_RESET:
        abort_all(wait, SCSI_UA_LUN_RESET, NULL);
        return TASK_COMPLETE;
    case TASK_COLD_RESET:
        drop_others(door, c);
        /* fall through */
    case TASK_WARM_RESET:
        abort_all(wait, SCSI_UA_RESET, NULL);
        return TASK_COMPLETE;
    case TASK_REASSIGN:
        return TASK_NO_REASSIGN;
    default:
        return TASK_NOT_SUPPORTED;
    }
}

void iscsi_task_request(struct iscsi_connection *c, const uint8_t *bhs)
{
    struct iscsi_session *session = c->session;
    struct iscsi_task_wait now = { .session = session };
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_TASK_RESPONSE, 0);
    bool cold = (bhs[BHS_FLAGS] & 0x7f) == TASK_COLD_RESET;

    if (!reply)
        return;
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    if (!session->chunks || session->waits == ISCSI_TMF_MAX)
        reply->bhs[BHS_RESPONSE] = TASK_REJECTED;
    else
        reply->bhs[BHS_RESPONSE] = perform(c, bhs, &now);
    now.reply = reply;
    if (reply->bhs[BHS_RESPONSE] != TASK_COMPLETE) {
        iscsi_send_queue(c, &reply->item);
    } else if (cold) {
        /* RFC 7143 11.5.1: it also ends all connections, the requester's last. */
        now.closes = true;
        answer(&now);
    } else {
        answer_in_time(c, &now);
    }
}

/* RFC 7143 11.15: the response says that the clean-up is done. An initiator that has it may go on
 * by another session, and must not find a write of this one after its own. */
void iscsi_task_logout(struct iscsi_connection *c, struct iscsi_reply *reply)
{
    abort_held(c->session, c->session->max_cmd_sn + 1);
    abort_session(c->session);
    answer_in_time(c, &(struct iscsi_task_wait){
        .session = c->session, .closes = true, .logout = true, .reply = reply });
}
