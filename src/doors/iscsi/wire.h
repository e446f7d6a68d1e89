/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * How a connection ends, for everything above that finds a reason. A dropped connection stays in
 * memory until the end of the turn, since callers up the stack may still hold it.
 */

#ifndef ISCSI_WIRE_H
#define ISCSI_WIRE_H

#include "lib/session_log.h"

struct iscsi_connection;

/* Closes the socket now; iscsi_connection_reap() frees the rest at the end of the turn. detail:
 * what the ending does not say, or NULL. Does nothing to one that was dropped. */
void iscsi_wire_drop(struct iscsi_connection *c, enum spd_ending ending, const char *detail);
/* Closes after everything that is queued was sent. */
void iscsi_wire_close(struct iscsi_connection *c);
/* Tells the log that its session begins. */
void iscsi_wire_begins(const struct iscsi_connection *c);
/* Tells the log why it ends, which later endings do not change. */
void iscsi_wire_ends(struct iscsi_connection *c, enum spd_ending ending, const char *detail);

#endif
