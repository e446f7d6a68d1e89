/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/outbox.h"

#include <stdatomic.h>
#include <stddef.h>

#include "lib/mailbox.h"
#include "lib/unit.h"

/* The open one of this thread. */
static _Thread_local struct spd_outbox *here __attribute__((tls_model("initial-exec")));

void spd_outbox_send(struct spd_outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct spd_parcel parcel = outbox->parcels[i];

        spd_mailbox_post_list(parcel.to, parcel.newest, parcel.oldest);
        atomic_fetch_sub_explicit(&parcel.unit->completing, 1, memory_order_release);
    }
    outbox->count = 0;
}

void spd_outbox_open(struct spd_outbox *outbox)
{
    outbox->count = 0;
    if (!here)
        here = outbox;
}

void spd_outbox_close(struct spd_outbox *outbox)
{
    if (here != outbox)
        return;
    here = NULL;
    spd_outbox_send(outbox);
}

static struct spd_parcel *parcel_for(
    struct spd_outbox *outbox, struct spd_mailbox *to, struct spd_unit *unit)
{
    struct spd_parcel *parcel = outbox->parcels;

    for (; parcel < outbox->parcels + outbox->count; parcel++)
        if (parcel->to == to && parcel->unit == unit)
            return parcel;
    if (outbox->count == SPD_OUTBOX_PARCELS) {
        spd_outbox_send(outbox);
        parcel = outbox->parcels;
    }
    outbox->count++;
    *parcel = (struct spd_parcel){ .to = to, .unit = unit };
    atomic_fetch_add_explicit(&unit->completing, 1, memory_order_relaxed);
    return parcel;
}

void spd_outbox_add(
    struct spd_outbox *outbox, struct spd_mailbox *to, struct spd_request *request)
{
    struct spd_parcel *parcel = parcel_for(outbox, to, request->unit);

    request->next = parcel->newest;
    parcel->newest = request;
    if (!parcel->oldest)
        parcel->oldest = request;
}

void spd_outbox_post(struct spd_mailbox *to, struct spd_request *request)
{
    if (here)
        spd_outbox_add(here, to, request);
    else
        spd_mailbox_post(to, request);
}
