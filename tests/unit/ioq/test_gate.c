/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The gate against a model: plain arrays, searched from the start. Beside the model's order each
 * step is checked for what the gate is there for, whatever the order: an exclusive task is alone,
 * the tasks of a nexus keep their order, and none waits for nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ioq/gate.h"

enum { FLOWS_MAX = 4, TASKS = 24, STEPS = 200000 };

enum place { OUTSIDE, WAITING, INSIDE };

static const struct ioq_patience patience = { .usual = 100, .brief = 5, .spell = 400 };

struct model {
    enum place place[TASKS];
    uint64_t came[TASKS];  /* a number that grows */
    uint64_t since[TASKS]; /* the time */
    int waiting[FLOWS_MAX][TASKS];
    int count[FLOWS_MAX];
    int turns[FLOWS_MAX];
    int turn_count;
    uint32_t inside;
    bool exclusive, passed;
    uint64_t brief_until;
    uint64_t last_in[FLOWS_MAX]; /* `came` of the last that was let in, save heads */
    int expected[2 * TASKS];     /* what the present call returns */
    int expected_count;
};

static struct world {
    struct ioq_gate gate;
    struct ioq_flow flows[FLOWS_MAX];
    struct ioq_waiter tasks[TASKS];
    struct model model;
    int flow_count;
    uint64_t random, now, came;
    unsigned refused, heads_ahead;
} w;

static unsigned pick(unsigned below)
{
    w.random = w.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w.random >> 33) % below;
}

static int flow_of(int task)
{
    return task % w.flow_count;
}

static void array_insert(int *array, int *count, int at, int value)
{
    memmove(array + at + 1, array + at, (size_t)((*count)++ - at) * sizeof *array);
    array[at] = value;
}

static void array_remove(int *array, int *count, int value)
{
    int at = 0;

    while (array[at] != value)
        at++;
    memmove(array + at, array + at + 1, (size_t)(--*count - at) * sizeof *array);
}

static void model_take(int task, bool again)
{
    struct model *m = &w.model;
    int flow = flow_of(task);

    array_remove(m->waiting[flow], &m->count[flow], task);
    if (m->count[flow] && again)
        return;
    array_remove(m->turns, &m->turn_count, flow);
    if (m->count[flow])
        m->turns[m->turn_count++] = flow;
}

static void model_put(int task)
{
    struct model *m = &w.model;
    int flow = flow_of(task);
    bool head = w.tasks[task].head;

    if (!m->count[flow])
        m->turns[m->turn_count++] = flow;
    array_insert(m->waiting[flow], &m->count[flow], head ? 0 : m->count[flow], task);
    m->place[task] = WAITING;
    m->since[task] = w.now;
    if (!head || m->passed)
        return;
    m->passed = true;
    array_remove(m->turns, &m->turn_count, flow);
    array_insert(m->turns, &m->turn_count, 0, flow);
}

/* -1: none waits. */
static int model_first(void)
{
    return w.model.turn_count ? w.model.waiting[w.model.turns[0]][0] : -1;
}

static void model_let_in(int task)
{
    struct model *m = &w.model;
    bool head = w.tasks[task].head, exclusive = w.tasks[task].exclusive;
    int flow = flow_of(task);

    m->place[task] = INSIDE;
    m->inside++;
    m->exclusive = exclusive;
    if (exclusive)
        m->brief_until = 0;
    m->expected[m->expected_count++] = task;

    assert_true(!exclusive || m->inside == 1);
    if (head)
        return;
    assert_true(m->came[task] > m->last_in[flow]);
    m->last_in[flow] = m->came[task];
    for (int i = 0; i < m->count[flow]; i++) /* SAM-5 8.7.4 */
        assert_false(w.tasks[m->waiting[flow][i]].head);
}

static void model_admit(void)
{
    struct model *m = &w.model;
    int task;

    while (!m->exclusive && (task = model_first()) >= 0 &&
        !(w.tasks[task].exclusive && m->inside)) {
        int flow = flow_of(task);
        bool again = !w.tasks[task].exclusive && m->count[flow] > 1 &&
            !w.tasks[m->waiting[flow][1]].exclusive;

        if (!w.tasks[task].head)
            m->passed = false;
        model_take(task, again);
        model_let_in(task);
    }
    if (!m->turn_count && !m->exclusive)
        m->passed = false;
}

static void model_refuse(void)
{
    struct model *m = &w.model;
    int task;

    while (!m->exclusive && m->inside && (task = model_first()) >= 0 && w.tasks[task].exclusive &&
        w.now - m->since[task] > (w.now < m->brief_until ? patience.brief : patience.usual)) {
        model_take(task, false);
        if (w.now >= m->brief_until)
            m->brief_until = w.now + patience.spell;
        m->place[task] = OUTSIDE;
        m->expected[m->expected_count++] = task;
        w.refused++;
    }
}

/* The gate's caller counts those inside; what the gate has of it between calls is worth nothing. */
static void begin_call(void)
{
    w.gate.inside = w.model.inside;
    w.model.expected_count = 0;
}

static void check_call(const struct ioq_waiter *returned)
{
    const struct model *m = &w.model;

    for (int i = 0; i < m->expected_count; i++, returned = returned->next) {
        int task = m->expected[i];

        assert_ptr_equal(returned, &w.tasks[task]);
        assert_int_equal(returned->inside, m->place[task] == INSIDE);
        assert_int_equal(returned->refused_for != 0, m->place[task] == OUTSIDE);
    }
    assert_null(returned);
    assert_int_equal(w.gate.inside, m->inside);
    assert_int_equal(ioq_gate_is_open(&w.gate), !m->exclusive && !m->turn_count);
    w.gate.inside = 12345;
}

/* None waits for nothing: the first has another one inside before it that it cannot be with. */
static void check_waits(void)
{
    const struct model *m = &w.model;
    int first = model_first();

    assert_true(first < 0 || m->inside);
    assert_true(first < 0 || m->exclusive || w.tasks[first].exclusive);
    for (int task = 0; task < TASKS; task++) {
        assert_int_equal(w.tasks[task].waits_in != NULL, m->place[task] == WAITING);
        assert_true(!m->exclusive || m->place[task] != INSIDE || w.tasks[task].exclusive);
    }
}

static void step_enter(int task)
{
    struct ioq_waiter *waiter = &w.tasks[task], *returned;
    bool others = w.model.turn_count != 0;

    waiter->exclusive = pick(4) == 0;
    waiter->head = pick(6) == 0;
    w.model.came[task] = ++w.came;
    begin_call();
    model_put(task);
    if (w.gate.patience)
        model_refuse();
    model_admit();
    returned = ioq_gate_enter(&w.gate, &w.flows[flow_of(task)], waiter, w.now);
    check_call(returned);
    /* On this the driver relies. */
    if (w.flow_count == 1 && !w.gate.patience)
        assert_true(!returned || (returned == waiter && !returned->next));
    w.heads_ahead += others && waiter->head && waiter->inside;
}

static void step_leave(int task)
{
    begin_call();
    w.model.place[task] = OUTSIDE;
    w.model.inside--;
    w.model.exclusive = false;
    model_admit();
    check_call(ioq_gate_leave(&w.gate, &w.tasks[task]));
}

static void step_cancel(int task)
{
    bool waits = w.model.place[task] == WAITING;

    assert_int_equal(ioq_gate_cancel(&w.gate, &w.tasks[task]), waits);
    if (!waits)
        return;
    begin_call();
    model_take(task, true);
    w.model.place[task] = OUTSIDE;
    model_admit();
    check_call(ioq_gate_admit(&w.gate));
}

static void play(int flow_count, const struct ioq_patience *how_long)
{
    memset(&w, 0, sizeof w);
    w.flow_count = flow_count;
    w.random = (uint64_t)flow_count;
    ioq_gate_init(&w.gate, how_long);
    for (int i = 0; i < STEPS; i++) {
        bool crowded = i & 64; /* or almost nobody is there */
        int task = (int)pick(TASKS);

        w.now += pick(8);
        if (pick(16) == 0)
            step_cancel(task);
        else if (w.model.place[task] == OUTSIDE && (crowded || pick(6) == 0))
            step_enter(task);
        else if (w.model.place[task] == INSIDE && (!crowded || pick(3) == 0))
            step_leave(task);
        check_waits();
    }
    assert_true(w.heads_ahead > 100);
    assert_true(how_long ? w.refused > 100 : w.refused == 0);
}

static void one_nexus_matches_the_model(void **state)
{
    (void)state;
    play(1, NULL);
}

static void one_nexus_with_patience_matches_the_model(void **state)
{
    (void)state;
    play(1, &patience);
}

static void several_nexuses_match_the_model(void **state)
{
    (void)state;
    play(FLOWS_MAX, NULL);
}

static void several_nexuses_with_patience_match_the_model(void **state)
{
    (void)state;
    play(FLOWS_MAX, &patience);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_nexus_matches_the_model),
        cmocka_unit_test(one_nexus_with_patience_matches_the_model),
        cmocka_unit_test(several_nexuses_match_the_model),
        cmocka_unit_test(several_nexuses_with_patience_match_the_model),
    };

    return cmocka_run_group_tests_name("ioq-gate", tests, NULL, NULL);
}
