/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* NOP-Out, and our pings: RFC 7143 11.18, 11.19. */

#include "doors/iscsi/nop.h"

#include <string.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/send.h"
#include "scsi/be.h"

/* The pings of this side carry this tag, which the answer repeats. */
#define PING_TAG 0x50494e47u

void iscsi_nop_out(
    struct iscsi_connection *c, const uint8_t *bhs, const uint8_t *data, uint32_t length)
{
    struct iscsi_reply *reply;

    /* It answers our ping, or only carries ExpStatSN: it gets no answer. */
    if (be32_get(bhs + BHS_ITT) == ISCSI_NO_TAG)
        return;
    if (length > c->max_send)
        length = c->max_send;
    reply = iscsi_reply_new(c, ISCSI_NOP_IN, length);
    if (!reply)
        return;
    memcpy(reply->bhs + BHS_LUN, bhs + BHS_LUN, 8);
    memcpy(reply->bhs + BHS_ITT, bhs + BHS_ITT, 4);
    be32_put(reply->bhs + BHS_TTT, ISCSI_NO_TAG);
    if (length > 0)
        memcpy(reply->data, data, length);
    iscsi_send_queue(c, &reply->item);
}

void iscsi_nop_ping(struct iscsi_connection *c)
{
    struct iscsi_reply *reply = iscsi_reply_new(c, ISCSI_NOP_IN, 0);

    if (!reply)
        return;
    reply->takes_stat_sn = false;
    be32_put(reply->bhs + BHS_ITT, ISCSI_NO_TAG);
    be32_put(reply->bhs + BHS_TTT, PING_TAG);
    iscsi_send_queue(c, &reply->item);
}
