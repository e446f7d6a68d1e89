/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The sessions of all loops of a portal. A session belongs to the thread of one loop, which alone
 * knows its commands. Other loops need a few facts: whose an InitiatorName is, how many sessions a
 * peer has, and on which loop an initiator port is. The roster has these, under a lock that no
 * command takes, save the first one of a session.
 *
 * The portal's first loop enters a session at the end of its login, and chooses its loop. Sessions
 * of one initiator port are always on one loop, so a session that is begun anew meets the former
 * one there. Another initiator port gets the loop with the fewest sessions.
 */

#ifndef ISCSI_ROSTER_H
#define ISCSI_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "lib/session_log.h"
#include "os/net.h"
#include "os/os.h"

struct iscsi_connection;
struct iscsi_nexus;
struct iscsi_portal;
struct iscsi_session;
struct iscsi_target;

struct iscsi_roster {
    os_mutex lock; /* guards the rest, all entries, and the claims of all units */
    struct list entries; /* the oldest first */
    uint16_t next_tsih;
    uint32_t most; /* sessions of all peers */
};

/* The reason for which a session is dropped: as wire.h has it. */
struct iscsi_doom {
    enum spd_ending ending;
    const char *detail;
};

/* A session, or a login that waits for a former one to end. */
struct iscsi_entry {
    struct list link;
    struct iscsi_portal *portal; /* its loop */
    const struct iscsi_target *target; /* the first loop's; NULL: a discovery session */
    const char *account;               /* the proven account; NULL: no CHAP */
    char initiator[ISCSI_NAME_MAX + 1];
    uint8_t isid[6];
    uint8_t network[OS_NETWORK]; /* its peer */
    uint16_t tsih;
    uint16_t cid;
    bool seated;      /* the session has begun */
    bool used;        /* it has had a command */
    bool ended;       /* it has lost its connection */
    bool left;        /* and none of its tasks can change the medium any more */
    bool doomed;      /* its loop will drop it */
    struct iscsi_doom doom;
};

void iscsi_roster_init(struct iscsi_roster *roster);
void iscsi_roster_destroy(struct iscsi_roster *roster);

/* The first loop: enters the session that the connection's login asks for, with its loop and its
 * TSIH. NULL: not enough memory. */
struct iscsi_entry *iscsi_roster_enter(const struct iscsi_connection *c);
/* Takes it out and frees it; NULL does nothing. */
void iscsi_roster_leave(struct iscsi_entry *entry);

/* Its session begins, if there is a place for it. An unused session of another peer may lose its
 * place. The reason why there is none; NULL: it has one. */
const char *iscsi_roster_seat(struct iscsi_entry *entry);
/* Its session has had a command, has lost its connection, or has left. */
void iscsi_roster_use(struct iscsi_entry *entry);
void iscsi_roster_end(struct iscsi_entry *entry);
void iscsi_roster_let_go(struct iscsi_entry *entry);

/* The session of the login's initiator port that has a connection; false: there is none. */
bool iscsi_roster_find(const struct iscsi_connection *c, uint16_t *tsih, uint16_t *cid);
/* The account that has the login's InitiatorName at its target; NULL: none. The account is the
 * target's. */
const char *iscsi_roster_owner(const struct iscsi_connection *c);
/* The nexus goes with its session: its registration stays its account's. */
void iscsi_roster_keep_claim(const struct iscsi_nexus *nexus);

/* Another InitiatorName has a session with the session's target. */
bool iscsi_roster_has_others(const struct iscsi_session *session);
/* All other sessions with the session's target will be dropped, each by its loop. */
void iscsi_roster_doom_others(const struct iscsi_session *session, enum spd_ending ending);
/* Whether the loop has to drop the session, and why. */
bool iscsi_roster_is_doomed(const struct iscsi_entry *entry, struct iscsi_doom *why);

#endif
