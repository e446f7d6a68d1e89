/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests wait in the queues of src/ioq: converts requests to waiters and back. */

#ifndef SPD_LIB_WAITER_H
#define SPD_LIB_WAITER_H

#include "lib/door.h"

/* NULL for NULL. */
static inline struct spd_request *spd_request_of(struct ioq_waiter *waiter)
{
    return waiter ? (struct spd_request *)((char *)waiter - offsetof(struct spd_request, waiter))
                  : NULL;
}

/* A list of waiters as a list of requests, in the same order. */
static inline struct spd_request *spd_requests_of(struct ioq_waiter *waiters)
{
    struct spd_request *list = NULL, **end = &list;

    for (; waiters; waiters = waiters->next) {
        *end = spd_request_of(waiters);
        end = &(*end)->next;
    }
    *end = NULL;
    return list;
}

/* Its nexus's flow at this place. */
static inline struct ioq_flow *spd_flow_of(
    const struct spd_request *request, enum ioq_place place)
{
    return &request->task.nexus->flows[place];
}

#endif
