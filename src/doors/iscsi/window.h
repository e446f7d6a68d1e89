/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The command window, and the order of requests by CmdSN (RFC 7143 4.2.2.1). */

#ifndef ISCSI_WINDOW_H
#define ISCSI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct iscsi_command;
struct iscsi_session;

/* The turn of a request by its CmdSN. */
enum iscsi_order {
    ORDER_NOW,
    ORDER_LATER, /* within the window, but others are missing before it */
    ORDER_NEVER, /* outside the window: ignore it (RFC 7143 4.2.2.1) */
};
enum iscsi_order iscsi_window_order(const struct iscsi_session *session, const uint8_t *bhs);
/* Whether the command waits for an ORDERED one, or is ORDERED and waits for others. */
bool iscsi_window_bars(const struct iscsi_session *session, const uint8_t *bhs);
/* Keeps a request until its turn comes: iscsi_deliver_held(). */
void iscsi_window_hold(struct iscsi_session *session, struct iscsi_command *command);
/* Counts a request that takes effect now. */
void iscsi_window_advance(struct iscsi_session *session, const uint8_t *bhs);
/* Offers as many places in the window as there is room for, before a PDU tells the initiator. */
void iscsi_window_offer(struct iscsi_session *session);

#endif
