/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The mail that one thread has for the loops of others. A loop has an outbox, which keeps its mail
 * until the turn ends. All mail for one mailbox then goes out in one piece, with one wake. The
 * other thread finds a batch, and answers it with few system calls.
 *
 * A unit of a request that waits here cannot go away: it counts this thread in `completing`.
 */

#ifndef SPD_LIB_OUTBOX_H
#define SPD_LIB_OUTBOX_H

#include <stdint.h>

struct spd_mailbox;
struct spd_request;
struct spd_unit;

enum { SPD_OUTBOX_PARCELS = 8 };

struct spd_outbox {
    struct spd_parcel {
        struct spd_mailbox *to;
        struct spd_unit *unit; /* the unit of all its requests */
        struct spd_request *newest, *oldest; /* linked by next */
    } parcels[SPD_OUTBOX_PARCELS];
    uint32_t count;
};

/* Uses request->next. The outbox is zeroed before its first use. */
void spd_outbox_add(
    struct spd_outbox *outbox, struct spd_mailbox *to, struct spd_request *request);
void spd_outbox_send(struct spd_outbox *outbox);

/* For threads without a loop: until it closes, it keeps what this thread posts. If another is open,
 * that one does its work. */
void spd_outbox_open(struct spd_outbox *outbox);
void spd_outbox_close(struct spd_outbox *outbox);
/* Without an open outbox it is posted at once. */
void spd_outbox_post(struct spd_mailbox *to, struct spd_request *request);

#endif
