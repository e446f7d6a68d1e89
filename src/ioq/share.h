/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A share counts a limited resource: a limit for all nexuses together, and a limit for each. A
 * request that gets none waits in its turn.
 *
 * Pure: no lock, no allocation. The caller owns the resource itself, and guards the share. A
 * request that has its part keeps others only from that part, so the caller takes it before it
 * passes the gate.
 */

#ifndef IOQ_SHARE_H
#define IOQ_SHARE_H

#include "ioq/turns.h"

struct ioq_share {
    struct ioq_turns waiting;
    uint32_t limit;  /* for all together */
    uint32_t each;   /* for one flow */
    uint32_t in_use; /* may exceed the limit by the requests that must have one */
};

enum { IOQ_SHARE_ALL = UINT32_MAX }; /* a limit that is none */

void ioq_share_init(struct ioq_share *share, uint32_t limit, uint32_t each);

/* True: the waiter `holds` one. False: it waits. must: it cannot wait, and always gets one. */
bool ioq_share_take(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter, bool must);

/* The waiter, of this flow, holds one, and gives it back. Returns the waiter that gets it and holds
 * it now; NULL: none. */
struct ioq_waiter *ioq_share_give(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter);

/* Takes out a waiter; false when it does not wait. */
bool ioq_share_cancel(struct ioq_share *share, struct ioq_waiter *waiter);

#endif
