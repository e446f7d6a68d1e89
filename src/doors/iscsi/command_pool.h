/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A session's commands: their memory, and the search by their task tag. */

#ifndef ISCSI_COMMAND_POOL_H
#define ISCSI_COMMAND_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/session.h"
#include "scsi/be.h"

/* Without a command so far. False: not enough memory. Free it with iscsi_command_pool_free() in
 * either case. */
bool iscsi_command_pool_make(struct iscsi_session *session);
/* The session may run so many commands more, of a new unit of its target. */
bool iscsi_command_pool_widen(struct iscsi_session *session, uint32_t depth);
void iscsi_command_pool_free(struct iscsi_session *session);

static inline struct iscsi_command *iscsi_command_at(
    const struct iscsi_session *session, uint32_t index)
{
    return &session->chunks[index / ISCSI_COMMANDS_CHUNK][index % ISCSI_COMMANDS_CHUNK];
}

/* length: of its data segment. NULL when there is no place for it: then it is an immediate one too
 * many. */
struct iscsi_command *iscsi_command_new(
    struct iscsi_session *session, const uint8_t *bhs, uint32_t length);
/* Frees: its answer was sent, or is not wanted. */
void iscsi_command_end(struct iscsi_command *command);

/* The chain of a task tag. Initiators count tags up, shift them, or use addresses: the
 * high bits of the product depend on all of their bits. */
static inline struct list *iscsi_command_tags(const struct iscsi_session *session, uint32_t itt)
{
    return &session->tags[itt * 0x9e3779b1u >> (32 - SESSION_TAGS_SHIFT)];
}

/* The command with this task tag, the newest of several; NULL: there is none. */
static inline struct iscsi_command *iscsi_command_find(struct iscsi_session *session, uint32_t itt)
{
    list_each(link, iscsi_command_tags(session, itt)) {
        struct iscsi_command *command = list_entry(link, struct iscsi_command, tag);

        if (be32_get(command->bhs + BHS_ITT) == itt)
            return command;
    }
    return NULL;
}

#endif
