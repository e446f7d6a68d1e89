/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The queue that gives every flow its turn: by example, and against a model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ioq/turns.h"

enum { FLOWS = 4, WAITERS = 24, STEPS = 200000 };

static struct ioq_turns turns;
static struct ioq_flow flows[FLOWS];
static struct ioq_waiter waiters[WAITERS]; /* the n-th is of flow n % FLOWS */

static int setup(void **state)
{
    (void)state;
    ioq_turns_init(&turns);
    memset(flows, 0, sizeof flows);
    memset(waiters, 0, sizeof waiters);
    return 0;
}

static void put(int number)
{
    ioq_turns_put(&turns, &flows[number % FLOWS], &waiters[number]);
}

static void put_first(int number)
{
    ioq_turns_put_first(&turns, &flows[number % FLOWS], &waiters[number]);
}

static struct ioq_waiter *take_first(void)
{
    struct ioq_waiter *waiter = ioq_turns_first(&turns);

    if (waiter)
        ioq_turns_take(&turns, waiter, false);
    return waiter;
}

static void of_one_flow_the_oldest_is_first(void **state)
{
    (void)state;
    assert_null(ioq_turns_first(&turns));
    put(0);
    put(FLOWS);
    put_first(2 * FLOWS);
    assert_ptr_equal(take_first(), &waiters[2 * FLOWS]);
    assert_ptr_equal(take_first(), &waiters[0]);
    assert_ptr_equal(take_first(), &waiters[FLOWS]);
    assert_null(ioq_turns_first(&turns));
}

static void one_of_few_waits_for_one_of_many(void **state)
{
    (void)state;
    for (int i = 0; i < WAITERS; i += FLOWS)
        put(i);
    put(1);
    assert_ptr_equal(take_first(), &waiters[0]);
    assert_ptr_equal(take_first(), &waiters[1]);
    assert_ptr_equal(take_first(), &waiters[FLOWS]);
}

static void one_that_holds_too_much_is_passed_over_and_loses_nothing_by_it(void **state)
{
    (void)state;
    put(0);
    put(1);
    put(1 + FLOWS);
    atomic_store(&flows[0].held, 2);
    assert_ptr_equal(ioq_turns_first_below(&turns, 3), &waiters[0]);
    assert_ptr_equal(ioq_turns_first_below(&turns, 2), &waiters[1]);
    assert_null(ioq_turns_first_below(&turns, 0));
    ioq_turns_take(&turns, &waiters[1], false);
    assert_ptr_equal(take_first(), &waiters[0]);
    assert_ptr_equal(take_first(), &waiters[1 + FLOWS]);
}

static void a_turn_can_be_kept_or_preferred(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * FLOWS; i++)
        put(i);
    ioq_turns_take(&turns, &waiters[0], true);
    assert_ptr_equal(ioq_turns_first(&turns), &waiters[FLOWS]);
    ioq_turns_prefer(&turns, &waiters[2]);
    assert_ptr_equal(take_first(), &waiters[2]);
    assert_ptr_equal(take_first(), &waiters[FLOWS]);
    assert_ptr_equal(take_first(), &waiters[1]);
}

/* The model: what waits in each flow, and the order of turns, in plain arrays. */
static struct model {
    int waiting[FLOWS][WAITERS];
    int count[FLOWS];
    int turns[FLOWS];
    int turn_count;
} model;

static void model_append_turn(int flow)
{
    model.turns[model.turn_count++] = flow;
}

static void model_drop_turn(int flow)
{
    int i = 0;

    while (model.turns[i] != flow)
        i++;
    memmove(&model.turns[i], &model.turns[i + 1], sizeof(int) * (size_t)(FLOWS - i - 1));
    model.turn_count--;
}

static void model_put(int number, bool first)
{
    int flow = number % FLOWS, *waiting = model.waiting[flow];

    if (!model.count[flow])
        model_append_turn(flow);
    memmove(waiting + first, waiting, sizeof(int) * (size_t)(first ? model.count[flow] : 0));
    waiting[first ? 0 : model.count[flow]] = number;
    model.count[flow]++;
}

static bool model_remove(int number)
{
    int flow = number % FLOWS, *waiting = model.waiting[flow], i = 0;

    while (i < model.count[flow] && waiting[i] != number)
        i++;
    if (i == model.count[flow])
        return false;
    memmove(waiting + i, waiting + i + 1, sizeof(int) * (size_t)(model.count[flow] - i - 1));
    if (!--model.count[flow])
        model_drop_turn(flow);
    return true;
}

static void model_take(int number, bool again)
{
    int flow = number % FLOWS;

    model_remove(number);
    if (again || !model.count[flow])
        return;
    model_drop_turn(flow);
    model_append_turn(flow);
}

static void compare(uint32_t below)
{
    const struct ioq_flow *flow = turns.turn;
    const struct ioq_waiter *first_below = NULL;
    uint32_t count = 0;

    for (int i = 0; i < model.turn_count; i++, flow = flow->next) {
        const struct ioq_waiter *first = &waiters[model.waiting[model.turns[i]][0]];

        assert_ptr_equal(flow->first, first);
        if (!first_below && atomic_load(&flow->held) < below)
            first_below = first;
        count += (uint32_t)model.count[model.turns[i]];
    }
    assert_ptr_equal(flow, turns.turn);
    assert_int_equal(atomic_load(&turns.count), count);
    assert_ptr_equal(ioq_turns_first_below(&turns, below), first_below);
}

static void it_does_what_its_model_does(void **state)
{
    uint64_t seed = 7;

    (void)state;
    memset(&model, 0, sizeof model);
    for (int step = 0; step < STEPS; step++) {
        int number, turn;
        bool flag;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        number = (int)(seed >> 40) % WAITERS;
        turn = model.turn_count ? (int)(seed >> 33) % model.turn_count : 0;
        flag = seed >> 32 & 1;
        if (seed >> 60 & 1) {
            assert_int_equal(ioq_turns_remove(&turns, &waiters[number]), model_remove(number));
        } else if (seed >> 61 & 1 && model.turn_count) {
            number = model.waiting[model.turns[turn]][0];
            ioq_turns_take(&turns, &waiters[number], flag);
            model_take(number, flag);
        } else if (!atomic_load(&waiters[number].waits_in)) {
            (flag ? put_first : put)(number);
            model_put(number, flag);
        }
        atomic_store(&flows[number % FLOWS].held, seed >> 36 & 3);
        compare((uint32_t)(seed >> 34) & 3);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(of_one_flow_the_oldest_is_first),
        TEST(one_of_few_waits_for_one_of_many),
        TEST(one_that_holds_too_much_is_passed_over_and_loses_nothing_by_it),
        TEST(a_turn_can_be_kept_or_preferred),
        TEST(it_does_what_its_model_does),
    };

    return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
