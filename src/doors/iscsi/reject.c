/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reject: RFC 7143 11.17. */

#include "doors/iscsi/reject.h"

#include <string.h>

#include "doors/iscsi/pdu.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "scsi/be.h"

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
    /* Digests find what the network did. */
    wire_ends(c, reason == REJECT_DATA_DIGEST ? SPD_END_LOST : SPD_END_PROTOCOL, why);
    reject(c, bhs, reason);
    wire_close(c);
}
