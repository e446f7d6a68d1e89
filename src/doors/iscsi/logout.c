/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The orderly end of a session, at either end's wish: RFC 7143 11.14, 11.15, 11.9. */

#include "doors/iscsi/logout.h"

#include <string.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/task.h"
#include "scsi/be.h"

void iscsi_logout_request(struct iscsi_connection *c, const uint8_t *bhs)
{
    enum { CLOSE_SESSION, CLOSE_CONNECTION, REMOVE_FOR_RECOVERY };
    enum { CLOSED, CID_NOT_FOUND, NO_RECOVERY, FAILED };
    uint8_t reason = bhs[BHS_FLAGS] & 0x7f, response = CLOSED;
    struct iscsi_reply *reply;

    if (reason == REMOVE_FOR_RECOVERY)
        response = NO_RECOVERY;
    else if (reason > REMOVE_FOR_RECOVERY)
        response = FAILED;
    else if (reason == CLOSE_CONNECTION && be16_get(bhs + LOGOUT_CID) != c->cid)
        response = CID_NOT_FOUND;
    reply = iscsi_reply_new(c, ISCSI_LOGOUT_RESPONSE, 0);
    if (!reply)
        return;
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    reply->bhs[BHS_RESPONSE] = response;
    if (response == CLOSED)
        iscsi_task_logout(c, reply);
    else
        iscsi_send_queue(c, &reply->item);
}

/* Tells the initiator that the target goes away, which saves it a timeout. */
void iscsi_async_drop(struct iscsi_connection *c)
{
    enum { DROPS_ALL_CONNECTIONS = 3 };
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_ASYNC, 0);

    if (!reply)
        return;
    be32_put(reply->bhs + BHS_ITT, ISCSI_NO_TAG);
    reply->bhs[ASYNC_EVENT] = DROPS_ALL_CONNECTIONS;
    be16_put(reply->bhs + ASYNC_PARAMETER_2, (uint16_t)c->session->params.time2wait);
    be16_put(reply->bhs + ASYNC_PARAMETER_3, (uint16_t)c->session->params.time2retain);
    iscsi_send_queue(c, &reply->item);
}
