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

void iscsi_reject(struct iscsi_connection *c, const uint8_t *bhs, enum iscsi_reject_reason reason)
{
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_REJECT, ISCSI_BHS);

    if (!reply)
        return;
    reply->bhs[BHS_RESPONSE] = (uint8_t)reason;
    be32_put(reply->bhs + BHS_ITT, ISCSI_NO_TAG);
    memcpy(reply->data, bhs, ISCSI_BHS);
    iscsi_send_queue(c, &reply->item);
}

void iscsi_reject_and_close(struct iscsi_connection *c, const uint8_t *bhs,
    enum iscsi_reject_reason reason, const char *why)
{
    /* Digests find faults of the network. */
    iscsi_wire_ends(c, reason == REJECT_DATA_DIGEST ? SPD_END_LOST : SPD_END_PROTOCOL, why);
    iscsi_reject(c, bhs, reason);
    iscsi_wire_close(c);
}
