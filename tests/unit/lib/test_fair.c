/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The queue of requests that gives every nexus its turn: by example, and against a model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fair.h"

enum { NEXUSES = 4, REQUESTS = 24, STEPS = 200000 };

static struct spd_fair fair;
static struct scsi_nexus nexuses[NEXUSES];
static struct spd_request requests[REQUESTS]; /* the n-th is of nexus n % NEXUSES */

static int setup(void **state)
{
    (void)state;
    spd_fair_init(&fair, SPD_FAIR_DISPATCH);
    memset(nexuses, 0, sizeof nexuses);
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < REQUESTS; i++)
        requests[i].task.nexus = &nexuses[i % NEXUSES];
    return 0;
}

static struct spd_request *take_first(void)
{
    struct spd_request *request = spd_fair_first(&fair);

    if (request)
        spd_fair_take(&fair, request, false);
    return request;
}

static void of_one_nexus_the_oldest_is_first(void **state)
{
    (void)state;
    assert_null(spd_fair_first(&fair));
    spd_fair_put(&fair, &requests[0]);
    spd_fair_put(&fair, &requests[NEXUSES]);
    spd_fair_put_first(&fair, &requests[2 * NEXUSES]);
    assert_ptr_equal(take_first(), &requests[2 * NEXUSES]);
    assert_ptr_equal(take_first(), &requests[0]);
    assert_ptr_equal(take_first(), &requests[NEXUSES]);
    assert_null(spd_fair_first(&fair));
}

static void one_of_few_waits_for_one_of_many(void **state)
{
    (void)state;
    for (int i = 0; i < REQUESTS; i += NEXUSES)
        spd_fair_put(&fair, &requests[i]);
    spd_fair_put(&fair, &requests[1]);
    assert_ptr_equal(take_first(), &requests[0]);
    assert_ptr_equal(take_first(), &requests[1]);
    assert_ptr_equal(take_first(), &requests[NEXUSES]);
}

static void a_turn_can_be_passed_over_and_loses_nothing_by_it(void **state)
{
    struct spd_request *second;

    (void)state;
    spd_fair_put(&fair, &requests[0]);
    spd_fair_put(&fair, &requests[1]);
    spd_fair_put(&fair, &requests[1 + NEXUSES]);
    second = spd_fair_after(&fair, spd_fair_first(&fair));
    assert_ptr_equal(second, &requests[1]);
    assert_null(spd_fair_after(&fair, second));
    spd_fair_take(&fair, second, false);
    assert_ptr_equal(take_first(), &requests[0]);
    assert_ptr_equal(take_first(), &requests[1 + NEXUSES]);
}

static void a_turn_can_be_kept_or_preferred(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * NEXUSES; i++)
        spd_fair_put(&fair, &requests[i]);
    spd_fair_take(&fair, &requests[0], true);
    assert_ptr_equal(spd_fair_first(&fair), &requests[NEXUSES]);
    spd_fair_prefer(&fair, &requests[2]);
    assert_ptr_equal(take_first(), &requests[2]);
    assert_ptr_equal(take_first(), &requests[NEXUSES]);
    assert_ptr_equal(take_first(), &requests[1]);
}

/* The model: what waits in each nexus, and the order of turns, in plain arrays. */
static struct model {
    int waiting[NEXUSES][REQUESTS];
    int count[NEXUSES];
    int turns[NEXUSES];
    int turn_count;
} model;

static void model_append_turn(int nexus)
{
    model.turns[model.turn_count++] = nexus;
}

static void model_drop_turn(int nexus)
{
    int i = 0;

    while (model.turns[i] != nexus)
        i++;
    memmove(&model.turns[i], &model.turns[i + 1], sizeof(int) * (size_t)(NEXUSES - i - 1));
    model.turn_count--;
}

static void model_put(int number, bool first)
{
    int nexus = number % NEXUSES, *waiting = model.waiting[nexus];

    if (!model.count[nexus])
        model_append_turn(nexus);
    memmove(waiting + first, waiting, sizeof(int) * (size_t)(first ? model.count[nexus] : 0));
    waiting[first ? 0 : model.count[nexus]] = number;
    model.count[nexus]++;
}

static bool model_remove(int number)
{
    int nexus = number % NEXUSES, *waiting = model.waiting[nexus], i = 0;

    while (i < model.count[nexus] && waiting[i] != number)
        i++;
    if (i == model.count[nexus])
        return false;
    memmove(waiting + i, waiting + i + 1, sizeof(int) * (size_t)(model.count[nexus] - i - 1));
    if (!--model.count[nexus])
        model_drop_turn(nexus);
    return true;
}

static void model_take(int number, bool again)
{
    int nexus = number % NEXUSES;

    model_remove(number);
    if (again || !model.count[nexus])
        return;
    model_drop_turn(nexus);
    model_append_turn(nexus);
}

static void compare(void)
{
    const struct spd_request *request = spd_fair_first(&fair);
    uint32_t count = 0;

    for (int i = 0; i < model.turn_count; i++) {
        int nexus = model.turns[i];

        assert_ptr_equal(request, &requests[model.waiting[nexus][0]]);
        request = spd_fair_after(&fair, request);
        count += (uint32_t)model.count[nexus];
    }
    assert_null(request);
    assert_int_equal(atomic_load(&fair.count), count);
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
        number = (int)(seed >> 40) % REQUESTS;
        turn = model.turn_count ? (int)(seed >> 33) % model.turn_count : 0;
        flag = seed >> 32 & 1;
        if (seed >> 60 & 1) {
            assert_int_equal(spd_fair_remove(&fair, &requests[number]), model_remove(number));
        } else if (seed >> 61 & 1 && model.turn_count) {
            number = model.waiting[model.turns[turn]][0];
            spd_fair_take(&fair, &requests[number], flag);
            model_take(number, flag);
        } else if (!atomic_load(&requests[number].waits_in)) {
            (flag ? spd_fair_put_first : spd_fair_put)(&fair, &requests[number]);
            model_put(number, flag);
        }
        compare();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(of_one_nexus_the_oldest_is_first),
        TEST(one_of_few_waits_for_one_of_many),
        TEST(a_turn_can_be_passed_over_and_loses_nothing_by_it),
        TEST(a_turn_can_be_kept_or_preferred),
        TEST(it_does_what_its_model_does),
    };

    return cmocka_run_group_tests_name("fair", tests, NULL, NULL);
}
