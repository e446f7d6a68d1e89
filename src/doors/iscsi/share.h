/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Shares bound the connections of a peer. If a share or all places are taken, a newcomer may get
 * the place of the oldest connection that has not logged in or done anything. The peer that has
 * most loses it. So a peer that asks for everything takes it from itself.
 */

#ifndef ISCSI_SHARE_H
#define ISCSI_SHARE_H

#include <stdbool.h>

#include "doors/iscsi/peer.h"

/* Sets the totals, which depend on how many descriptors the process may open. part: this loop has
 * the whole divided by it. */
void iscsi_share_init(struct iscsi_peers *peers, uint32_t part);
/* Whether a further connection may come; another may have been dropped for it. */
bool iscsi_share_admit(struct iscsi_peers *peers, struct iscsi_peer *peer, enum iscsi_share share);
/* Without free descriptors, drops a connection that has not logged in; false: there is none. */
bool iscsi_share_evict_login(struct iscsi_peers *peers);

#endif
