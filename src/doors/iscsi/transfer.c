/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A command for which there is no room waits, before its R2T or its read, in the order of its
 * nexus. Nexuses that wait get room by turns. */

#include "doors/iscsi/nexus.h"
#include "doors/iscsi/transfer.h"

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/command.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/progress.h"
#include "doors/iscsi/room.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "scsi/scsi.h"

/* Notes the reason why the first command of a nexus still waits. */
static void note(const struct iscsi_nexus *nexus, const struct iscsi_command *command)
{
    struct iscsi_session *session = nexus->session;
    const struct scsi_task *task = &command->request.task;
    uint32_t bytes = iscsi_buffer_length((uint32_t)task->buffer_length);

    if (task->direction != SCSI_DATA_OUT &&
        iscsi_peer_is_busy(&session->portal->peers, session->peer))
        session->portal->deferred = true;
    else if (!command->unsolicited && iscsi_room_is_shared(nexus, bytes))
        /* From now on others have only their own room, or a long transfer would never begin. */
        session->portal->room_wanted = true;
}

static void begin(struct iscsi_command *command)
{
    struct iscsi_session *session = command->session;

    list_remove(&command->item.link);
    if (!iscsi_room_attach(command)) {
        iscsi_progress_refuse(command);
    } else if (command->state == COMMAND_RECEIVING) {
        iscsi_progress(command);
    } else {
        command->state = COMMAND_RUNNING;
        spd_request_mapped(&command->request);
    }
    /* An ORDERED command may have waited for this one. */
    session->portal->data_given_up = true;
}

void iscsi_transfer_serve(struct iscsi_portal *portal)
{
    portal->room_wanted = portal->room_freed = portal->deferred = false;
    /* Begins a command of a nexus, then one of the next, until all remaining ones must wait. These
     * stay at the head: they are the first in the next turn. */
    list_each(link, &portal->hungry) {
        struct iscsi_nexus *nexus = list_entry(link, struct iscsi_nexus, hungry);
        struct iscsi_command *first;

        if (list_empty(&nexus->waiting)) {
            list_remove(&nexus->hungry);
            continue;
        }
        first = list_entry(nexus->waiting.next, struct iscsi_command, item.link);
        if (!iscsi_room_may_begin(first)) {
            note(nexus, first);
            continue;
        }
        list_remove(&nexus->hungry);
        list_append(&portal->hungry, &nexus->hungry);
        begin(first);
    }
}
