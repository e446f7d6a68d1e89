/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/gate.h"

#include <stdatomic.h>

void spd_gate_init(struct spd_gate *gate)
{
    atomic_init(&gate->word, 0);
    os_mutex_init(&gate->lock);
    gate->head = NULL;
    gate->tail = NULL;
    gate->exclusive = false;
}

void spd_gate_destroy(struct spd_gate *gate)
{
    os_mutex_destroy(&gate->lock);
}

static void park(struct spd_gate *gate, struct spd_request *request)
{
    bool first = request->task.attribute == SCSI_HEAD_OF_QUEUE;

    request->parked = true;
    request->next = first ? gate->head : NULL;
    if (first)
        gate->head = request;
    else if (gate->tail)
        gate->tail->next = request;
    else
        gate->head = request;
    if (!first || !gate->tail)
        gate->tail = request;
}

/* The lock is held. Lets in whom the order allows and unlinks them from the queue. */
static struct spd_request *admit(struct spd_gate *gate)
{
    struct spd_request *granted = NULL, **end = &granted;

    while (gate->head && !gate->exclusive) {
        struct spd_request *request = gate->head;

        if (request->task.exclusive) {
            if (atomic_load(&gate->word) != SPD_GATE_SLOW)
                break; /* the last one to leave comes here */
            gate->exclusive = true;
        }
        atomic_fetch_add(&gate->word, 1);
        gate->head = request->next;
        if (!gate->head)
            gate->tail = NULL;
        request->parked = false;
        request->gated = true;
        request->next = NULL;
        *end = request;
        end = &request->next;
    }
    if (!gate->head && !gate->exclusive)
        atomic_fetch_and(&gate->word, ~SPD_GATE_SLOW);
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
    struct spd_request *previous = NULL;
    bool parked;

    os_mutex_lock(&gate->lock);
    parked = request->parked;
    if (parked) {
        for (struct spd_request *at = gate->head; at != request; at = at->next)
            previous = at;
        if (previous)
            previous->next = request->next;
        else
            gate->head = request->next;
        if (gate->tail == request)
            gate->tail = previous;
        request->parked = false;
        *granted = admit(gate);
    }
    os_mutex_unlock(&gate->lock);
    return parked;
}
