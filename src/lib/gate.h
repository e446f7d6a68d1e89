/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The gate in front of a unit's medium. Tasks that touch the medium go through it side by side; an
 * exclusive one goes alone. Tasks of one nexus go through in the order in which they came. So an
 * exclusive task also orders what came before it against what comes after (COMPARE AND WRITE, SBC-3
 * 5.2; ORDERED tasks, SAM-5 8.7.3). The nexuses have turns, or one of them could keep all others
 * out with a stream of exclusive tasks: of each only the oldest task waits in the task set, the
 * later ones before it.
 *
 * HEAD OF QUEUE tasks pass all that wait (SAM-5 8.7.4), but not an exclusive one inside; and not
 * those of other nexuses again before one of these has had a turn.
 *
 * An exclusive task waits for what the device has, and all that come after it wait for it. So where
 * the device does not end an operation, one command would hold up every initiator. An exclusive
 * task that has waited for longer than the patience is refused when another one comes that would
 * have to wait for it. After that the patience is short for a while, or until an exclusive task
 * gets in: its initiator may try again and again. It is long once in a while all the same. A device
 * that is slow and does not hang would otherwise never let an exclusive task in.
 *
 * While there is no exclusive task a passage costs one atomic addition and one subtraction.
 */

#ifndef SPD_LIB_GATE_H
#define SPD_LIB_GATE_H

#include "lib/fair.h"
#include "os/os.h"

struct spd_gate {
    _Atomic uint32_t word; /* tasks inside, and SPD_GATE_SLOW */
    os_mutex lock;         /* guards the rest, and every change of SPD_GATE_SLOW */
    struct spd_fair waiting;
    bool exclusive; /* the task inside is an exclusive one */
    bool passed;    /* a HEAD OF QUEUE task was the last to get a turn, or is the next */
    uint64_t short_until; /* os_now_ns() from which on others' patience with the exclusive task that
                           * waits is long again */
};

/* An exclusive task waits or is inside: everybody takes the lock. */
#define SPD_GATE_SLOW (UINT32_C(1) << 31)

void spd_gate_init(struct spd_gate *gate);
void spd_gate_destroy(struct spd_gate *gate);

/* True: inside. False: parked, and *granted lists those that may go in now, linked by next, oldest
 * first; the request itself may be among them. So may be some that are refused (refused_for is not
 * 0), which have not gone in. The caller runs them. */
bool spd_gate_enter(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted);

/* A parked command has waited for so long that its initiator may have lost patience. */
bool spd_gate_has_waited_long(const struct spd_request *request);

/* Returns those that may go in now. */
struct spd_request *spd_gate_leave(struct spd_gate *gate, struct spd_request *request);

/* Takes a parked request out; false when it is not parked (any more). */
bool spd_gate_cancel(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted);

#endif
