/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Task management: RFC 7143 11.5, 11.6. */

#ifndef ISCSI_TASK_H
#define ISCSI_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/list.h"

struct command;
struct connection;
struct iscsi_door;
struct reply;
struct session;

/* A task management function whose tasks have not all ended yet. */
struct task_wait {
    struct list link; /* door's */
    struct session *session;
    const struct command *command; /* ABORT TASK: this one; NULL: all that are aborted */
    bool all_sessions;
    uint32_t round; /* all_sessions: of the other doors, too */
    bool closes; /* the reply is the connection's last */
    bool logout; /* it answers one */
    struct reply *reply;
};

void task_request(struct connection *c, const uint8_t *bhs);
/* Ends the session's tasks; the reply is sent, as the connection's last, when they have ended. */
void task_logout(struct connection *c, struct reply *reply);
/* The session has no connection any more: nothing of it is answered. */
void task_forget(struct session *session);
/* At the end of a turn: looks at what other doors ask for and have done, and answers functions
 * whose tasks have ended. */
void task_look(struct iscsi_door *door);
/* Whether a task of it that was aborted may still change the medium. */
bool task_any_changes(const struct session *session);

#endif
