/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Waiters that take turns: within a flow first come, first served; the flows in turns. A flow has
 * the waiters of one nexus at one place. So an initiator with a thousand commands holds up
 * another's single command by only one of them.
 *
 * It is pure and intrusive: no lock, no allocation, and a queue is never full. The links are in the
 * waiters, and the queues of a nexus in the nexus. The caller guards each struct ioq_turns and
 * its flows by a lock of its own.
 */

#ifndef IOQ_TURNS_H
#define IOQ_TURNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ioq_turns;

/* The places where requests wait: a nexus has a flow for each. */
enum ioq_place {
    IOQ_PLACE_GATE,
    IOQ_PLACE_DISPATCH,
    IOQ_PLACE_SCRATCH,
    IOQ_PLACE_REPLY,
    IOQ_PLACES,
};

/* The waiters of one nexus at one place. All zero at first. */
struct ioq_flow {
    struct ioq_flow *next; /* in a ring */
    struct ioq_flow *previous;
    struct ioq_waiter *first;
    struct ioq_waiter *last;
    _Atomic uint32_t held; /* how much of the resource the nexus has */
};

/* Embedded in a request, which waits at one place at a time. All zero at first. */
struct ioq_waiter {
    struct ioq_waiter *next; /* also of the lists in which waiters are returned */
    struct ioq_waiter *previous;
    struct ioq_flow *flow;
    struct ioq_turns *_Atomic waits_in; /* NULL: it does not wait. The lock of that queue guards
                                         * it */

    /* At the gate (gate.h). The caller sets the first two before it enters. */
    bool exclusive;       /* it goes alone */
    bool head;            /* it is a HEAD OF QUEUE task */
    bool inside;
    uint32_t refused_for; /* how many were inside when it was refused; 0: it was not */
    uint64_t since;       /* the time when it came to wait */

    bool holds;           /* one of a share (share.h) */
};

struct ioq_turns {
    struct ioq_flow *turn;  /* a ring of the flows with waiters; it has the next turn; NULL: none */
    _Atomic uint32_t count; /* waiters; may be read without the lock */
};

void ioq_turns_init(struct ioq_turns *turns);

/* Behind those of its flow. A flow that had no waiter gets the last turn. */
void ioq_turns_put(struct ioq_turns *turns, struct ioq_flow *flow, struct ioq_waiter *waiter);

/* Before those of its flow. */
void ioq_turns_put_first(struct ioq_turns *turns, struct ioq_flow *flow, struct ioq_waiter *waiter);

/* This waiter's flow gets the next turn. It waits here. */
void ioq_turns_prefer(struct ioq_turns *turns, const struct ioq_waiter *waiter);

/* The waiter whose turn it is; NULL: none waits. */
static inline struct ioq_waiter *ioq_turns_first(const struct ioq_turns *turns)
{
    return turns->turn ? turns->turn->first : NULL;
}

/* The first in the order of turns whose flow holds less than this; NULL: there is none. */
struct ioq_waiter *ioq_turns_first_below(const struct ioq_turns *turns, uint32_t held);

/* Takes out the waiter that has the turn. Its flow gets the last turn, or (again) the next. */
void ioq_turns_take(struct ioq_turns *turns, struct ioq_waiter *waiter, bool again);

/* Takes out any waiter; false when it does not wait here. */
bool ioq_turns_remove(struct ioq_turns *turns, struct ioq_waiter *waiter);

static inline uint32_t ioq_flow_held(const struct ioq_flow *flow)
{
    return atomic_load_explicit(&flow->held, memory_order_relaxed);
}

#endif
