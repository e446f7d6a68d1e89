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
void share_init(struct peers *peers);
/* Whether one more may come; another connection may have been dropped for it. */
bool share_admit(struct peers *peers, struct peer *peer, enum share share);
/* For want of descriptors drops a connection that has not logged in; false: there is none. */
bool share_evict_login(struct peers *peers);

#endif
