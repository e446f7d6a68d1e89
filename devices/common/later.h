/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Requests that a filter holds until a time. A thread for each such filter ends them, so that no
 * thread of a door or device waits. An aborted request ends at once, and so do all at the end of
 * the unit.
 */

#ifndef DEVICES_COMMON_LATER_H
#define DEVICES_COMMON_LATER_H

#include <stdbool.h>
#include <stdint.h>

#include <spd/spd.h>

#include "monitor.h"

#define LATER_NEVER UINT64_MAX /* only an abort, or the end of the unit */

/* A request that is held: the area of the filter (spd_request_area()). */
struct later_entry {
    struct later_entry *next, *previous;
    spd_request *request;
    uint64_t due; /* monitor_now() */
    spd_status status;
    bool held;
};

struct later {
    struct monitor *monitor; /* it guards the rest */
    struct later_entry *first, *last; /* by the time that they are due */
    struct monitor_thread *thread;
    bool stopped; /* nothing is held any more */
    bool ended;   /* the thread has to end */
};

/* Zeroed before. False: there is no memory, or no thread. later_close() all the same. */
bool later_open(struct later *later);
/* Nothing is held any more. */
void later_close(struct later *later);

/* The caller has the request, and it ends with this status at that time. Any thread; it may end
 * within this call. */
void later_add(struct later *later, spd_request *request, const spd_status *status, uint64_t due);
/* For the filter's abort: if the request is held, it ends now. */
void later_abort(struct later *later, spd_request *request);
/* For the filter's stop: all end now, and from now on each ends as soon as it is added. */
void later_stop(struct later *later);

#endif
