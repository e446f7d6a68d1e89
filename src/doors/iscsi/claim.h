/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Whose an InitiatorName is. By CHAP an initiator proves an account, while sessions, reservations
 * and registrations go by its name, which anybody can send. So a name belongs to an account: to
 * those that the secrets file binds it to, or else to the one that used it first, for as long as a
 * session or a persistent reservation's registration of it exists.
 */

#ifndef ISCSI_CLAIM_H
#define ISCSI_CLAIM_H

#include <stdint.h>

#include "doors/iscsi/limits.h"

struct iscsi_nexus;
struct iscsi_target;

/* An initiator port that is registered and has, or had, no session any more. */
struct iscsi_claim {
    uint64_t port;       /* scsi_nexus.initiator; 0: this place is free */
    const char *account; /* one of the target's accounts */
    char initiator[ISCSI_NAME_MAX + 1];
};

/* The account that has the name at this target; NULL: nobody has. */
const char *iscsi_claim_owner(const struct iscsi_target *target, const char *initiator);

/* The nexus goes with its session: what it registered goes on being its account's. */
void iscsi_claim_keep(const struct iscsi_nexus *nexus);

#endif
