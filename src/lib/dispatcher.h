/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The threads that call a simple device, or that are lent, and the queue before them. */

#ifndef SPD_LIB_DISPATCHER_H
#define SPD_LIB_DISPATCHER_H

#include "ioq/ioq.h"
#include "lib/door.h"
#include "os/os.h"

enum { SPD_THREADS_MAX = 1024 };

struct spd_dispatcher {
    struct ioq_server server;
    struct spd_unit *unit;
    struct spd_request *request; /* what it was woken for */
    os_cond wake;
    os_thread thread;
    void *bounce;                /* NULL: it is lent */
    struct spd_dispatcher *next; /* lent: the one that came before */
};

struct spd_dispatchers {
    os_mutex lock; /* guards the queue and the dispatchers' request */
    struct ioq queue;
    struct ioq_slot *slots;
    struct spd_dispatcher *each;
    uint32_t count;
    struct spd_dispatcher *lent; /* all that ever came */
};

/* threads 0: they come by spd_dispatchers_serve(). 0 or a spd_error. */
int spd_dispatchers_start(struct spd_unit *unit, uint32_t threads);

/* The calling thread is one of them until they are closed. */
void spd_dispatchers_serve(struct spd_unit *unit);

/* Lent threads leave, and what comes from now on is refused. Returns what has waited, a list. */
struct spd_request *spd_dispatchers_close(struct spd_dispatchers *dispatchers);

/* The queue is empty. Joins and frees; does nothing when there are none. */
void spd_dispatchers_stop(struct spd_unit *unit);

/* False: the queue is full, or closed. */
bool spd_dispatchers_post(struct spd_dispatchers *dispatchers, struct spd_request *request);

/* False: a dispatcher has it already. */
bool spd_dispatchers_cancel(struct spd_dispatchers *dispatchers, struct spd_request *request);

#endif
