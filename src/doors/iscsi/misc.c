/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* NOP, logout, asynchronous messages, reject: RFC 7143 11.18, 11.14, 11.9, 11.17. */

#include <string.h>

#include "doors/iscsi/iscsi.h"

/* Our pings carry this tag; the answer is told by it, and by any other sign of life. */
#define PING_TAG 0x50494e47u

void nop_out(struct connection *c, const uint8_t *bhs, const uint8_t *data, uint32_t length)
{
    struct reply *reply;

    /* An answer to a ping of ours, or only news of ExpStatSN: no answer to it. */
    if (be32_get(bhs + BHS_ITT) == ISCSI_NO_TAG)
        return;
    if (length > c->max_send)
        length = c->max_send;
    reply = reply_new(c, ISCSI_NOP_IN, length);
    if (reply == NULL)
        return;
    memcpy(reply->bhs + BHS_LUN, bhs + BHS_LUN, 8);
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    be32_put(reply->bhs + BHS_TTT, ISCSI_NO_TAG);
    if (length > 0)
        memcpy(reply->data, data, length);
    send_queue(c, &reply->item);
}

void nop_ping(struct connection *c)
{
    struct reply *reply = reply_new(c, ISCSI_NOP_IN, 0);

    if (reply == NULL)
        return;
    reply->takes_stat_sn = false;
    be32_put(reply->bhs + BHS_ITT, ISCSI_NO_TAG);
    be32_put(reply->bhs + BHS_TTT, PING_TAG);
    send_queue(c, &reply->item);
}

void logout_request(struct connection *c, const uint8_t *bhs)
{
    enum { CLOSE_SESSION, CLOSE_CONNECTION, REMOVE_FOR_RECOVERY };
    enum { CLOSED, CID_NOT_FOUND, NO_RECOVERY, FAILED };
    uint8_t reason = bhs[BHS_FLAGS] & 0x7f, response = CLOSED;
    struct reply *reply;

    if (reason == REMOVE_FOR_RECOVERY)
        response = NO_RECOVERY;
    else if (reason > REMOVE_FOR_RECOVERY)
        response = FAILED;
    else if (reason == CLOSE_CONNECTION && be16_get(bhs + LOGOUT_CID) != c->cid)
        response = CID_NOT_FOUND;
    reply = reply_new(c, ISCSI_LOGOUT_RESPONSE, 0);
    if (reply == NULL)
        return;
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    reply->bhs[BHS_RESPONSE] = response;
    if (response == CLOSED)
        task_logout(c, reply);
    else
        send_queue(c, &reply->item);
}

/* Tells the initiator that we are going away, which saves it a timeout. */
void async_drop(struct connection *c)
{
    enum { DROPS_ALL_CONNECTIONS = 3 };
    struct reply *reply = reply_new(c, ISCSI_ASYNC, 0);

    if (reply == NULL)
        return;
    be32_put(reply->bhs + BHS_ITT, ISCSI_NO_TAG);
    reply->bhs[ASYNC_EVENT] = DROPS_ALL_CONNECTIONS;
    be16_put(reply->bhs + ASYNC_PARAMETER_2, (uint16_t)c->session->params.time2wait);
    be16_put(reply->bhs + ASYNC_PARAMETER_3, (uint16_t)c->session->params.time2retain);
    send_queue(c, &reply->item);
}

void reject(struct connection *c, const uint8_t *bhs, enum iscsi_reject_reason reason)
{
    struct reply *reply = reply_new(c, ISCSI_REJECT, ISCSI_BHS);

    if (reply == NULL)
        return;
    reply->bhs[BHS_RESPONSE] = (uint8_t)reason;
    be32_put(reply->bhs + BHS_ITT, ISCSI_NO_TAG);
    memcpy(reply->data, bhs, ISCSI_BHS);
    send_queue(c, &reply->item);
}

void reject_and_close(struct connection *c, const uint8_t *bhs, enum iscsi_reject_reason reason,
    const char *why)
{
    spd_log(SPD_LOG_WARNING, "iscsi: %s: connection closed: %s",
        c->session == NULL ? "login" : c->session->initiator, why);
    reject(c, bhs, reason);
    connection_close_after_send(c);
}
