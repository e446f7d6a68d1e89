/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * An executor chooses the thread that calls the device: the one that has the request, one of a
 * pool, that of a queue, or one that the program lends. The unit gets it when it is created, and
 * keeps it. Everything else of the library asks the executor and knows no kinds of devices.
 */

#ifndef SPD_LIB_EXECUTOR_H
#define SPD_LIB_EXECUTOR_H

#include "scsi/scsi.h"

struct spd_request;
struct spd_unit;

/* The functions save perform and flush may be NULL: the executor has nothing to do there. */
struct spd_executor {
    /* Takes the step to the device, or passes the request on. True: it has ended, with
     * request->outcome. False: it is on its way and must not be touched. bounce: see
     * spd_request_run(). */
    bool (*perform)(struct spd_request *request, enum scsi_step step, void *bounce);

    /* Before the doors start. threads: as for spd_unit_start(). 0 or a spd_error. */
    int (*start)(struct spd_unit *unit, uint32_t threads);
    /* The doors take no more commands. Returns the requests that none of its threads will take, a
     * list. The unit's lock is held. */
    struct spd_request *(*close)(struct spd_unit *unit);
    /* After close, before the doors are joined: its threads that are in a door have left it. */
    void (*leave)(struct spd_unit *unit);
    /* The last flush, on the thread that stops the unit: as perform. */
    bool (*flush)(struct spd_request *request);
    /* All requests but the last flush have ended, or it was not started. Joins its threads. */
    void (*stop)(struct spd_unit *unit);
    /* After the last flush. Joins threads that do it. */
    void (*end)(struct spd_unit *unit);

    bool keeps_thread;     /* a long command goes on without giving way to others */
    bool ranges_in_buffer; /* the ranges of an unmap are no longer than max_transfer_length
                            * together */
};

extern const struct spd_executor spd_executor_inline; /* simple, never blocks */
extern const struct spd_executor spd_executor_try;    /* simple; the pool if it would block */
extern const struct spd_executor spd_executor_pool;   /* simple, on dispatcher threads */
extern const struct spd_executor spd_executor_async;  /* submitted, on the thread that has it */
extern const struct spd_executor spd_executor_queue;  /* queues.c: submitted by queues */
extern const struct spd_executor spd_executor_lent;   /* serve.c: submitted on lent threads */

#endif
