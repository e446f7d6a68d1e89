/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Whose an InitiatorName is. With CHAP an initiator proves an account, but sessions, reservations
 * and registrations go by its name, which anybody can send. So a name belongs to the accounts to
 * which the secrets file binds it. Otherwise it belongs to the account that used it first, while it
 * has a session or a persistent reservation's registration.
 */

#ifndef ISCSI_CLAIM_H
#define ISCSI_CLAIM_H

#include <stdint.h>

#include "doors/iscsi/limits.h"

struct iscsi_nexus;
struct iscsi_target;

/* A registered initiator port that has no session any more. */
struct iscsi_claim {
    uint64_t port;       /* scsi_nexus.initiator; 0: this place is free */
    const char *account; /* one of the target's accounts */
    char initiator[ISCSI_NAME_MAX + 1];
};

/* Both need the roster's lock, and roster.c calls them. */

/* The account that has the name at this target by a registration; NULL: none. The thread of the
 * target's loop, the first one. */
const char *iscsi_claim_owner(const struct iscsi_target *target, const char *initiator);

/* The nexus goes with its session: its registration stays its account's. */
void iscsi_claim_keep(const struct iscsi_nexus *nexus);

#endif
