/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The nexus of a session with a unit of its target (I_T_L, SAM-5 4.8). Unit attentions, the order
 * of tasks and shares are a logical unit's own. It is made when the session begins or the unit
 * comes, so that a command finds it by its LUN with one look into the session's table.
 */

#ifndef ISCSI_NEXUS_H
#define ISCSI_NEXUS_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/list.h"
#include "scsi/scsi.h"

struct iscsi_command;
struct iscsi_door;
struct iscsi_session;

struct iscsi_nexus {
    struct scsi_nexus scsi; /* first */
    struct iscsi_session *session;
    struct iscsi_door *door;
    uint32_t depth;   /* commands that the unit takes of one initiator */
    uint32_t running; /* commands that the unit has */
    uint32_t windowed; /* the ones that take a place in the command window */
    uint32_t room;    /* ROOM_TRANSFER of these, in bytes */
    struct iscsi_command
        *barrier; /* ORDERED: while it waits for its data nothing after it begins */
    struct list waiting; /* commands' item.link, in the order of their arrival and begin */
    struct list hungry;  /* portal's hungry, while `waiting` is not empty */
    bool lost;    /* the engine knows that the session has ended */
    bool counted; /* in its door's nexuses */
};

/* The nexus of a session with a unit. NULL: not enough memory. */
struct iscsi_nexus *iscsi_nexus_new(struct iscsi_session *session, struct iscsi_door *door);
/* It has no running command. */
void iscsi_nexus_free(struct iscsi_nexus *nexus);
/* The session has lost its connection. */
void iscsi_nexus_uncount(struct iscsi_nexus *nexus);
/* None of the nexus's tasks can change the medium any more, and the session has ended. */
void iscsi_nexus_lose(struct iscsi_nexus *nexus);
/* The unit is done with the command, which has a nexus. */
void iscsi_nexus_leave(struct iscsi_command *command);

/* The session's nexus with the unit at this LUN, a LUN field's 8 bytes; NULL: there is none, or it
 * goes. */
struct iscsi_nexus *iscsi_nexus_find(const struct iscsi_session *session, const uint8_t *lun);
/* Its first nexus, by LUN, that does not go; NULL: there is none. */
struct iscsi_nexus *iscsi_nexus_first(const struct iscsi_session *session);
/* The session's answer to REPORT LUNS has changed, or was reported. */
void iscsi_nexus_luns_changed(struct iscsi_session *session);
void iscsi_nexus_luns_reported(struct iscsi_session *session);

#endif
