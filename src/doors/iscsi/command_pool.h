/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A session's commands: their memory, and how they are found by their task tag. */

#ifndef ISCSI_COMMAND_POOL_H
#define ISCSI_COMMAND_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/session.h"

/* Memory for the session's first commands; more is made when it is needed. False: not enough. What
 * was made is freed with command_pool_free() in either case. */
bool command_pool_make(struct session *session);
void command_pool_free(struct session *session);

static inline struct command *command_at(const struct session *session, uint32_t index)
{
    return &session->chunks[index / ISCSI_COMMANDS_CHUNK][index % ISCSI_COMMANDS_CHUNK];
}

/* length: of its data segment. NULL when there is no place for it: then it is an immediate one too
 * many. */
struct command *command_new(struct session *session, const uint8_t *bhs, uint32_t length);
void command_end(struct command *command); /* frees; its answer was sent, or is not wanted */
/* That with this task tag, the newest of several; NULL: there is none. */
struct command *command_find(struct session *session, uint32_t itt);

#endif
