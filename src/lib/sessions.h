/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The sessions of all doors of the process that have begun and have not ended, for
 * spd_sessions(). A session begins and ends seldom, so that a lock and a list are enough. */

#ifndef SPD_LIB_SESSIONS_H
#define SPD_LIB_SESSIONS_H

#include "lib/door.h"
#include "os/net.h"

/* key: the door's object, which tells the session from others. socket: NULL, or its connection.
 * uri, what: live as long as the session. A session that finds no memory is not in the list. */
void spd_sessions_add(const void *key, const os_socket *socket, const char *uri, const char *what,
    const char *who);
/* Comes before the connection is closed, also for a session that was never added. True: it was
 * dropped. */
bool spd_sessions_remove(const void *key);

#endif
