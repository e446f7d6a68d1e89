/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The sessions of all doors of the process that have begun and have not ended, for
 * spd_sessions(). A session begins and ends seldom, so that a lock and a list are enough. */

#ifndef SPD_LIB_SESSIONS_H
#define SPD_LIB_SESSIONS_H

#include "lib/door.h"

/* key: the door's object, which tells the session from others. uri, what: live as long as the
 * session. A session that finds no memory is not in the list. */
void spd_sessions_add(const void *key, const char *uri, const char *what, const char *who);
/* Also for one that was never added. */
void spd_sessions_remove(const void *key);

#endif
