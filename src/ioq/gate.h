/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The gate in front of a unit's medium. Tasks that touch the medium go through it side by side; an
 * exclusive task goes alone. Tasks of one nexus go through in the order in which they came. So an
 * exclusive task also orders the tasks before it and after it (COMPARE AND WRITE, SBC-3 5.2;
 * ORDERED tasks, SAM-5 8.7.3). The nexuses take turns, or one of them could keep all others out
 * with a stream of exclusive tasks. Only the oldest task of a nexus waits in the task set, and the
 * later ones wait before it.
 *
 * HEAD OF QUEUE tasks pass all waiting tasks (SAM-5 8.7.4), but no exclusive task that is inside.
 * They pass tasks of other nexuses again only after one of these has had a turn.
 *
 * An exclusive task waits for the operations of the device, and all later tasks wait for it. So if
 * the device does not end an operation, one command would hold up every initiator. An exclusive
 * task that has waited for longer than the patience is refused when a task comes that would have to
 * wait for it. After that the patience is short for a while, or until an exclusive task
 * gets in: its initiator may try again and again. It is long once in a while all the same. A device
 * that is slow and does not hang would otherwise never let an exclusive task in.
 *
 * Pure: no lock, no allocation, no clock. The caller guards the gate and passes the time. The
 * functions return tasks, which the caller runs after it has let go of the guard.
 */

#ifndef IOQ_GATE_H
#define IOQ_GATE_H

#include "ioq/turns.h"

/* How long others wait for a waiting exclusive task, in the caller's unit of time. */
struct ioq_patience {
    uint64_t usual;
    uint64_t brief; /* after one was refused, */
    uint64_t spell; /* for so long */
};

struct ioq_gate {
    struct ioq_turns waiting;
    const struct ioq_patience *patience; /* NULL: none is refused */
    uint64_t brief_until; /* the time from which others' patience is the usual one again */
    uint32_t inside;      /* tasks. A caller that counts them elsewhere sets it before each call
                           * and takes over the change: those let in, less the one that leaves */
    bool exclusive;       /* the task inside is an exclusive one */
    bool passed; /* a HEAD OF QUEUE task was the last to get a turn, or is the next */
};

/* patience is the caller's, and stays as long as the gate. */
void ioq_gate_init(struct ioq_gate *gate, const struct ioq_patience *patience);

/* Returns the tasks that go on now, linked by next: first the refused ones, which do not go in,
 * then those that go in, oldest first. The waiter itself is among them, or waits. */
struct ioq_waiter *ioq_gate_enter(
    struct ioq_gate *gate, struct ioq_flow *flow, struct ioq_waiter *waiter, uint64_t now);

/* It was inside. Returns the tasks that go in now. */
struct ioq_waiter *ioq_gate_leave(struct ioq_gate *gate, struct ioq_waiter *waiter);

/* Takes out a waiter; false when it does not wait. Call ioq_gate_admit() then. */
bool ioq_gate_cancel(struct ioq_gate *gate, struct ioq_waiter *waiter);

/* Returns the tasks that go in now. */
struct ioq_waiter *ioq_gate_admit(struct ioq_gate *gate);

/* Nothing exclusive waits or is inside: any other task may go in. */
static inline bool ioq_gate_is_open(const struct ioq_gate *gate)
{
    return !gate->exclusive && !ioq_turns_first(&gate->waiting);
}

#endif
