/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The keys of a login: each may come once, in its stage (RFC 7143 6.2, 6.3, 12, 13). */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/name.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/target.h"

uint16_t iscsi_login_fault(struct iscsi_login *login, uint16_t status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(login->claims.why, sizeof login->claims.why, format, arguments);
    va_end(arguments);
    return status;
}

static uint16_t take_session_type(struct iscsi_login *login, const char *value)
{
    if (login->session_type)
        return iscsi_login_fault(login, LOGIN_INITIATOR_ERROR, "SessionType came twice");
    login->session_type = true;
    /* This key was read before all others. */
    return strcmp(value, "Normal") == 0 || strcmp(value, "Discovery") == 0 ? LOGIN_SUCCESS
                                                                           : LOGIN_SESSION_TYPE;
}

static uint16_t take_initiator(struct iscsi_login *login, const char *value)
{
    char name[ISCSI_NAME_MAX + 2]; /* a byte too many is a fault, whatever follows it */
    const char *wrong;

    if (login->initiator)
        return iscsi_login_fault(login, LOGIN_INITIATOR_ERROR, "InitiatorName came twice");
    login->initiator = true;
    snprintf(name, sizeof name, "%s", value);
    wrong = iscsi_name_fault(name);
    snprintf(login->claims.initiator, sizeof login->claims.initiator, "%.*s", ISCSI_NAME_MAX,
        name);
    return !wrong ? LOGIN_SUCCESS
                         : iscsi_login_fault(login, LOGIN_INITIATOR_ERROR,
                               "InitiatorName is no iSCSI name: %s", wrong);
}

static uint16_t take_target(struct iscsi_connection *c, const char *value)
{
    if (c->login->has_target)
        return iscsi_login_fault(c->login, LOGIN_INITIATOR_ERROR, "TargetName came twice");
    c->login->has_target = true;
    snprintf(c->login->claims.target, sizeof c->login->claims.target, "%s", value);
    return LOGIN_SUCCESS;
}

static bool lists(const char *list, const char *item)
{
    size_t length = strlen(item);

    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");

        if (n == length && memcmp(p, item, n) == 0)
            return true;
        p += n;
        p += *p == ',';
    }
    return false;
}

/* The number of the portal's targets that have accounts; *all: the number of targets. */
static unsigned count_guarded(const struct iscsi_portal *portal, unsigned *all)
{
    unsigned guarded = 0;

    *all = 0;
    list_each(link, &portal->targets) {
        guarded += list_entry(link, struct iscsi_target, link)->config.chap.count > 0;
        ++*all;
    }
    return guarded;
}

/* A discovery need not authenticate if a target needs no account. An unknown name is treated as a
 * guarded one: others learn nothing of that. */
bool iscsi_login_needs_chap(const struct iscsi_connection *c)
{
    const struct iscsi_login *login = c->login;
    unsigned all, guarded = count_guarded(c->portal, &all);

    if (login->params.discovery)
        return guarded > 0 && guarded == all;
    return login->wrong_target ? guarded > 0 : login->target->config.chap.count > 0;
}

bool iscsi_login_takes_chap(const struct iscsi_connection *c)
{
    unsigned all;

    return c->login->params.discovery && count_guarded(c->portal, &all) > 0;
}

static uint16_t take_method(
    struct iscsi_connection *c, const char *value, struct iscsi_text *answer)
{
    struct iscsi_login *login = c->login;
    bool chap = iscsi_login_needs_chap(c) || (iscsi_login_takes_chap(c) && lists(value, "CHAP"));
    const char *method = chap ? "CHAP" : "None";

    if (login->stage != STAGE_SECURITY || login->method != METHOD_UNKNOWN)
        return iscsi_login_fault(
            login, LOGIN_INITIATOR_ERROR, "AuthMethod came twice, or out of its stage");
    if (!lists(value, method))
        return iscsi_login_fault(
            login, LOGIN_AUTHENTICATION, "it offers AuthMethod=%s; %s is needed", value, method);
    login->method = chap ? METHOD_CHAP : METHOD_NONE;
    iscsi_text_put(answer, "AuthMethod", method);
    return LOGIN_SUCCESS;
}

/* The place for a CHAP key's value; NULL for any other key. */
static const char **chap_slot(struct iscsi_login *login, const char *key)
{
    const struct {
        const char *name;
        const char **slot;
    } rows[] = {
        { "CHAP_A", &login->chap_keys.algorithms },
        { "CHAP_N", &login->chap_keys.name },
        { "CHAP_R", &login->chap_keys.response },
        { "CHAP_I", &login->chap_keys.identifier },
        { "CHAP_C", &login->chap_keys.challenge },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, key) == 0)
            return rows[i].slot;
    return NULL;
}

static uint16_t take_key(struct iscsi_connection *c, const char *key, const char *value,
    struct iscsi_text *answer)
{
    struct iscsi_login *login = c->login;
    const char **slot = chap_slot(login, key);

    if (slot) {
        if (*slot || login->method != METHOD_CHAP || login->stage != STAGE_SECURITY)
            return iscsi_login_fault(
                login, LOGIN_INITIATOR_ERROR, "%s came twice, or out of its turn", key);
        *slot = value;
        if (slot == &login->chap_keys.name)
            snprintf(login->claims.user, sizeof login->claims.user, "%s", value);
        return LOGIN_SUCCESS;
    }
    if (strcmp(key, "InitiatorName") == 0)
        return take_initiator(login, value);
    if (strcmp(key, "TargetName") == 0)
        return take_target(c, value);
    if (strcmp(key, "SessionType") == 0)
        return take_session_type(login, value);
    if (strcmp(key, "AuthMethod") == 0)
        return take_method(c, value, answer);
    if (iscsi_key_offer(&login->params, PHASE_LOGIN, key, value, answer))
        return LOGIN_SUCCESS;
    return iscsi_login_fault(
        login, LOGIN_INITIATOR_ERROR, "%s=%s came twice, or has no such value", key, value);
}

/* The value of a key in a text that was not parsed yet; "" if it has none that ends. */
static const char *value_of(const char *text, uint32_t length, const char *key)
{
    size_t n = strlen(key);

    for (uint32_t i = 0; i + n < length; i++)
        if ((i == 0 || text[i - 1] == '\0') && memcmp(text + i, key, n) == 0 &&
            text[i + n] == '=' && memchr(text + i, '\0', length - i))
            return text + i + n + 1;
    return "";
}

/* The session's type and its target decide the meaning of other keys, at any place among them. */
static void look_ahead(struct iscsi_connection *c)
{
    struct iscsi_login *login = c->login;
    const char *text = login->text;
    uint32_t length = login->text_length;

    login->params.discovery = strcmp(value_of(text, length, "SessionType"), "Discovery") == 0;
    if (login->params.discovery)
        return;
    login->target = iscsi_target_find(c->portal, value_of(text, length, "TargetName"));
    login->wrong_target = !login->target;
}

uint16_t iscsi_login_take_keys(struct iscsi_connection *c, struct iscsi_text *answer)
{
    struct iscsi_login *login = c->login;
    uint32_t position = 0;
    char *key, *value, tag[sizeof "65535"];
    bool bad;

    memset(&login->chap_keys, 0, sizeof login->chap_keys);
    if (!login->named)
        look_ahead(c);
    while (iscsi_text_next(login->text, login->text_length, &position, &key, &value, &bad)) {
        uint16_t status = take_key(c, key, value, answer);

        if (status != LOGIN_SUCCESS)
            return status;
    }
    if (bad)
        return iscsi_login_fault(login, LOGIN_INITIATOR_ERROR, "its text is no list of key=value");
    if (!login->initiator || (!login->params.discovery && !login->has_target))
        return LOGIN_MISSING_PARAMETER;
    if (!login->named && login->target) {
        snprintf(tag, sizeof tag, "%u", login->target->port->relative_port);
        iscsi_text_put(answer, "TargetPortalGroupTag", tag);
    }
    login->named = true;
    return LOGIN_SUCCESS;
}
