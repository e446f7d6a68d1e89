/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The threads that call a simple device, or that a program lends, and the queue before them. */

#ifndef SPD_LIB_DISPATCHER_H
#define SPD_LIB_DISPATCHER_H

#include "ioq/share.h"
#include "lib/door.h"
#include "os/os.h"

enum {
    SPD_THREADS_MAX = 1024,
    SPD_THREADS_LEAST = 8, /* if the library chooses their number */
};

struct spd_dispatcher {
    struct spd_unit *unit;
    struct spd_request *request; /* what it was woken for */
    bool idle;
    struct spd_dispatcher *next_idle;
    os_cond wake;
    os_thread thread;
    void *bounce;                /* NULL: it is lent */
    struct spd_dispatcher *next; /* lent: the thread that came before */
};

typedef void spd_dispatch(struct spd_request *request, enum scsi_step step, void *bounce);

struct spd_dispatchers {
    os_mutex lock; /* guards the rest, once started */
    bool started;
    bool closed;
    spd_dispatch *run;
    struct ioq_turns waiting;
    struct spd_dispatcher *idle; /* the thread that began to wait last is first: its caches are
                                  * warm */
    struct spd_dispatcher *each;
    uint32_t count;
    uint32_t share;              /* how many may serve one nexus at a time; IOQ_SHARE_ALL */
    struct spd_dispatcher *lent; /* all that ever came */
};

/* Each of them goes on with requests of the unit, by run(), from the step for which they wait; it
 * passes its bounce buffer. If threads is 0 they come by spd_dispatchers_serve(). If share is 0 a
 * nexus may have all of them. 0 or a spd_error. */
int spd_dispatchers_start(
    struct spd_unit *unit, uint32_t threads, uint32_t share, spd_dispatch *run);

/* The calling thread serves with them until they are closed. 0, or a spd_error at once. */
int spd_dispatchers_serve(struct spd_unit *unit);

/* Lent threads leave, and new requests are refused from now on. Returns the waiting requests, a
 * list. */
struct spd_request *spd_dispatchers_close(struct spd_dispatchers *dispatchers)
    OS_EXCLUDES(dispatchers->lock);

/* The queue is empty. Joins and frees; does nothing when there are none. */
void spd_dispatchers_stop(struct spd_unit *unit);

/* False: it is closed. */
bool spd_dispatchers_post(struct spd_dispatchers *dispatchers, struct spd_request *request)
    OS_EXCLUDES(dispatchers->lock);

/* A request that is dispatched no longer needs its dispatcher, and does not count in its nexus's
 * share. Call it while the request is still the library's, since its nexus may end with it. */
void spd_dispatchers_leave(struct spd_request *request);

/* Whether any request waits for a dispatcher; reads without the lock. */
static inline bool spd_dispatchers_busy(const struct spd_dispatchers *dispatchers)
{
    return atomic_load_explicit(&dispatchers->waiting.count, memory_order_relaxed) != 0;
}

/* False: a dispatcher has it already. */
bool spd_dispatchers_cancel(struct spd_dispatchers *dispatchers, struct spd_request *request)
    OS_EXCLUDES(dispatchers->lock);

#endif
