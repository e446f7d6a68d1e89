/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Logins that wait. An initiator port that logs in again ends its former session (RFC 7143 6.3.5),
 * and a write of that one must not reach the medium after those of the new one. So the login waits
 * until the device has ended operations that may change the medium, but not for ever. Then it is
 * refused with a status after which initiators try again.
 *
 * Reads are left behind. A session with such reads keeps its memory until the device gives them
 * back, so there is a bound on what an initiator may leave behind.
 */

#include "doors/iscsi/waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doors/iscsi/command.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "os/os.h"

enum { TEXT_MAX = WAITING_TEXT_MAX - 32 };

/* A login waits for an obstacle. */
struct obstacle {
    bool session;      /* the former session has not ended */
    unsigned commands; /* its operation that may change the medium */
    bool mixed;        /* several kinds of operations */
    struct spd_held oldest;
    unsigned left; /* former sessions of the initiator with reads in the device */
    uint64_t left_bytes;
};

static void add_command(struct obstacle *obstacle, const struct iscsi_command *command)
{
    const struct spd_held *held = &command->request.held;
    struct spd_held *oldest = &obstacle->oldest;

    if (spd_request_is_left(&command->request))
        return;
    obstacle->mixed |= obstacle->commands++ > 0 && held->operation != oldest->operation;
    if (obstacle->commands == 1 || (held->operation != 0 && held->since < oldest->since))
        *oldest = *held;
}

static void find(const struct iscsi_connection *c, struct obstacle *obstacle)
{
    const struct iscsi_login_claims *claims = &c->login->claims;
    struct iscsi_portal *portal = c->portal;

    memset(obstacle, 0, sizeof *obstacle);
    list_each(link, &portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->connection || session->target != c->login->target ||
            strcmp(session->initiator, claims->initiator) != 0)
            continue;
        obstacle->left += session->left;
        obstacle->left_bytes += session->left ? session->room[ROOM_TRANSFER] : 0;
        if (session->left ||
            !iscsi_session_is(session, c->login->target, claims->initiator, c->login->isid))
            continue;
        obstacle->session = true;
        list_each(at, &session->active)
            add_command(obstacle, list_entry(at, struct iscsi_command, link));
    }
}

static bool is_full(const struct obstacle *obstacle)
{
    return obstacle->left >= ISCSI_LEFT_MAX || obstacle->left_bytes > ISCSI_SESSION_DATA_MAX;
}

static void describe(const struct obstacle *obstacle, char text[TEXT_MAX])
{
    static const char *const names[] = { "command", "read", "write", "flush", "unmap" };
    const struct spd_held *oldest = &obstacle->oldest;
    const char *name = obstacle->mixed ? "operation" : names[oldest->operation];
    const char *plural = obstacle->commands == 1 ? "" : "s";

    if (obstacle->commands == 0)
        snprintf(text, TEXT_MAX, "reads of its %u former sessions, which the device does not give "
            "back", obstacle->left);
    else if (oldest->operation == 0)
        snprintf(text, TEXT_MAX, "%u %s%s of its former session", obstacle->commands, name, plural);
    else
        snprintf(text, TEXT_MAX, "%u %s%s of its former session, LBA %" PRIu64 ", %" PRIu64 " s",
            obstacle->commands, name, plural, oldest->lba,
            (os_now_ns() - oldest->since) / 1000000000u);
}

bool iscsi_waiting_is_over(const struct iscsi_connection *c)
{
    struct obstacle obstacle;

    find(c, &obstacle);
    return !obstacle.session && !is_full(&obstacle);
}

void iscsi_waiting_begin(struct iscsi_connection *c)
{
    c->state = CONNECTION_WAITING;
    c->waiting_since = c->waiting_told = c->portal->loop.now;
}

uint16_t iscsi_waiting_tick(struct iscsi_connection *c, char why[WAITING_TEXT_MAX])
{
    static struct spd_log_limit limit = { .kind = "iscsi: logins that wait" };
    const struct iscsi_login_claims *claims = &c->login->claims;
    uint32_t now = c->portal->loop.now, waited = now - c->waiting_since;
    struct obstacle obstacle;
    char text[TEXT_MAX];
    bool first = c->waiting_told == c->waiting_since;

    find(c, &obstacle);
    describe(&obstacle, text);
    if (waited >= c->login->target->config.write_wait) {
        snprintf(why, WAITING_TEXT_MAX, "it waited %u s for %s", waited, text);
        return obstacle.commands == 0 ? LOGIN_OUT_OF_RESOURCES : LOGIN_UNAVAILABLE;
    }
    if (now - c->waiting_told >= (first ? ISCSI_WAIT_TOLD : ISCSI_WAIT_TOLD_AGAIN)) {
        c->waiting_told = now;
        spd_log_limited(&limit, c->host, SPD_LOG_WARNING,
            "iscsi: %s port %s, login of %s waits for %s", c->host, c->port, claims->initiator,
            text);
    }
    return LOGIN_SUCCESS;
}
