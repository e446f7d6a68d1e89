/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/nexus.h"
#include "doors/iscsi/window.h"

#include "doors/iscsi/command.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "scsi/be.h"

/* Serial number arithmetic (RFC 1982). */
static int32_t serial_distance(uint32_t from, uint32_t to)
{
    return (int32_t)(to - from);
}

/* Twice as much as it uses and some more, so that idle ones leave room to others, and busy ones
 * have all places after a few answers. An offered place stays offered (RFC 7143 11.4.10). */
void iscsi_window_offer(struct iscsi_session *session)
{
    uint32_t offered = session->max_cmd_sn + 1 - session->exp_cmd_sn;
    uint32_t most = session->depth - session->windowed;
    uint32_t want = session->windowed + ISCSI_WINDOW_START;

    if (want > most)
        want = most;
    while (offered < want && iscsi_room_take(session, ROOM_WINDOW, session->burst)) {
        session->max_cmd_sn++;
        offered++;
    }
}

static bool is_receiving(const struct iscsi_nexus *nexus)
{
    list_each(link, &nexus->session->active) {
        const struct iscsi_command *command = list_entry(link, struct iscsi_command, link);

        if (command->nexus == nexus && iscsi_command_awaits_data(command))
            return true;
    }
    return false;
}

/* SAM-5 8.7.3: an ORDERED command waits for all earlier commands at its unit, also for those whose
 * data is still to come. Later commands wait for its own data. They count as not yet arrived, so
 * commands after them wait as well, for any unit: the CmdSN has an order. */
bool iscsi_window_bars(const struct iscsi_session *session, const uint8_t *bhs)
{
    const struct iscsi_nexus *nexus;
    bool ordered;

    if ((bhs[0] & ISCSI_OPCODE_MASK) != ISCSI_SCSI_COMMAND)
        return false;
    ordered = (bhs[BHS_FLAGS] & COMMAND_ATTRIBUTE) == COMMAND_ORDERED;
    if (!ordered && session->barriers == 0)
        return false;
    nexus = iscsi_nexus_find(session, bhs + BHS_LUN);
    if (!nexus)
        return false;
    if (nexus->barrier && iscsi_command_awaits_data(nexus->barrier))
        return true;
    return ordered && is_receiving(nexus);
}

enum iscsi_order iscsi_window_order(const struct iscsi_session *session, const uint8_t *bhs)
{
    uint32_t cmd_sn = be32_get(bhs + BHS_CMD_SN);

    if (serial_distance(session->exp_cmd_sn, cmd_sn) < 0 ||
        serial_distance(cmd_sn, session->max_cmd_sn) < 0)
        return ORDER_NEVER;
    if (cmd_sn == session->exp_cmd_sn && !iscsi_window_bars(session, bhs))
        return ORDER_NOW;
    if (session->held && session->held[cmd_sn % session->depth])
        return ORDER_NEVER;
    return ORDER_LATER;
}

void iscsi_window_hold(struct iscsi_session *session, struct iscsi_command *command)
{
    command->state = COMMAND_HELD;
    session->held[be32_get(command->bhs + BHS_CMD_SN) % session->depth] = command;
    session->held_count++;
}

void iscsi_window_advance(struct iscsi_session *session, const uint8_t *bhs)
{
    session->exp_cmd_sn = be32_get(bhs + BHS_CMD_SN) + 1;
    iscsi_room_give(session, ROOM_WINDOW, session->burst);
}
