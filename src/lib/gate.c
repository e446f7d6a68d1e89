/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/gate.h"

#include <stdatomic.h>

/* ns; the former is less than initiators wait before they abort or reset. */
#define PATIENCE UINT64_C(10000000000)
#define PATIENCE_SHORT UINT64_C(100000000)
/* For so long it is short. QEMU tries a command again for a minute, Linux for three. */
#define SHORT_SPELL UINT64_C(30000000000)

void spd_gate_init(struct spd_gate *gate)
{
    atomic_init(&gate->word, 0);
    os_mutex_init(&gate->lock);
    spd_fair_init(&gate->waiting, SPD_FAIR_GATE);
    gate->passed = false;
    gate->exclusive = false;
    gate->short_until = 0;
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
            gate->short_until = 0;
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

/* The lock is held. Takes out the exclusive tasks that have their turn and have waited for longer
 * than the patience; returns where the list ends. */
static struct spd_request **refuse(struct spd_gate *gate, struct spd_request **end)
{
    uint32_t inside = atomic_load(&gate->word) & ~SPD_GATE_SLOW;
    uint64_t now = os_now_ns();
    struct spd_request *request;

    while (!gate->exclusive && inside && (request = spd_fair_first(&gate->waiting)) &&
        request->task.exclusive &&
        now - request->parked > (now < gate->short_until ? PATIENCE_SHORT : PATIENCE)) {
        spd_fair_take(&gate->waiting, request, false);
        if (now >= gate->short_until)
            gate->short_until = now + SHORT_SPELL;
        request->refused_for = inside;
        request->next = NULL;
        *end = request;
        end = &request->next;
    }
    return end;
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
    request->parked = os_now_ns();
    park(gate, request);
    granted = refuse(gate, granted);
    *granted = admit(gate);
    os_mutex_unlock(&gate->lock);
    return false;
}

bool spd_gate_has_waited_long(const struct spd_request *request)
{
    return os_now_ns() - request->parked >= PATIENCE;
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
