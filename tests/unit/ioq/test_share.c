/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The share: by example, and against a model. Beside the model's order each step is checked for
 * what the share is there for: nobody gets more than is allowed, and none waits for nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ioq/share.h"

enum { FLOWS = 4, WAITERS = 32, STEPS = 200000 };

enum place { IDLE, WAITING, HOLDING };

static struct ioq_share share;
static struct ioq_flow flows[FLOWS];
static struct ioq_waiter waiters[WAITERS]; /* the n-th is of flow n % FLOWS */

static void begin(uint32_t limit, uint32_t each)
{
    memset(flows, 0, sizeof flows);
    memset(waiters, 0, sizeof waiters);
    ioq_share_init(&share, limit, each);
}

static bool take(int number, bool must)
{
    return ioq_share_take(&share, &flows[number % FLOWS], &waiters[number], must);
}

static struct ioq_waiter *give(int number)
{
    return ioq_share_give(&share, &flows[number % FLOWS], &waiters[number]);
}

static void what_is_given_back_goes_to_the_nexus_whose_turn_it_is(void **state)
{
    (void)state;
    begin(2, IOQ_SHARE_ALL);
    assert_true(take(0, false));
    assert_true(take(FLOWS, false));
    assert_false(take(2 * FLOWS, false));
    assert_false(take(3 * FLOWS, false));
    assert_false(take(1, false));
    assert_ptr_equal(give(0), &waiters[2 * FLOWS]);
    assert_ptr_equal(give(FLOWS), &waiters[1]);
    assert_ptr_equal(give(1), &waiters[3 * FLOWS]);
}

static void a_nexus_with_its_part_is_passed_over(void **state)
{
    (void)state;
    begin(3, 2);
    assert_true(take(0, false));
    assert_true(take(FLOWS, false));
    assert_true(take(1, false));
    assert_false(take(2 * FLOWS, false));
    assert_false(take(2, false));
    assert_ptr_equal(give(1), &waiters[2]);
    assert_ptr_equal(give(0), &waiters[2 * FLOWS]);
}

static void one_that_must_have_it_gets_it_and_is_counted(void **state)
{
    (void)state;
    begin(1, IOQ_SHARE_ALL);
    assert_true(take(0, false));
    assert_true(take(1, true));
    assert_false(take(2, false));
    assert_null(give(0));
    assert_ptr_equal(give(1), &waiters[2]);
}

/*
 * The model.
 */
static struct model {
    uint32_t limit, each;
    enum place place[WAITERS];
    uint32_t held[FLOWS];
    uint32_t in_use;
    int waiting[FLOWS][WAITERS];
    int count[FLOWS];
    int turns[FLOWS];
    int turn_count;
} m;

static void array_remove(int *array, int *count, int value)
{
    int at = 0;

    while (array[at] != value)
        at++;
    memmove(array + at, array + at + 1, (size_t)(--*count - at) * sizeof *array);
}

static void model_hold(int number, int change)
{
    m.held[number % FLOWS] += (uint32_t)change;
    m.in_use += (uint32_t)change;
    m.place[number] = change > 0 ? HOLDING : IDLE;
}

static bool model_has_for(int flow)
{
    return m.in_use < m.limit && m.held[flow] < m.each;
}

static void model_wait(int number)
{
    int flow = number % FLOWS;

    if (!m.count[flow])
        m.turns[m.turn_count++] = flow;
    m.waiting[flow][m.count[flow]++] = number;
    m.place[number] = WAITING;
}

static void model_wait_no_more(int number, bool keeps_turn)
{
    int flow = number % FLOWS;

    array_remove(m.waiting[flow], &m.count[flow], number);
    m.place[number] = IDLE;
    if (m.count[flow] && keeps_turn)
        return;
    array_remove(m.turns, &m.turn_count, flow);
    if (m.count[flow])
        m.turns[m.turn_count++] = flow;
}

/* -1: nobody. */
static int model_next(void)
{
    for (int i = 0; i < m.turn_count; i++)
        if (model_has_for(m.turns[i]))
            return m.waiting[m.turns[i]][0];
    return -1;
}

static void step_take(int number, bool must)
{
    bool now = must || model_has_for(number % FLOWS);

    assert_int_equal(take(number, must), now);
    if (now)
        model_hold(number, 1);
    else
        model_wait(number);
}

static void step_give(int number)
{
    int next;

    model_hold(number, -1);
    next = model_next();
    assert_ptr_equal(give(number), next < 0 ? NULL : &waiters[next]);
    if (next < 0)
        return;
    model_wait_no_more(next, false);
    model_hold(next, 1);
}

static void step_cancel(int number)
{
    bool waits = m.place[number] == WAITING;

    assert_int_equal(ioq_share_cancel(&share, &waiters[number]), waits);
    if (waits)
        model_wait_no_more(number, true);
}

static void check(void)
{
    assert_int_equal(share.in_use, m.in_use);
    for (int i = 0; i < m.turn_count; i++)
        assert_false(model_has_for(m.turns[i]));
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(waiters[i].holds, m.place[i] == HOLDING);
        assert_int_equal(waiters[i].waits_in != NULL, m.place[i] == WAITING);
    }
}

static void play(uint32_t limit, uint32_t each)
{
    uint64_t seed = limit * 16 + each;

    begin(limit, each);
    memset(&m, 0, sizeof m);
    m.limit = limit;
    m.each = each;
    for (int step = 0; step < STEPS; step++) {
        int number;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        number = (int)(seed >> 40) % WAITERS;
        if ((seed >> 60) == 0)
            step_cancel(number);
        else if (m.place[number] == IDLE)
            step_take(number, (seed >> 56 & 15) == 0);
        else if (m.place[number] == HOLDING)
            step_give(number);
        check();
    }
}

static void it_does_what_its_model_does(void **state)
{
    (void)state;
    play(8, IOQ_SHARE_ALL);
    play(6, 2);
    play(6, 3);
    play(IOQ_SHARE_ALL, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_back_goes_to_the_nexus_whose_turn_it_is),
        cmocka_unit_test(a_nexus_with_its_part_is_passed_over),
        cmocka_unit_test(one_that_must_have_it_gets_it_and_is_counted),
        cmocka_unit_test(it_does_what_its_model_does),
    };

    return cmocka_run_group_tests_name("ioq-share", tests, NULL, NULL);
}
