/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Login: RFC 7143 6.3, 11.12, 11.13. */

#include "doors/iscsi/login.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/chap.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/refusal.h"
#include "doors/iscsi/roster.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/share.h"
#include "doors/iscsi/target.h"
#include "doors/iscsi/waiting.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "os/os.h"
#include "scsi/be.h"

struct iscsi_login *iscsi_login_new(void)
{
    struct iscsi_login *login = calloc(1, sizeof *login);

    if (login)
        iscsi_params_init(&login->params);
    return login;
}

void iscsi_login_free(struct iscsi_login *login)
{
    if (!login)
        return;
    os_wipe(&login->chap, sizeof login->chap);
    free(login->text);
    free(login);
}

static bool keep_text(struct iscsi_login *login, const char *text, uint32_t length)
{
    char *grown;

    if (length == 0)
        return true;
    grown = realloc(login->text, login->text_length + length);
    if (!grown)
        return false;
    memcpy(grown + login->text_length, text, length);
    login->text = grown;
    login->text_length += length;
    return true;
}

static struct iscsi_reply *respond(
    struct iscsi_connection *c, uint8_t flags, uint16_t status, uint32_t length)
{
    const struct iscsi_login *login = c->login;
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_LOGIN_RESPONSE, length);

    if (!reply)
        return NULL;
    reply->plain = true;
    reply->bhs[BHS_FLAGS] = flags;
    memcpy(reply->bhs + LOGIN_ISID, login->isid, 6);
    be16_put(reply->bhs + LOGIN_TSIH, c->session ? c->session->tsih : login->tsih);
    memcpy(reply->bhs + BHS_ITT, login->itt, 4);
    be32_put(reply->bhs + BHS_EXP_CMD_SN, login->cmd_sn);
    be32_put(reply->bhs + BHS_MAX_CMD_SN, login->cmd_sn);
    be16_put(reply->bhs + LOGIN_STATUS, status);
    return reply;
}

static void send_refusal(struct iscsi_connection *c, uint16_t status)
{
    struct iscsi_reply *reply = respond(c, 0, status, 0);

    if (!reply)
        return;
    iscsi_send_queue(c, &reply->item);
    iscsi_wire_close(c);
}

/* Guesses of a secret or a name are as slow as one a second, however many connections make them.
 * Only wrong guesses wait. */
static void delay_refusal(struct iscsi_connection *c, uint16_t status)
{
    uint32_t now = c->portal->loop.now, before = c->peer->refused_until;

    c->login->refusal = status;
    c->state = CONNECTION_DELAYED;
    c->peer->refused_until = ((int32_t)(before - now) > 0 ? before : now) + ISCSI_REFUSAL_SECONDS;
    c->deadline = c->peer->refused_until;
}

void iscsi_login_refuse_late(struct iscsi_connection *c)
{
    send_refusal(c, c->login->refusal);
}

void iscsi_login_refuse(struct iscsi_connection *c, uint16_t status, const char *why)
{
    iscsi_refusal_report(c, status, why);
    iscsi_wire_ends(c, SPD_END_REFUSED, NULL);
    if (status == LOGIN_AUTHENTICATION || status == LOGIN_FORBIDDEN)
        delay_refusal(c, status);
    else
        send_refusal(c, status);
}

void iscsi_login_begin(struct iscsi_connection *c, const uint8_t *bhs)
{
    struct iscsi_login *login = c->login;

    if (login->begun)
        return;
    login->begun = true;
    iscsi_peer_hold(c, HOLD_LOGIN);
    login->stage = bhs[BHS_FLAGS] >> 2 & 3;
    memcpy(login->isid, bhs + LOGIN_ISID, 6);
    memcpy(login->itt, bhs + BHS_ITT, 4);
    login->tsih = be16_get(bhs + LOGIN_TSIH);
    login->cmd_sn = be32_get(bhs + BHS_CMD_SN);
    c->cid = be16_get(bhs + LOGIN_CID);
}

/* Fields that must be the same in all requests of a login. False: refused. */
static bool check_header(struct iscsi_connection *c, const uint8_t *bhs)
{
    struct iscsi_login *login = c->login;
    uint8_t flags = bhs[BHS_FLAGS], stage = flags >> 2 & 3, next = flags & 3;
    bool transit = flags & LOGIN_TRANSIT;

    if (bhs[LOGIN_VERSION_MIN] != 0) {
        iscsi_login_refuse(c, LOGIN_VERSION, "version 0 is the only one there is");
        return false;
    }
    if (memcmp(login->isid, bhs + LOGIN_ISID, 6) != 0 ||
        login->tsih != be16_get(bhs + LOGIN_TSIH) || c->cid != be16_get(bhs + LOGIN_CID) ||
        memcmp(login->itt, bhs + BHS_ITT, 4) != 0 || !(bhs[0] & ISCSI_IMMEDIATE)) {
        iscsi_login_refuse(c, LOGIN_INITIATOR_ERROR, "ISID, TSIH, CID or task tag changed");
        return false;
    }
    if (stage != login->stage || stage > STAGE_OPERATIONAL ||
        (transit && (flags & LOGIN_CONTINUE || next <= stage || next == 2)) ||
        ++login->rounds > ISCSI_LOGIN_ROUNDS_MAX) {
        iscsi_login_refuse(c, LOGIN_INITIATOR_ERROR, "bad stage, or too many requests");
        return false;
    }
    login->next = transit ? next : stage;
    return true;
}

static bool authenticated(const struct iscsi_connection *c)
{
    return c->login->chap.state == CHAP_DONE ||
        (c->login->method != METHOD_CHAP && !iscsi_login_needs_chap(c));
}

static bool step(struct iscsi_login *login, const struct iscsi_target *target,
    struct iscsi_text *answer)
{
    static const struct iscsi_config nobody;
    const struct iscsi_config *config = target ? &target->config : &nobody;
    const struct iscsi_chap_rules rules = { &config->chap, &config->mutual, config->demand_mutual };

    return iscsi_chap_step(&login->chap, &rules, &login->chap_keys, answer);
}

/* Tries the accounts of each target that allows (may) this user this name, or does not. */
static bool try_targets(struct iscsi_connection *c, bool may, struct iscsi_text *answer)
{
    struct iscsi_login *login = c->login;
    const char *user = login->chap_keys.name ? login->chap_keys.name : "";

    list_each(link, &c->portal->targets) {
        struct iscsi_target *target = list_entry(link, struct iscsi_target, link);
        const struct iscsi_chap_accounts *accounts = &target->config.chap;

        if (accounts->count > 0 &&
            iscsi_chap_may_use(accounts, user, login->claims.initiator) == may &&
            step(login, target, answer)) {
            login->target = target;
            return true;
        }
    }
    return false;
}

/* The next step of CHAP: with the accounts of the named target, else with those of each target
 * until one knows the initiator. */
static bool take_step(struct iscsi_connection *c, struct iscsi_text *answer)
{
    struct iscsi_login *login = c->login;

    if (login->chap.state == CHAP_WAIT_RESPONSE &&
        (login->params.discovery || login->wrong_target))
        return try_targets(c, true, answer) || try_targets(c, false, answer);
    return step(login, login->target, answer);
}

/* Handles all CHAP keys of this request. */
static uint16_t authenticate(struct iscsi_connection *c, struct iscsi_text *answer)
{
    struct iscsi_login *login = c->login;
    const struct iscsi_chap_keys none = { 0 };

    if (memcmp(&login->chap_keys, &none, sizeof none) == 0)
        /* The choice of the method alone is fine; an initiator that goes on without CHAP fails. */
        return authenticated(c) ||
                (login->method == METHOD_CHAP && login->stage == STAGE_SECURITY)
            ? LOGIN_SUCCESS
            : iscsi_login_fault(
                  login, LOGIN_AUTHENTICATION, "it does not authenticate, and CHAP is needed");
    return take_step(c, answer)
        ? LOGIN_SUCCESS
        : iscsi_login_fault(login, LOGIN_AUTHENTICATION, "%s",
              login->chap.why ? login->chap.why : "no target here has accounts any more");
}

/* These checks wait until the initiator has authenticated: others learn nothing of them. */
static uint16_t authorize(struct iscsi_connection *c)
{
    struct iscsi_login *login = c->login;

    if (!authenticated(c))
        return LOGIN_SUCCESS;
    if (login->chap.name &&
        !iscsi_chap_may_use(
            &login->target->config.chap, login->chap.name, login->claims.initiator))
        return iscsi_login_fault(login, LOGIN_FORBIDDEN,
            "the secrets file binds this InitiatorName or this user to another");
    return login->wrong_target ? LOGIN_NOT_FOUND : LOGIN_SUCCESS;
}

/* Our own MaxRecvDataSegmentLength, once, when the operational part has begun or is skipped. */
static void declare(struct iscsi_login *login, struct iscsi_text *answer)
{
    if (login->declared || (login->stage == STAGE_SECURITY && login->next != STAGE_FULL_FEATURE))
        return;
    login->declared = true;
    iscsi_text_put_number(answer, "MaxRecvDataSegmentLength", ISCSI_RECEIVE_MAX);
}

/* A TSIH that is not zero names a session to join. A session has one connection, so that can only
 * be the reinstatement of its connection (RFC 7143 6.3.4). At level 0 this means the session's. */
static uint16_t check_tsih(const struct iscsi_connection *c)
{
    const struct iscsi_login *login = c->login;
    uint16_t tsih, cid;

    if (login->tsih == 0)
        return LOGIN_SUCCESS;
    if (!iscsi_roster_find(c, &tsih, &cid) || tsih != login->tsih)
        return LOGIN_NO_SESSION;
    return cid == c->cid ? LOGIN_SUCCESS : LOGIN_TOO_MANY_CONNECTIONS;
}

static void enter_full_feature(struct iscsi_connection *c, struct iscsi_session *session)
{
    struct iscsi_login *login = c->login;

    c->session = session;
    session->connection = c;
    session->account = login->chap.name;
    session->exp_cmd_sn = login->cmd_sn;
    session->max_cmd_sn = login->cmd_sn - 1;
    c->max_send = session->params.max_send & ~3u;
    c->rx.header_digest = session->params.header_digest;
    c->rx.data_digest = session->params.data_digest;
    c->state = CONNECTION_FULL;
    if (session->params.discovery)
        iscsi_peer_hold(c, HOLD_DISCOVERY);
    else
        iscsi_peer_let_go(c);
}

/* The reason why there is no place for the session; NULL: there is a place. */
static const char *no_place(struct iscsi_connection *c)
{
    if (c->login->params.discovery &&
        !iscsi_share_admit(&c->portal->peers, c->peer, SHARE_DISCOVERY))
        return "its host, or all together, have as many discovery sessions as they may";
    return iscsi_roster_seat(c->entry);
}

/* Whether the InitiatorName is another account's at present. */
static bool is_claimed(const struct iscsi_connection *c)
{
    const char *owner = iscsi_roster_owner(c);

    return owner && strcmp(owner, c->login->chap.name) != 0;
}

/* RFC 7143 6.3.5: the same initiator port again ends its former session; and a new one must not
 * begin while a write of the former could still reach the medium. True: it has to wait. */
static bool ends_former(struct iscsi_connection *c)
{
    const struct iscsi_login *login = c->login;
    struct iscsi_session *old = iscsi_session_find(
        login->target, login->claims.initiator, login->isid);

    if (old)
        iscsi_wire_drop(old->connection, SPD_END_REINSTATED, NULL);
    if (!old && iscsi_waiting_is_over(c))
        return false;
    iscsi_waiting_begin(c);
    return true;
}

void iscsi_login_seat(struct iscsi_connection *c)
{
    struct iscsi_login *login = c->login;
    struct iscsi_session *session;
    struct iscsi_reply *reply;
    const char *why;

    if (!login->params.discovery && ends_former(c))
        return;
    why = no_place(c);
    session = why ? NULL : iscsi_session_new(c, login);
    if (!session) {
        iscsi_login_refuse(c, LOGIN_OUT_OF_RESOURCES, why ? why : "not enough memory");
        return;
    }
    enter_full_feature(c, session);
    iscsi_wire_begins(c);
    reply = respond(c, (uint8_t)(LOGIN_TRANSIT | login->stage << 2 | STAGE_FULL_FEATURE),
        LOGIN_SUCCESS, login->text_length);
    if (reply) {
        if (login->text_length > 0)
            memcpy(reply->data, login->text, login->text_length);
        iscsi_send_queue(c, &reply->item);
    }
    c->login = NULL;
    iscsi_login_free(login);
}

/* The last request of a login: login->text has the keys of its answer. */
static void complete(struct iscsi_connection *c)
{
    if (!c->login->params.discovery && is_claimed(c)) {
        iscsi_login_refuse(c, LOGIN_FORBIDDEN,
            "its InitiatorName is in use by another user, or registered for a reservation");
        return;
    }
    c->entry = iscsi_roster_enter(c);
    if (!c->entry) {
        iscsi_login_refuse(c, LOGIN_OUT_OF_RESOURCES, "not enough memory");
    } else if (c->entry->portal == c->portal) {
        iscsi_login_seat(c);
    } else {
        iscsi_waiting_begin(c);
        c->portal->handovers = true;
    }
}

/* Continues one of them: it may drop another connection, so the list is walked anew for the next
 * one. The function is called again as long as there are answers to send or connections to free. */
void iscsi_login_resume(struct iscsi_portal *portal)
{
    list_each(link, &portal->connections) {
        struct iscsi_connection *c = list_entry(link, struct iscsi_connection, link);

        if (c->state == CONNECTION_WAITING && c->entry->portal == portal &&
            iscsi_waiting_is_over(c)) {
            iscsi_login_seat(c);
            portal->sessions_ended = true;
            return;
        }
    }
}

/* All keys of an exchange have come. */
static void answer_keys(struct iscsi_connection *c)
{
    struct iscsi_login *login = c->login;
    char bytes[ISCSI_LOGIN_RECEIVE_MAX];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };
    uint8_t stage = login->stage, flags = (uint8_t)(stage << 2);
    uint16_t status = iscsi_login_take_keys(c, &answer);
    struct iscsi_reply *reply;

    if (status == LOGIN_SUCCESS)
        status = authenticate(c, &answer);
    if (status == LOGIN_SUCCESS)
        status = authorize(c);
    if (status == LOGIN_SUCCESS && login->next != stage && authenticated(c))
        status = check_tsih(c);
    declare(login, &answer);
    if (status == LOGIN_SUCCESS && answer.overflow)
        status = iscsi_login_fault(login, LOGIN_INITIATOR_ERROR, "its keys want a longer answer");
    if (status != LOGIN_SUCCESS) {
        iscsi_login_refuse(c, status, login->claims.why);
        return;
    }
    login->text_length = 0;
    if (login->next != stage && authenticated(c)) {
        if (login->next == STAGE_FULL_FEATURE) {
            iscsi_params_finish(&login->params);
            if (keep_text(login, bytes, answer.length))
                complete(c);
            else
                iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for its login");
            return;
        }
        login->stage = login->next;
        flags |= LOGIN_TRANSIT | login->next;
    }
    reply = respond(c, flags, LOGIN_SUCCESS, answer.length);
    if (!reply)
        return;
    memcpy(reply->data, bytes, answer.length);
    iscsi_send_queue(c, &reply->item);
}

void iscsi_login_request(
    struct iscsi_connection *c, const uint8_t *bhs, char *data, uint32_t length)
{
    struct iscsi_login *login = c->login;
    struct iscsi_reply *reply;

    iscsi_peer_works(&c->portal->peers, c->peer, ISCSI_LOGIN_WORK);
    if (!check_header(c, bhs))
        return;
    if (length > ISCSI_TEXT_MAX - login->text_length) {
        iscsi_login_refuse(c, LOGIN_INITIATOR_ERROR, "too many keys");
        return;
    }
    if (!keep_text(login, data, length)) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for its login");
        return;
    }
    if (!(bhs[BHS_FLAGS] & LOGIN_CONTINUE)) {
        answer_keys(c);
        return;
    }
    /* RFC 7143 6.2: an empty response asks for the rest. */
    reply = respond(c, (uint8_t)(login->stage << 2), LOGIN_SUCCESS, 0);
    if (reply)
        iscsi_send_queue(c, &reply->item);
}
