/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Requests that wait for their turn: those of one nexus first come, first served; the nexuses in
 * turns, so that an initiator with a thousand commands holds up one that has a single command by
 * one of them.
 *
 * Intrusive, without allocation: a queue of any length is full never. The links lie in the
 * requests, and the queues of a nexus in the nexus. The caller guards it by a lock of its own.
 */

#ifndef SPD_LIB_FAIR_H
#define SPD_LIB_FAIR_H

#include "lib/door.h"

/* Where requests wait: which of the queues of a nexus is meant. */
enum spd_fair_place {
    SPD_FAIR_GATE,
    SPD_FAIR_DISPATCH,
    SPD_FAIR_SCRATCH,
    SPD_FAIR_REPLY,
};

struct spd_fair {
    struct scsi_flow *turn; /* a ring of those with requests; the next turn is its; NULL: none */
    enum spd_fair_place place;
    _Atomic uint32_t count; /* may be read without the lock */
};

void spd_fair_init(struct spd_fair *fair, enum spd_fair_place place);

/* Its nexus's queue here, which also counts how much of it the nexus holds. */
struct scsi_flow *spd_fair_flow(const struct spd_fair *fair, const struct spd_request *request);

/* Behind those of its nexus. A nexus that had none gets the last turn. */
void spd_fair_put(struct spd_fair *fair, struct spd_request *request);

/* Before those of its nexus. */
void spd_fair_put_first(struct spd_fair *fair, struct spd_request *request);

/* The next turn is its nexus's. */
void spd_fair_prefer(struct spd_fair *fair, const struct spd_request *request);

/* The request whose turn it is; NULL: none waits. */
struct spd_request *spd_fair_first(const struct spd_fair *fair);

/* The request of the turn after that of `request`, which has one; NULL: its turn is the last. */
struct spd_request *spd_fair_after(const struct spd_fair *fair, const struct spd_request *request);

/* Takes out one that has a turn. Its nexus gets the last turn, or (again) the next. */
void spd_fair_take(struct spd_fair *fair, struct spd_request *request, bool again);

/* Takes any out; false when it does not wait here. */
bool spd_fair_remove(struct spd_fair *fair, struct spd_request *request);

#endif
