/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator's lines about refused logins. The reason comes before the names: the initiator
 * chooses these, and they may fill the line. */

#include "doors/iscsi/refusal.h"

#include "doors/iscsi/connection.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/pdu.h"
#include "lib/door.h"

/* RFC 7143 11.13.5 */
static const struct {
    uint16_t status;
    const char *text;
} statuses[] = {
    { LOGIN_INITIATOR_ERROR, "it breaks the protocol" },
    { LOGIN_AUTHENTICATION, "it does not authenticate" },
    { LOGIN_FORBIDDEN, "it may not use this target" },
    { LOGIN_NOT_FOUND, "there is no such target here" },
    { LOGIN_VERSION, "version 0 of iSCSI is the only one" },
    { LOGIN_TOO_MANY_CONNECTIONS, "a session has one connection" },
    { LOGIN_MISSING_PARAMETER, "InitiatorName or TargetName is missing" },
    { LOGIN_SESSION_TYPE, "SessionType is neither Normal nor Discovery" },
    { LOGIN_NO_SESSION, "the session that it wants to join is not there" },
    { LOGIN_INVALID_DURING_LOGIN, "a request that no login has" },
    { LOGIN_UNAVAILABLE, "the target is not available now" },
    { LOGIN_OUT_OF_RESOURCES, "there is no room for it now" },
};

static const char *text_of(uint16_t status)
{
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "no reason is known";
}

void iscsi_refusal_report(const struct iscsi_connection *c, uint16_t status, const char *why)
{
    static struct spd_log_limit limit = { .kind = "iscsi: refused logins" };
    const struct iscsi_login_claims *claims = &c->login->claims;

    spd_log_limited(&limit, c->host, SPD_LOG_WARNING,
        "iscsi: %s port %s, login refused (%04Xh): %s; initiator '%s', target '%s'%s%s%s", c->host,
        c->port, status, !why || *why == '\0' ? text_of(status) : why, claims->initiator,
        claims->target, *claims->user == '\0' ? "" : ", user '", claims->user,
        *claims->user == '\0' ? "" : "'");
}
