/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Shares: how many connections one peer may have. Where a share or all places are taken, a newcomer
 * may have the place of the oldest that has not come far; it is taken from the peer that has most.
 * So a peer that asks for everything takes it from itself.
 */

#ifndef ISCSI_SHARE_H
#define ISCSI_SHARE_H

#include <stdbool.h>

#include "doors/iscsi/peer.h"

/* Sets the totals, which depend on how many descriptors the process may open. */
void iscsi_share_init(struct iscsi_peers *peers);
/* Whether one more may come; another connection may have been dropped for it. */
bool iscsi_share_admit(struct iscsi_peers *peers, struct iscsi_peer *peer, enum iscsi_share share);
/* For want of descriptors drops a connection that has not logged in; false: there is none. */
bool iscsi_share_evict_login(struct iscsi_peers *peers);

#endif
