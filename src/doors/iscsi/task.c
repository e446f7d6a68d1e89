/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Task management: RFC 7143 11.5, 11.6, 4.2.3. A function is answered when the tasks that it ended
 * can no longer change the medium or deliver anything. Tasks that wait for data, or for which the
 * device reads, end at once; tasks for which it writes end later. Functions for all initiators also
 * reach the tasks of the unit's other doors.
 */

#include "doors/iscsi/nexus.h"
#include "doors/iscsi/task.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/command_pool.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "doors/iscsi/wire.h"
#include "lib/door.h"
#include "lib/session_log.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

static bool changes(const struct iscsi_command *command)
{
    /* A command before its turn has never begun. */
    return command->aborted && command->state != COMMAND_HELD &&
        !spd_request_is_left(&command->request);
}

static bool is_at(const struct iscsi_command *command, const struct iscsi_door *door)
{
    return command->nexus && command->nexus->door == door;
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

static bool runs_at(const struct iscsi_session *session, const struct iscsi_door *door)
{
    list_each(link, &session->active) {
        const struct iscsi_command *command = list_entry(link, struct iscsi_command, link);

        if (changes(command) && is_at(command, door))
            return true;
    }
    return false;
}

/* Tasks of any initiator. */
static bool any_runs(const struct iscsi_door *door)
{
    const struct iscsi_target *target = door->target;

    list_each(link, &target->portal->sessions) {
        const struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->target == target && runs_at(session, door))
            return true;
    }
    return false;
}

static bool round_runs(const struct iscsi_door *door, uint32_t round)
{
    return any_runs(door) || !spd_round_ended(&door->base, round);
}

static bool still_waits(const struct iscsi_task_wait *wait)
{
    const struct iscsi_target *target = wait->session->target;

    if (wait->door)
        return round_runs(wait->door, wait->round);
    if (!wait->whole_target)
        return runs(wait->session, wait->command);
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (target->units[i] && round_runs(target->units[i], target->units[i]->reset_round))
            return true;
    return false;
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

static void answer_all(struct iscsi_portal *portal)
{
    list_each(link, &portal->waits) {
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
    list_append(&c->portal->waits, &later->link);
    c->session->waits++;
}

void iscsi_task_forget(struct iscsi_session *session)
{
    list_each(link, &session->portal->waits) {
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

/* door: at this unit; NULL: at all. */
static void abort_session(struct iscsi_session *session, const struct iscsi_door *door)
{
    /* It goes by index: the end of a command may end others, which the unit had parked behind
     * it. */
    for (uint32_t i = 0; i < session->command_count; i++)
        if (!door || is_at(iscsi_command_at(session, i), door))
            abort_started(iscsi_command_at(session, i));
}

/* Aborts the unit's commands that have begun before the present round. */
static void abort_round(struct iscsi_door *door, uint32_t round)
{
    door->round = round;
    door->owes_report = true;
    list_each(link, &door->target->portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        for (uint32_t i = 0; i < session->command_count; i++) {
            struct iscsi_command *command = iscsi_command_at(session, i);

            if (abortable(command) && !command->aborted && is_at(command, door) &&
                spd_request_is_before(&command->request, round))
                iscsi_command_abort(command);
        }
    }
}

static void look_at(struct iscsi_door *door)
{
    uint32_t round = spd_round(&door->base);

    if (round != door->round)
        abort_round(door, round);
    if (door->owes_report && !any_runs(door)) {
        door->owes_report = false;
        spd_round_report(&door->base, door->round);
    }
}

void iscsi_task_look(struct iscsi_portal *portal)
{
    portal->tasks_ended = false;
    list_each(link, &portal->doors)
        look_at(list_entry(link, struct iscsi_door, link));
    answer_all(portal);
}

static void lose_commands(const struct iscsi_door *door)
{
    list_each(link, &door->target->portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        for (uint32_t i = 0; session->connection && i < session->command_count; i++) {
            struct iscsi_command *command = iscsi_command_at(session, i);

            if (!is_at(command, door))
                continue;
            if (abortable(command))
                iscsi_command_lose(command);
            else if (command->state == COMMAND_ANSWERING) /* with memory of the unit's */
                iscsi_wire_drop(session->connection, SPD_END_NO_ROOM,
                    "not enough memory for an answer of a unit that goes");
        }
    }
}

void iscsi_task_lose(struct iscsi_door *door)
{
    list_each(link, &door->target->portal->waits) {
        struct iscsi_task_wait *wait = list_entry(link, struct iscsi_task_wait, link);

        if (wait->door != door)
            continue;
        wait->reply->bhs[BHS_RESPONSE] = TASK_NO_LUN;
        answer(wait);
        wait_free(wait);
    }
    lose_commands(door);
}

/* Commands that came before the function and whose turn has not come: RFC 7143 11.5.1. Their CmdSN
 * must still be counted, so they stay until their turn. nexus: commands for its unit; NULL: all. */
static void abort_held(
    struct iscsi_session *session, const struct iscsi_nexus *nexus, uint32_t cmd_sn)
{
    list_each(link, &session->active) {
        struct iscsi_command *command = list_entry(link, struct iscsi_command, link);

        if (command->state == COMMAND_HELD &&
            (command->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_COMMAND &&
            (int32_t)(cmd_sn - be32_get(command->bhs + BHS_CMD_SN)) > 0 &&
            (!nexus || iscsi_nexus_find(session, command->bhs + BHS_LUN) == nexus))
            command->aborted = true;
    }
}

/* Begins a round at the unit: the tasks of all initiators. The others learn `why`. */
static uint32_t abort_all(
    struct iscsi_door *door, enum scsi_attention why, struct scsi_nexus *except)
{
    uint32_t round = spd_round_begin(&door->base);

    abort_round(door, round);
    if (why == SCSI_UA_CLEARED)
        scsi_unit_attention(spd_unit_scsi(door->base.unit), why, except);
    else
        spd_unit_reset(door->base.unit, why, except);
    return round;
}

static uint8_t abort_unit(struct iscsi_task_wait *wait, struct iscsi_door *door,
    enum scsi_attention why, struct scsi_nexus *except)
{
    wait->door = door;
    wait->round = abort_all(door, why, except);
    return TASK_COMPLETE;
}

static uint8_t abort_target(struct iscsi_task_wait *wait)
{
    struct iscsi_target *target = wait->session->target;

    wait->whole_target = true;
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (target->units[i])
            target->units[i]->reset_round = abort_all(target->units[i], SCSI_UA_RESET, NULL);
    return TASK_COMPLETE;
}

/* RFC 7143 11.6.1: a missing task that cannot come any more is no failure. */
static uint8_t abort_one(
    struct iscsi_session *session, const uint8_t *bhs, const struct iscsi_command **found)
{
    struct iscsi_command *command = iscsi_command_find(
        session, be32_get(bhs + TASK_REFERENCED_TAG));

    if (!command || (!abortable(command) && command->state != COMMAND_HELD) ||
        scsi_lun_decode(bhs + BHS_LUN) != scsi_lun_decode(command->bhs + BHS_LUN))
        return TASK_NO_TASK;
    if (command->state == COMMAND_HELD)
        command->aborted = true;
    else if (!command->aborted)
        iscsi_command_abort(command);
    *found = command;
    return TASK_COMPLETE;
}

/* A target reset ends the tasks of all initiators. A logical unit reset does the same, but
 * initiators need it to recover from an error (SAM-5 7.7). */
static bool may_reset_target(const struct iscsi_session *session)
{
    const struct iscsi_target *target = session->target;

    if (target->config.resets)
        return true;
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (target->units[i] && spd_door_has_others(&target->units[i]->base))
            return false;
    return !iscsi_roster_has_others(session);
}

/* A function for one logical unit: all up to LOGICAL UNIT RESET. */
static uint8_t perform_at_unit(struct iscsi_session *session, struct iscsi_nexus *nexus,
    const uint8_t *bhs, struct iscsi_task_wait *wait)
{
    uint8_t function = bhs[BHS_FLAGS] & 0x7f;

    if (!nexus)
        return TASK_NO_LUN;
    if (function == TASK_ABORT)
        return abort_one(session, bhs, &wait->command);
    abort_held(session, nexus, be32_get(bhs + BHS_CMD_SN));
    switch (function) {
    case TASK_ABORT_SET:
        abort_session(session, nexus->door);
        return TASK_COMPLETE;
    case TASK_CLEAR_SET:
        return abort_unit(wait, nexus->door, SCSI_UA_CLEARED, &nexus->scsi);
    default:
        return abort_unit(wait, nexus->door, SCSI_UA_LUN_RESET, NULL);
    }
}

static uint8_t perform(struct iscsi_connection *c, const uint8_t *bhs, struct iscsi_task_wait *wait)
{
    struct iscsi_session *session = c->session;

    switch (bhs[BHS_FLAGS] & 0x7f) {
    case TASK_ABORT:
    case TASK_ABORT_SET:
    case TASK_CLEAR_SET:
    case TASK_LUN_RESET:
        return perform_at_unit(session, iscsi_nexus_find(session, bhs + BHS_LUN), bhs, wait);
    case TASK_WARM_RESET:
    case TASK_COLD_RESET:
        if (!may_reset_target(session))
            return TASK_NOT_AUTHORIZED;
        abort_held(session, NULL, be32_get(bhs + BHS_CMD_SN));
        if ((bhs[BHS_FLAGS] & 0x7f) == TASK_COLD_RESET)
            iscsi_roster_doom_others(session, SPD_END_RESET);
        return abort_target(wait);
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
 * with another session, whose writes must not come before a write of this one. */
void iscsi_task_logout(struct iscsi_connection *c, struct iscsi_reply *reply)
{
    abort_held(c->session, NULL, c->session->max_cmd_sn + 1);
    abort_session(c->session, NULL);
    answer_in_time(c, &(struct iscsi_task_wait){
        .session = c->session, .closes = true, .logout = true, .reply = reply });
}
