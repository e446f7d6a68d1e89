/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Calls of the device that take longer than spd_params.slow_call. A call that still runs then is a
 * line for the operator, and so is the end of each long call.
 *
 * A command costs a few stores: a table of its unit notes a call when it begins, and drops it when
 * it ends. The thread of the log looks through the tables now and then. A thread that calls a
 * simple device has its own entry, in which no other thread writes. All other calls share the rest,
 * each with one compare-and-swap. A call that finds no entry has its line only when it ends.
 */

#ifndef SPD_LIB_WATCH_H
#define SPD_LIB_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/statistics.h"
#include "spd/spd.h"

enum {
    SPD_WATCH_SHARED = 256,
    SPD_WATCH_PROBES = 8, /* entries that a call looks at */
    SPD_WATCH_PERIOD_LEAST = 20, /* ms between two looks */
    SPD_WATCH_TEXT_MAX = 120,
};

/* The members are atomic for the thread of the log, which reads them at any time. */
struct spd_call {
    _Alignas(64) _Atomic uint64_t started; /* ns; 0: the entry is free */
    _Atomic uint64_t lba;
    _Atomic uint64_t blocks_and_operation; /* the operation in the low 8 bits */
    uint64_t told; /* the thread of the log's: `started` of the call that was logged, */
    uint64_t again; /* and its age at its next line, in ns */
};

struct spd_watch {
    uint64_t slow;   /* ns; UINT64_MAX: nothing is slow */
    uint64_t period; /* ns */
    uint64_t due;    /* ns: the next look */
    struct spd_unit *next;
    struct spd_call *calls; /* SPD_THREADS_OWN, and then SPD_WATCH_SHARED */
};

/* False: there is no memory. */
bool spd_watch_init(struct spd_watch *watch, uint32_t slow_ms);
void spd_watch_destroy(struct spd_watch *watch);
/* The unit is watched from add to remove. */
void spd_watch_add(struct spd_unit *unit);
void spd_watch_remove(struct spd_unit *unit);

/* A call begins. here: it ends on this thread. NULL: it is not watched. */
struct spd_call *spd_watch_begin(struct spd_unit *unit, spd_operation operation, uint64_t lba,
    uint64_t blocks, uint64_t now, bool here);
static inline void spd_watch_end(struct spd_call *call)
{
    if (call)
        atomic_store_explicit(&call->started, 0, memory_order_release);
}

/* Logs a slow call that has ended. */
void spd_watch_tell_end(const struct spd_unit *unit, spd_operation operation, uint64_t lba,
    uint64_t blocks, uint64_t nanoseconds);

/* The oldest running call: "a read of 8 blocks at block 64, 12 s". False: there is none, or calls
 * are not watched. */
bool spd_watch_oldest(const struct spd_unit *unit, char text[SPD_WATCH_TEXT_MAX]);

/* The errand of the log's thread: looks at the tables that are due. Returns the milliseconds to the
 * next look, or SPD_LOG_NEVER. */
int64_t spd_watch_look(void);

#endif
