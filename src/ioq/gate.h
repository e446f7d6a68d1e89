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
 * Pure: no lock, no allocation, no clock. The caller guards the gate and says what time it is. The
 * functions return tasks that the caller is to run after it has let go of the guard.
 */

#ifndef IOQ_GATE_H
#define IOQ_GATE_H

#include "ioq/turns.h"

/* How long others wait for an exclusive task that waits, in the caller's unit of time. */
struct ioq_patience {
    uint64_t usual;
    uint64_t brief; /* after one was refused, */
    uint64_t spell; /* for so long */
};

struct ioq_gate {
    struct ioq_turns waiting;
    const struct ioq_patience *patience; /* NULL: none is refused */
    uint64_t brief_until; /* from which time on others' patience is the usual one again */
    uint32_t inside;      /* tasks. A caller that counts them elsewhere sets it before each call
                           * and takes over the change: those let in, less the one that leaves */
    bool exclusive;       /* the task inside is an exclusive one */
    bool passed; /* a HEAD OF QUEUE task was the last to get a turn, or is the next */
};

/* patience is the caller's, and stays as long as the gate. */
void ioq_gate_init(struct ioq_gate *gate, const struct ioq_patience *patience);

/* Returns those that go on now, linked by next: first those that are refused, which do not go in,
 * then those that do, oldest first. The waiter itself is among them, or waits. */
struct ioq_waiter *ioq_gate_enter(
    struct ioq_gate *gate, struct ioq_flow *flow, struct ioq_waiter *waiter, uint64_t now);

/* It was inside. Returns those that go in now. */
struct ioq_waiter *ioq_gate_leave(struct ioq_gate *gate, struct ioq_waiter *waiter);

/* Takes out one that waits; false when it does not. ioq_gate_admit() is to be called then. */
bool ioq_gate_cancel(struct ioq_gate *gate, struct ioq_waiter *waiter);

/* Returns those that go in now. */
struct ioq_waiter *ioq_gate_admit(struct ioq_gate *gate);

/* Nothing exclusive waits or is inside: any other task may go in. */
static inline bool ioq_gate_is_open(const struct ioq_gate *gate)
{
    return !gate->exclusive && !ioq_turns_first(&gate->waiting);
}

#endif
