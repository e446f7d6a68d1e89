/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Sessions of all doors, as the operator reads of them: who has come, by which door, and when and
 * why it has gone, in a line each. The lines of one peer are limited as those of log.h are, so that
 * a peer that comes and goes all the time cannot fill the log.
 */

#ifndef SPD_LIB_SESSION_LOG_H
#define SPD_LIB_SESSION_LOG_H

#include "lib/door.h"

/* Why a session has ended, or a connection before it became one. */
enum spd_ending {
    SPD_END_LOGOUT,
    SPD_END_CLOSED,     /* by the peer, and without a word */
    SPD_END_LOST,       /* the network, or the system, says so */
    SPD_END_REINSTATED, /* the same initiator port began another one */
    SPD_END_TIMEOUT,
    SPD_END_PROTOCOL,
    SPD_END_SHARE,   /* it had more than others leave it */
    SPD_END_NO_ROOM, /* this system lacks memory or the like */
    SPD_END_RESET,
    SPD_END_REMOVED, /* an eject, or all of the adapter goes */
    SPD_END_STOPPED,
    SPD_END_REFUSED, /* a line of its own has told it */
    SPD_ENDINGS,
};

struct spd_visitor {
    const struct spd_door *door;
    const char *what; /* "session", ... */
    const char *who;  /* address or process, and name: may be the peer's words */
    const char *peer; /* whom its lines are counted for: log.h */
};

void spd_session_begins(const struct spd_visitor *visitor);
/* seconds: how long it lasted. detail: what the ending does not say, or NULL. */
void spd_session_ends(const struct spd_visitor *visitor, uint64_t seconds, enum spd_ending ending,
    const char *detail);

/* "it broke the protocol" */
const char *spd_ending_text(enum spd_ending ending);

#endif
