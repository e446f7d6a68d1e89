/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/gate.h"

#include <stdatomic.h>

void spd_gate_init(struct spd_gate *gate)
{
    atomic_init(&gate->word, 0);
    os_mutex_init(&gate->lock);
    spd_fair_init(&gate->waiting, SPD_FAIR_GATE);
    gate->passed = false;
    gate->exclusive = false;
}

void spd_gate_destroy(struct spd_gate *gate)
{
    os_mutex_destroy(&gate->lock);
}

static void park(struct spd_gate *gate, struct spd_request *request)
{
    if (request->task.attribute != SCSI_HEAD_OF_QUEUE) {
        spd_fair_put(&gate->waiting, request);
        return;
    }
    spd_fair_put_first(&gate->waiting, request);
    if (!gate->passed) {
        spd_fair_prefer(&gate->waiting, request);
        gate->passed = true;
    }
}

/* A nexus has its turn with one exclusive task, or with all before its next exclusive one. */
static bool goes_on(const struct spd_request *request)
{
    const struct spd_request *next = request->next;

    return next && !request->task.exclusive && !next->task.exclusive;
}

/* The lock is held. Lets in whom the order allows and unlinks them from the queue. */
static struct spd_request *admit(struct spd_gate *gate)
{
    struct spd_request *granted = NULL, **end = &granted, *request;

    while (!gate->exclusive && (request = spd_fair_first(&gate->waiting))) {
        if (request->task.exclusive) {
            if (atomic_load(&gate->word) != SPD_GATE_SLOW)
                break; /* the last one to leave comes here */
            gate->exclusive = true;
        }
        atomic_fetch_add(&gate->word, 1);
        if (request->task.attribute != SCSI_HEAD_OF_QUEUE)
            gate->passed = false;
        spd_fair_take(&gate->waiting, request, goes_on(request));
        request->gated = true;
        *end = request;
        end = &request->next;
    }
    if (!spd_fair_first(&gate->waiting) && !gate->exclusive) {
        gate->passed = false;
        atomic_fetch_and(&gate->word, ~SPD_GATE_SLOW);
    }
    return granted;
}

bool spd_gate_enter(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted)
{
    bool exclusive = request->task.exclusive;

    if (!exclusive &&
        !(atomic_fetch_add_explicit(&gate->word, 1, memory_order_acquire) & SPD_GATE_SLOW)) {
        request->gated = true;
        return true;
    }
    os_mutex_lock(&gate->lock);
    /* Taken back under the lock: whoever left meanwhile and saw this count did not admit anybody,
     * so the admit() below has to. */
    if (!exclusive)
        atomic_fetch_sub(&gate->word, 1);
    atomic_fetch_or(&gate->word, SPD_GATE_SLOW);
    park(gate, request);
    *granted = admit(gate);
    os_mutex_unlock(&gate->lock);
    return false;
}

struct spd_request *spd_gate_leave(struct spd_gate *gate, struct spd_request *request)
{
    struct spd_request *granted;
    bool exclusive = request->task.exclusive;
    uint32_t before;

    request->gated = false;
    if (!exclusive) {
        before = atomic_fetch_sub_explicit(&gate->word, 1, memory_order_acq_rel);
        if (before != (SPD_GATE_SLOW | 1))
            return NULL;
    }
    os_mutex_lock(&gate->lock);
    if (exclusive) {
        atomic_fetch_sub(&gate->word, 1);
        gate->exclusive = false;
    }
    granted = admit(gate);
    os_mutex_unlock(&gate->lock);
    return granted;
}

bool spd_gate_cancel(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted)
{
    bool parked;

    os_mutex_lock(&gate->lock);
    parked = spd_fair_remove(&gate->waiting, request);
    if (parked)
        *granted = admit(gate);
    os_mutex_unlock(&gate->lock);
    return parked;
}
