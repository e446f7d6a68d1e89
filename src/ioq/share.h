/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Something of which there is only so much: how much all have together, and at most how much each
 * nexus. A request that gets none waits for it in its turn.
 *
 * Pure: no lock, no allocation. It only counts; the thing itself is the caller's, which also guards
 * the share. A request that has its part keeps nobody else from anything but that, so the caller
 * takes it before it passes the gate.
 */

#ifndef IOQ_SHARE_H
#define IOQ_SHARE_H

#include "ioq/turns.h"

struct ioq_share {
    struct ioq_turns waiting;
    uint32_t limit;  /* of all together */
    uint32_t each;   /* of one flow */
    uint32_t in_use; /* may be over the limit by those that must have one */
};

enum { IOQ_SHARE_ALL = UINT32_MAX }; /* a limit that is none */

void ioq_share_init(struct ioq_share *share, uint32_t limit, uint32_t each);

/* True: the waiter `holds` one. False: it waits. must: it cannot wait, and gets one whatever others
 * have. */
bool ioq_share_take(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter, bool must);

/* The waiter, of this flow, holds one, and gives it back. Returns the one that has waited for it
 * and holds it now; NULL: none. */
struct ioq_waiter *ioq_share_give(
    struct ioq_share *share, struct ioq_flow *flow, struct ioq_waiter *waiter);

/* Takes out one that waits; false when it does not. */
bool ioq_share_cancel(struct ioq_share *share, struct ioq_waiter *waiter);

#endif
