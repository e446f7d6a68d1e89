/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Transfers: when a command gets the room for its data. */

#ifndef ISCSI_TRANSFER_H
#define ISCSI_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

struct command;
struct iscsi_door;
struct session;

/* spd_request_ops.map: true when the command can go on at once. */
bool transfer_map(struct command *command);
/* Begins commands that waited, as far as there is room for them now. */
void transfer_serve(struct iscsi_door *door);
/* Whether it keeps room for data that it has not sent for so many seconds. */
bool transfer_is_idle(const struct session *session, uint32_t seconds);

#endif
