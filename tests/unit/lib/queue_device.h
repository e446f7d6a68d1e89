/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A RAM disk with queues. It notes on which thread and in which order it is called, uses its areas,
 * and holds requests if a test wants it. */

#ifndef TESTS_UNIT_LIB_QUEUE_DEVICE_H
#define TESTS_UNIT_LIB_QUEUE_DEVICE_H

#include <stdatomic.h>

#include "test_device.h"

enum { QUEUES = 2, COMMANDS = 200, KEPT_MAX = 256 };

/* The device's area of a queue. */
struct lane {
    const char *thread; /* the address of its own `me` */
    spd_queue *queue;
    int event;         /* spd_queue_watch(), if the device watches */
    uint32_t requests; /* in all */
    uint32_t calls, most;
    _Atomic uint32_t polls;
    spd_request *kept[KEPT_MAX];
    _Atomic uint32_t kept_count;
    uint64_t last_lba;
    bool out_of_order;
};

/* The device's area of a request. */
struct mark {
    uint64_t lba;
    spd_operation operation;
};

extern struct queues {
    struct lane *lanes[SPD_QUEUES_MAX];
    bool watches;       /* the device waits for a descriptor; otherwise it is polled */
    uint32_t area_used; /* bytes of a request's area that it writes, beside the mark */
    int begin_error;    /* of the queue `failing` */
    uint32_t failing;
    atomic_bool hold;      /* poll completes nothing */
    atomic_bool gate_shut; /* submit_many waits */
    _Atomic unsigned in_submit; /* calls of submit_many */
    _Atomic unsigned begun, ended, flushes, aborts;
    _Atomic unsigned elsewhere; /* calls on a thread of another queue */
    _Atomic unsigned bad_areas; /* marks that were spoilt */
    struct loop_command commands[COMMANDS];
    unsigned char blocks[COMMANDS][TEST_BLOCK];
} queues;

extern const spd_ops queues_ops;

/* Everything as at first. */
void queues_reset(bool with_descriptor);
spd_params queues_params(uint32_t count);
/* A started unit. */
spd_unit *queues_begin(uint32_t count);
/* Ends it, and checks that each queue began and ended, on its own thread. */
void queues_end(spd_unit *unit, uint32_t count);

/* Writes of one block each; the stream of a command is its number modulo `streams`. */
void queues_start_writes(spd_unit *unit, unsigned first, unsigned count, uint32_t streams);
void queues_wait_writes(unsigned first, unsigned count);
/* The first blocks are as written. */
void queues_check_disk(unsigned count);
void queues_free_commands(void);

/* The calling thread is that of the queue. */
bool queues_is_of(const struct lane *lane);
void queues_transfer(const spd_request *request);

#endif
