/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Text requests: SendTargets (RFC 7143 appendix C), and keys that may change after login. */

#include "doors/iscsi/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/announce.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/door.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/name.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/reject.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "scsi/be.h"

enum { TEXT_TAG = 1 }; /* the target transfer tag while an exchange goes on */

static void send_targets(struct iscsi_connection *c, const char *value, struct iscsi_text *answer)
{
    const char *target = c->door->config.target;

    if (strcmp(value, "All") == 0 ? !c->session->params.discovery
                                  : *value == '\0' && c->session->params.discovery) {
        iscsi_text_put(answer, "SendTargets", "Reject");
        return;
    }
    if (strcmp(value, "All") != 0 && *value != '\0' && !iscsi_name_is(value, target))
        return;
    iscsi_text_put(answer, "TargetName", target);
    iscsi_announce_put(c, answer);
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

static void respond(struct iscsi_connection *c, const uint8_t *bhs, const struct iscsi_text *answer,
    bool final)
{
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_TEXT_RESPONSE, answer->length);

    if (!reply)
        return;
    reply->bhs[BHS_FLAGS] = final ? ISCSI_FINAL : 0;
    memcpy(reply->bhs + BHS_LUN, bhs + BHS_LUN, 8);
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    be32_put(reply->bhs + BHS_TTT, final ? ISCSI_NO_TAG : TEXT_TAG);
    if (answer->length > 0)
        memcpy(reply->data, answer->bytes, answer->length);
    iscsi_send_queue(c, &reply->item);
}

void iscsi_text_request(
    struct iscsi_connection *c, const uint8_t *bhs, const char *data, uint32_t length)
{
    uint8_t flags = bhs[BHS_FLAGS];
    char bytes[1024];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    /* A new exchange ends an old one (RFC 7143 11.10.4). */
    if (be32_get(bhs + BHS_TTT) == ISCSI_NO_TAG)
        forget(c);
    if (length > ISCSI_TEXT_MAX - c->text_length ||
        (flags & ISCSI_FINAL && flags & TEXT_CONTINUE)) {
        iscsi_reject_and_close(
            c, bhs, REJECT_PROTOCOL, "a text request that is too long or malformed");
        return;
    }
    if (!c->text)
        c->text = malloc(ISCSI_TEXT_MAX);
    if (!c->text) {
        iscsi_wire_drop(c, SPD_END_NO_ROOM, "not enough memory for a text request");
        return;
    }
    if (c->hold == HOLD_DISCOVERY)
        iscsi_peer_hold(c, HOLD_DISCOVERY);
    if (length > 0)
        memcpy(c->text + c->text_length, data, length);
    c->text_length += length;
    if (!(flags & TEXT_CONTINUE)) {
        if (answer.size > c->max_send)
            answer.size = c->max_send;
        if (!answer_keys(c, &answer)) {
            forget(c);
            iscsi_reject(c, bhs, REJECT_PROTOCOL);
            return;
        }
        forget(c);
    }
    respond(c, bhs, &answer, flags & ISCSI_FINAL);
}
