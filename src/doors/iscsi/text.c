/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Text requests: SendTargets (RFC 7143 appendix C), and keys that may change after login. */

#include "doors/iscsi/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/announce.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/name.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/reject.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "scsi/be.h"

enum { TEXT_TAG = 1 }; /* the target transfer tag while an exchange goes on */

static const struct iscsi_chap_account *account_of(
    const struct iscsi_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->config.chap.count; i++)
        if (strcmp(target->config.chap.list[i].name, name) == 0)
            return &target->config.chap.list[i];
    return NULL;
}

/* The session's proof lets its initiator use the target, too: the same user with the same
 * secret. */
static bool may_see(const struct iscsi_session *session, const struct iscsi_target *target)
{
    const struct iscsi_chap_account *own, *other;

    if (target->config.chap.count == 0 || target == session->target)
        return true;
    if (!session->params.discovery || !session->account)
        return false;
    own = account_of(session->target, session->account);
    other = account_of(target, session->account);
    return own && other && strcmp(own->secret, other->secret) == 0 &&
        iscsi_chap_may_use(&target->config.chap, session->account, session->initiator);
}

static void send_targets(struct iscsi_connection *c, const char *value, struct iscsi_text *answer)
{
    const struct iscsi_session *session = c->session;
    bool all = strcmp(value, "All") == 0;

    if (all ? !session->params.discovery : *value == '\0' && session->params.discovery) {
        iscsi_text_put(answer, "SendTargets", "Reject");
        return;
    }
    list_each(link, &c->portal->targets) {
        const struct iscsi_target *target = list_entry(link, struct iscsi_target, link);

        if (!may_see(session, target) || (*value == '\0' && target != session->target) ||
            (!all && *value != '\0' && !iscsi_name_is(value, target->config.target)))
            continue;
        iscsi_text_put(answer, "TargetName", target->config.target);
        iscsi_announce_put(c, target, answer);
    }
}

static bool answer_keys(struct iscsi_connection *c, struct iscsi_text *answer)
{
    uint32_t position = 0;
    char *key, *value;
    bool bad;

    while (iscsi_text_next(c->text, c->text_length, &position, &key, &value, &bad)) {
        if (strcmp(key, "SendTargets") == 0)
            send_targets(c, value, answer);
        else if (!iscsi_key_offer(&c->session->params, PHASE_FULL_FEATURE, key, value, answer))
            return false;
    }
    c->max_send = c->session->params.max_send & ~3u;
    return !bad && !answer->overflow;
}

static void forget(struct iscsi_connection *c)
{
    free(c->text);
    c->text = NULL;
    c->text_length = 0;
}

static void forget_answer(struct iscsi_connection *c)
{
    free(c->answer);
    c->answer = NULL;
    c->answer_length = c->answer_sent = 0;
}

/* Sends as much of the answer as fits into a PDU. */
static void respond(struct iscsi_connection *c, const uint8_t *bhs)
{
    uint32_t rest = c->answer_length - c->answer_sent;
    uint32_t length = rest < c->max_send ? rest : c->max_send;
    bool more = length < rest, final = bhs[BHS_FLAGS] & ISCSI_FINAL && !more;
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_TEXT_RESPONSE, length);

    if (!reply)
        return;
    reply->bhs[BHS_FLAGS] = (uint8_t)((final ? ISCSI_FINAL : 0) | (more ? TEXT_CONTINUE : 0));
    memcpy(reply->bhs + BHS_LUN, bhs + BHS_LUN, 8);
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    be32_put(reply->bhs + BHS_TTT, final ? ISCSI_NO_TAG : TEXT_TAG);
    if (length > 0)
        memcpy(reply->data, c->answer + c->answer_sent, length);
    c->answer_sent += length;
    if (!more)
        forget_answer(c);
    iscsi_send_queue(c, &reply->item);
}

/* The most bytes of an answer: it names each target once for each SendTargets, and a sensible
 * exchange has only one. */
static uint32_t room_for(const struct iscsi_portal *portal)
{
    uint32_t room = 1024;

    list_each(link, &portal->targets)
        room += ISCSI_SEGMENT_MIN;
    return room;
}

/* The request is complete. False: it breaks the protocol. */
static bool answer_all(struct iscsi_connection *c)
{
    struct iscsi_text answer = { .size = room_for(c->portal) };

    answer.bytes = c->answer = malloc(answer.size);
    if (!c->answer) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for a text request");
        return true;
    }
    if (!answer_keys(c, &answer))
        return false;
    c->answer_length = answer.length;
    return true;
}

/* Adds its data to the earlier data. False: the exchange does not exist. */
static bool take(struct iscsi_connection *c, const uint8_t *bhs, const char *data, uint32_t length)
{
    uint8_t flags = bhs[BHS_FLAGS];

    if (length > ISCSI_TEXT_MAX - c->text_length ||
        (flags & ISCSI_FINAL && flags & TEXT_CONTINUE)) {
        iscsi_reject_and_close(
            c, bhs, REJECT_PROTOCOL, "a text request that is too long or malformed");
        return false;
    }
    if (!c->text)
        c->text = malloc(ISCSI_TEXT_MAX);
    if (!c->text) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for a text request");
        return false;
    }
    if (length > 0)
        memcpy(c->text + c->text_length, data, length);
    c->text_length += length;
    return true;
}

void iscsi_text_request(
    struct iscsi_connection *c, const uint8_t *bhs, const char *data, uint32_t length)
{
    /* A new exchange ends an old one (RFC 7143 11.10.4). */
    if (be32_get(bhs + BHS_TTT) == ISCSI_NO_TAG) {
        forget(c);
        forget_answer(c);
    }
    if (c->hold == HOLD_DISCOVERY)
        iscsi_peer_hold(c, HOLD_DISCOVERY);
    /* RFC 7143 11.11.2: an empty request asks for the rest. */
    if (c->answer && length == 0) {
        respond(c, bhs);
        return;
    }
    forget_answer(c);
    if (!take(c, bhs, data, length))
        return;
    if (!(bhs[BHS_FLAGS] & TEXT_CONTINUE)) {
        bool fine = answer_all(c);

        forget(c);
        if (!fine) {
            forget_answer(c);
            iscsi_reject(c, bhs, REJECT_PROTOCOL);
        }
        if (!fine || !c->answer)
            return;
    }
    respond(c, bhs);
}
