/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A queue of an asynchronous device: a guest of an event loop. The descriptor that the device
 * watches is one of the loop's sockets. Requests gather during a turn, and the device gets them at
 * its end: so it gets batches without asking for them.
 *
 * queues.c chooses the loop: that of a thread made for the queue, or that of a door.
 */

#ifndef SPD_LIB_QUEUE_H
#define SPD_LIB_QUEUE_H

#include "lib/loop.h"
#include "lib/unit.h"

struct spd_queue {
    struct spd_guest guest;
    struct spd_loop_socket socket; /* spd_queue_watch() */
    struct spd_unit *unit;
    uint32_t index;
    int cpu;
    unsigned char *area;
    struct spd_request *first, **last; /* for the device, at the end of the turn */
    _Atomic uint32_t held;             /* requests that the device has, if it `polls` */
    bool polls;                        /* poll is called while there are some */
    bool watches, begun;
};

/* queue is zeroed. 0 or a spd_error with its detail. */
int spd_queue_init(struct spd_queue *queue, struct spd_unit *unit, uint32_t index);
void spd_queue_destroy(struct spd_queue *queue);

/* The rest is for the loop's thread. The loop has the queue as a guest, and the device has begun
 * it. 0, or a spd_error with its detail. */
int spd_queue_begin(struct spd_queue *queue, struct spd_loop *loop);
/* The device gets the request at the end of the turn. It may have been aborted meanwhile. */
void spd_queue_append(struct spd_queue *queue, struct spd_request *request);

#endif
