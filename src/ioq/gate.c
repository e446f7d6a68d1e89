/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "ioq/gate.h"

void ioq_gate_init(struct ioq_gate *gate, const struct ioq_patience *patience)
{
    *gate = (struct ioq_gate){ .patience = patience };
    ioq_turns_init(&gate->waiting);
}

static void park(struct ioq_gate *gate, struct ioq_flow *flow, struct ioq_waiter *waiter)
{
    if (!waiter->head) {
        ioq_turns_put(&gate->waiting, flow, waiter);
        return;
    }
    ioq_turns_put_first(&gate->waiting, flow, waiter);
    if (!gate->passed) {
        ioq_turns_prefer(&gate->waiting, waiter);
        gate->passed = true;
    }
}

/* In its turn a nexus has one exclusive task, or all tasks before its next exclusive one. */
static bool goes_on(const struct ioq_waiter *waiter)
{
    return waiter->next && !waiter->exclusive && !waiter->next->exclusive;
}

static void let_in(struct ioq_gate *gate, struct ioq_waiter *waiter)
{
    waiter->inside = true;
    waiter->next = NULL;
    gate->inside++;
    if (waiter->exclusive) {
        gate->exclusive = true;
        gate->brief_until = 0;
    }
}

struct ioq_waiter *ioq_gate_admit(struct ioq_gate *gate)
{
    struct ioq_waiter *granted = NULL, **end = &granted, *waiter;

    while (!gate->exclusive && (waiter = ioq_turns_first(&gate->waiting)) &&
        !(waiter->exclusive && gate->inside)) {
        if (!waiter->head)
            gate->passed = false;
        ioq_turns_take(&gate->waiting, waiter, goes_on(waiter));
        let_in(gate, waiter);
        *end = waiter;
        end = &waiter->next;
    }
    if (ioq_gate_is_open(gate))
        gate->passed = false;
    return granted;
}

static uint64_t patience_at(const struct ioq_gate *gate, uint64_t now)
{
    return now < gate->brief_until ? gate->patience->brief : gate->patience->usual;
}

/* Takes out the exclusive tasks that have their turn and have waited for longer than the patience;
 * returns the end of the list. */
static struct ioq_waiter **refuse(struct ioq_gate *gate, uint64_t now, struct ioq_waiter **end)
{
    struct ioq_waiter *waiter;

    while (gate->patience && !gate->exclusive && gate->inside &&
        (waiter = ioq_turns_first(&gate->waiting)) && waiter->exclusive &&
        now - waiter->since > patience_at(gate, now)) {
        ioq_turns_take(&gate->waiting, waiter, false);
        if (now >= gate->brief_until)
            gate->brief_until = now + gate->patience->spell;
        waiter->refused_for = gate->inside;
        *end = waiter;
        end = &waiter->next;
    }
    *end = NULL;
    return end;
}

struct ioq_waiter *ioq_gate_enter(
    struct ioq_gate *gate, struct ioq_flow *flow, struct ioq_waiter *waiter, uint64_t now)
{
    struct ioq_waiter *granted, **end;

    waiter->refused_for = 0;
    if (!waiter->exclusive && ioq_gate_is_open(gate)) {
        let_in(gate, waiter);
        return waiter;
    }
    waiter->since = now;
    park(gate, flow, waiter);
    end = refuse(gate, now, &granted);
    *end = ioq_gate_admit(gate);
    return granted;
}

struct ioq_waiter *ioq_gate_leave(struct ioq_gate *gate, struct ioq_waiter *waiter)
{
    waiter->inside = false;
    gate->inside--;
    gate->exclusive = false;
    return ioq_gate_admit(gate);
}

bool ioq_gate_cancel(struct ioq_gate *gate, struct ioq_waiter *waiter)
{
    return ioq_turns_remove(&gate->waiting, waiter);
}
