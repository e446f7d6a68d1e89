/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The reason comes before the names: the peer chooses these, and they may fill the line. */

#include "lib/session_log.h"
#include "lib/sessions.h"

#include <inttypes.h>

/* An orderly end is information. */
static const struct {
    const char *text;
    int level;
} endings[SPD_ENDINGS] = {
    [SPD_END_LOGOUT] = { "it logged out", SPD_LOG_INFO },
    [SPD_END_CLOSED] = { "it closed the connection", SPD_LOG_INFO },
    [SPD_END_LOST] = { "its connection failed", SPD_LOG_WARNING },
    [SPD_END_REINSTATED] = { "its initiator logged in again", SPD_LOG_INFO },
    [SPD_END_TIMEOUT] = { "it let a time limit pass", SPD_LOG_WARNING },
    [SPD_END_PROTOCOL] = { "it broke the protocol", SPD_LOG_WARNING },
    [SPD_END_SHARE] = { "it had to make room for others", SPD_LOG_WARNING },
    [SPD_END_NO_ROOM] = { "this system has no room for it", SPD_LOG_WARNING },
    [SPD_END_RESET] = { "an initiator reset the target", SPD_LOG_INFO },
    [SPD_END_REMOVED] = { "the system removed the disk", SPD_LOG_INFO },
    [SPD_END_STOPPED] = { "the server stops", SPD_LOG_INFO },
    [SPD_END_DROPPED] = { "the operator dropped it", SPD_LOG_INFO },
    [SPD_END_REFUSED] = { "it was refused", SPD_LOG_INFO },
};

const char *spd_ending_text(enum spd_ending ending)
{
    return endings[ending].text;
}

/* A door of a test may have none. */
static const char *name_of(const struct spd_door *door)
{
    return door->uri ? door->uri : door->ops->scheme;
}

void spd_session_begins(const struct spd_visitor *visitor)
{
    static struct spd_log_limit limit = { .kind = "sessions that began" };

    spd_sessions_add(visitor->session, visitor->socket, name_of(visitor->door), visitor->what,
        visitor->who);
    spd_log_limited(&limit, visitor->peer, SPD_LOG_INFO, "%s: a %s begins: %s",
        name_of(visitor->door), visitor->what, visitor->who);
}

void spd_session_ends(const struct spd_visitor *visitor, uint64_t seconds, enum spd_ending ending,
    const char *detail)
{
    static struct spd_log_limit limit = { .kind = "sessions that ended" };

    if (spd_sessions_remove(visitor->session)) {
        ending = SPD_END_DROPPED;
        detail = NULL;
    }
    spd_log_limited(&limit, visitor->peer, endings[ending].level,
        "%s: a %s ends after %" PRIu64 " s, %s%s%s%s: %s", name_of(visitor->door), visitor->what,
        seconds, endings[ending].text, detail ? " (" : "", detail ? detail : "",
        detail ? ")" : "", visitor->who);
}
