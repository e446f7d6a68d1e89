/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Room for data: how many bytes a session, a peer and all together may have buffers for. */

#ifndef ISCSI_ROOM_H
#define ISCSI_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/peer.h"

struct command;
struct session;

/* For the session; false: there is none now. */
bool room_take(struct session *session, enum room kind, uint32_t bytes);
void room_give(struct session *session, enum room kind, uint32_t bytes);
/* Whether room_take() would. */
bool room_is_there(const struct session *session, enum room kind, uint32_t bytes);
/* Whether it lacks nothing but what all sessions share. */
bool room_is_shared(const struct session *session, enum room kind, uint32_t bytes);
/* A buffer for the command, also beyond all limits; false: the system has no memory. */
bool room_buffer(struct command *command, enum room kind, uint32_t length);
/* Such a buffer for those of `length` bytes that may come before they are asked for. */
bool room_for_unsolicited(struct command *command, uint32_t length);
void room_drop(struct command *command);

#endif
