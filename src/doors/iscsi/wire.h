/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Ends a connection, for all callers above that have a reason. A dropped connection stays in
 * memory until the end of the turn, since callers up the stack may still hold it.
 */

#ifndef ISCSI_WIRE_H
#define ISCSI_WIRE_H

#include "lib/session_log.h"

struct iscsi_connection;

/* Closes the socket now; iscsi_connection_reap() frees the rest at the end of the turn. detail:
 * more than the ending says, or NULL. Does nothing to a dropped connection. */
void iscsi_wire_drop(struct iscsi_connection *c, enum spd_ending ending, const char *detail);
/* Closes after the whole queue was sent. */
void iscsi_wire_close(struct iscsi_connection *c);
/* Tells the log that its session begins. */
void iscsi_wire_begins(const struct iscsi_connection *c);
/* Logs the reason for its end, which later endings do not change. */
void iscsi_wire_ends(struct iscsi_connection *c, enum spd_ending ending, const char *detail);

#endif
