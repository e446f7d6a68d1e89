/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The operator's view of the sessions of all doors. A line tells when an initiator has come, and by
 * which door; another tells when and why it has gone. The lines of a peer are limited as in log.h,
 * so a peer that comes and goes all the time cannot fill the log.
 */

#ifndef SPD_LIB_SESSION_LOG_H
#define SPD_LIB_SESSION_LOG_H

#include "lib/door.h"
#include "os/net.h"

/* The reasons for which a session ends, or a connection before it becomes a session. */
enum spd_ending {
    SPD_END_LOGOUT,
    SPD_END_CLOSED,     /* the peer closed it, and said nothing */
    SPD_END_LOST,       /* the network, or the system, says so */
    SPD_END_REINSTATED, /* the same initiator port began another one */
    SPD_END_TIMEOUT,
    SPD_END_PROTOCOL,
    SPD_END_SHARE,   /* others needed its place */
    SPD_END_NO_ROOM, /* this system lacks memory or another resource */
    SPD_END_RESET,
    SPD_END_REMOVED, /* an eject, or the whole adapter goes */
    SPD_END_STOPPED,
    SPD_END_DROPPED, /* spd_session_drop() */
    SPD_END_REFUSED, /* another line has told it */
    SPD_ENDINGS,
};

struct spd_visitor {
    const struct spd_door *door;
    const char *what; /* "session", ... */
    const char *who;  /* address or process, and name: the peer may choose the text */
    const char *peer; /* the peer for which its lines are counted: log.h */
    const void *session; /* the door's object, the same at the begin and at the end */
    /* NULL, or the connection: cut, it ends the session. It is closed after the end. */
    const os_socket *socket;
};

void spd_session_begins(const struct spd_visitor *visitor);
/* seconds: its duration. detail: more than the ending says, or NULL. */
void spd_session_ends(const struct spd_visitor *visitor, uint64_t seconds, enum spd_ending ending,
    const char *detail);

/* "it broke the protocol" */
const char *spd_ending_text(enum spd_ending ending);

#endif
