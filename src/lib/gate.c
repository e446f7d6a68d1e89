/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/gate.h"

#include <stdatomic.h>

#include "lib/waiter.h"

/* ns. Initiators wait for longer than the usual patience before they abort or reset. QEMU tries a
 * command again for a minute, Linux for three. */
static const struct ioq_patience patience = {
    .usual = UINT64_C(10000000000),
    .brief = UINT64_C(100000000),
    .spell = UINT64_C(30000000000),
};

void spd_gate_init(struct spd_gate *gate)
{
    atomic_init(&gate->word, 0);
    os_mutex_init(&gate->lock);
    ioq_gate_init(&gate->gate, &patience);
}

void spd_gate_destroy(struct spd_gate *gate)
{
    os_mutex_destroy(&gate->lock);
}

uint32_t spd_gate_inside(const struct spd_gate *gate)
{
    return atomic_load(&gate->word) & ~SPD_GATE_SLOW;
}

/* SPD_GATE_SLOW is set, or nothing waits. Tasks leave without the lock, so the word counts them.
 * The count that the gate gets here may soon be too high, never too low: the last task that leaves
 * takes the lock afterwards. */
static uint32_t begin(struct spd_gate *gate) OS_REQUIRES(gate->lock)
{
    return gate->gate.inside = spd_gate_inside(gate);
}

/* before: the result of begin(). */
static void end(struct spd_gate *gate, uint32_t before) OS_REQUIRES(gate->lock)
{
    atomic_fetch_add(&gate->word, gate->gate.inside - before);
    if (ioq_gate_is_open(&gate->gate))
        atomic_fetch_and(&gate->word, ~SPD_GATE_SLOW);
}

bool spd_gate_enter(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted)
{
    struct ioq_waiter *waiter = &request->waiter, *waiters;
    bool exclusive = request->task.exclusive;
    uint32_t before;

    if (!exclusive &&
        !(atomic_fetch_add_explicit(&gate->word, 1, memory_order_acquire) & SPD_GATE_SLOW)) {
        waiter->inside = true;
        return true;
    }
    waiter->exclusive = exclusive;
    waiter->head = request->task.attribute == SCSI_HEAD_OF_QUEUE;
    os_mutex_lock(&gate->lock);
    /* The count is taken back under the lock. A task that left meanwhile and saw it admitted
     * nobody, so this call has to. */
    if (!exclusive)
        atomic_fetch_sub(&gate->word, 1);
    atomic_fetch_or(&gate->word, SPD_GATE_SLOW);
    before = begin(gate);
    waiters = ioq_gate_enter(
        &gate->gate, spd_flow_of(request, IOQ_PLACE_GATE), waiter, os_now_ns());
    *granted = spd_requests_of(waiters);
    end(gate, before);
    os_mutex_unlock(&gate->lock);
    return false;
}

bool spd_gate_has_waited_long(const struct spd_request *request)
{
    return os_now_ns() - request->waiter.since >= patience.usual;
}

struct spd_request *spd_gate_leave(struct spd_gate *gate, struct spd_request *request)
{
    struct spd_request *granted;
    bool exclusive = request->task.exclusive;
    uint32_t before;

    request->waiter.inside = false;
    if (!exclusive) {
        before = atomic_fetch_sub_explicit(&gate->word, 1, memory_order_acq_rel);
        if (before != (SPD_GATE_SLOW | 1))
            return NULL;
    }
    os_mutex_lock(&gate->lock);
    before = begin(gate);
    granted = spd_requests_of(exclusive ? ioq_gate_leave(&gate->gate, &request->waiter)
                                        : ioq_gate_admit(&gate->gate));
    end(gate, before);
    os_mutex_unlock(&gate->lock);
    return granted;
}

bool spd_gate_cancel(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted)
{
    uint32_t before;
    bool parked;

    os_mutex_lock(&gate->lock);
    parked = ioq_gate_cancel(&gate->gate, &request->waiter);
    if (parked) {
        before = begin(gate);
        *granted = spd_requests_of(ioq_gate_admit(&gate->gate));
        end(gate, before);
    }
    os_mutex_unlock(&gate->lock);
    return parked;
}
