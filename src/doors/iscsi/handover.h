/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A connection moves to the loop of its session. It does so once, at the end of its login, when the
 * initiator waits for the answer: nothing of the connection runs, and its next bytes are an error.
 * The loop that sends it does so at the end of a turn, since events of that turn may name it.
 */

#ifndef ISCSI_HANDOVER_H
#define ISCSI_HANDOVER_H

struct iscsi_connection;
struct iscsi_portal;

/* Sends the connections whose entry in the roster names another loop. */
void iscsi_handover_send(struct iscsi_portal *portal);
/* The other loop takes the connection, and ends its login. */
void iscsi_handover_take(struct iscsi_portal *portal, struct iscsi_connection *c);

#endif
