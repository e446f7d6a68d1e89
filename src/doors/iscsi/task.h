/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Task management: RFC 7143 11.5, 11.6. */

#ifndef ISCSI_TASK_H
#define ISCSI_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/list.h"

struct iscsi_command;
struct iscsi_connection;
struct iscsi_door;
struct iscsi_portal;
struct iscsi_reply;
struct iscsi_session;

/* A task management function whose tasks have not all ended yet. */
struct iscsi_task_wait {
    struct list link; /* portal's */
    struct iscsi_session *session;
    const struct iscsi_command *command; /* ABORT TASK: this task; NULL: all aborted ones */
    bool whole_target; /* all initiators' tasks, of all its units */
    const struct iscsi_door *door; /* those of this unit; NULL: not of all initiators */
    uint32_t round; /* door: of its unit's other doors, too */
    bool closes; /* the reply is the connection's last */
    bool logout; /* it answers one */
    struct iscsi_reply *reply;
};

void iscsi_task_request(struct iscsi_connection *c, const uint8_t *bhs);
/* Ends the session's tasks; the reply is sent, as the connection's last, when they have ended. */
void iscsi_task_logout(struct iscsi_connection *c, struct iscsi_reply *reply);
/* The session has no connection any more: it gets no answers. */
void iscsi_task_forget(struct iscsi_session *session);
/* At the end of a turn: looks at other doors' rounds, and answers functions whose tasks have
 * ended. */
void iscsi_task_look(struct iscsi_portal *portal);
/* The unit goes. Answers functions that wait for its tasks: there is no such logical unit. Its
 * commands get the same answer, when the device has ended them. */
void iscsi_task_lose(struct iscsi_door *door);
/* Whether an aborted task of it may still change the medium. */
bool iscsi_task_any_changes(const struct iscsi_session *session);

#endif
