/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Room for data: bytes of buffers for a session, a peer and all together. */

#ifndef ISCSI_ROOM_H
#define ISCSI_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/peer.h"

struct iscsi_command;
struct iscsi_nexus;
struct iscsi_portal;
struct iscsi_session;

/* The limits of a loop, which is one of so many. */
void iscsi_room_init(struct iscsi_portal *portal, uint32_t threads);
/* Takes room for the session; false: there is none now. */
bool iscsi_room_take(struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes);
void iscsi_room_give(struct iscsi_session *session, enum iscsi_room kind, uint32_t bytes);
/* For transfers of the nexus: whether it lacks only room that all sessions share. */
bool iscsi_room_is_shared(const struct iscsi_nexus *nexus, uint32_t bytes);
/* A buffer for the command, also beyond all limits; false: the system has no memory. */
bool iscsi_room_buffer(struct iscsi_command *command, enum iscsi_room kind, uint32_t length);
/* A buffer for those of `length` bytes that may come unasked. */
bool iscsi_room_for_unsolicited(struct iscsi_command *command, uint32_t length);
void iscsi_room_drop(struct iscsi_command *command);
/* spd_request_ops.map: true when the command can go on at once. */
bool iscsi_room_map(struct iscsi_command *command);
/* Whether a command may have its buffer now, as the first waiting command of its nexus. */
bool iscsi_room_may_begin(const struct iscsi_command *command);
/* Gives it that. False: it has a fault, since the system has no memory. */
bool iscsi_room_attach(struct iscsi_command *command);
/* Whether a command of it holds room, and its data has not come for so many seconds. */
bool iscsi_room_is_idle(const struct iscsi_session *session, uint32_t seconds);

#endif
