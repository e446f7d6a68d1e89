/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Leader and followers. Followers are threads; the rest, with its times, the tests say. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doors/windows/lead.h"

enum { FOLLOWERS = 3, ENOUGH = 1000, LEADER = 1 };
enum { QUICK = 1000, DRIVER = 20000, LONGER = 40000, SLOW = 1000000000 }; /* ns */

static struct windows_lead lead;

struct follower {
    os_thread thread;
    uint32_t number;
    bool too; /* it asks besides the leader */
    atomic_bool ended;
};

static void driver(uint64_t took_ns)
{
    for (unsigned i = 0; i < ENOUGH; i++)
        windows_lead_note_driver(&lead, took_ns);
}

static int setup(void **state)
{
    (void)state;
    windows_lead_init(&lead);
    driver(DRIVER);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    windows_lead_destroy(&lead);
    return 0;
}

static void device(unsigned calls, uint64_t took_ns)
{
    while (calls--)
        windows_lead_note_device(&lead, took_ns);
}

/* The device has been quick, and a thread leads. */
static void begin_to_lead(void)
{
    device(ENOUGH, QUICK);
    assert_true(windows_lead_asks(&lead, LEADER));
    assert_false(windows_lead_asks(&lead, LEADER + 1));
}

static bool anybody_asks(void)
{
    return windows_lead_asks(&lead, LEADER) && windows_lead_asks(&lead, LEADER + 1);
}

/* How many quick calls it takes until one thread leads. */
static unsigned calls_until_led(void)
{
    unsigned calls = 0;

    while (anybody_asks()) {
        device(1, QUICK);
        calls++;
    }
    return calls;
}

static void follow(void *argument)
{
    struct follower *follower = argument;

    while (!follower->too && !windows_lead_asks(&lead, follower->number))
        follower->too = windows_lead_follow(&lead, follower->number);
    atomic_store(&follower->ended, true);
}

static void start(struct follower *followers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        followers[i] = (struct follower){ .number = LEADER + 1 + i };
        assert_int_equal(
            os_thread_create(&followers[i].thread, "follower", follow, &followers[i]), 0);
    }
}

static void join(struct follower *followers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        os_thread_join(followers[i].thread);
}

static void test_quick_device_has_one_leader(void **state)
{
    (void)state;
    assert_true(anybody_asks());
    begin_to_lead();
    assert_true(windows_lead_asks(&lead, LEADER));
}

static void test_slow_device_has_none(void **state)
{
    (void)state;
    device(ENOUGH, SLOW);
    assert_true(anybody_asks());
}

/* Several threads at once are worth more then. */
static void test_device_that_costs_more_than_the_driver_has_none(void **state)
{
    (void)state;
    device(ENOUGH, LONGER);
    assert_true(anybody_asks());
    driver(2 * LONGER);
    device(1, LONGER);
    assert_false(anybody_asks());
}

/* A single long call may be the fault of a busy machine. */
static void test_one_slow_call_does_not_end_it(void **state)
{
    (void)state;
    begin_to_lead();
    device(1, SLOW);
    assert_false(anybody_asks());
    device(3, SLOW);
    assert_true(anybody_asks());
}

static void test_blocked_leader_is_given_up(void **state)
{
    struct follower followers[FOLLOWERS];

    (void)state;
    begin_to_lead();
    start(followers, FOLLOWERS);
    join(followers, FOLLOWERS);
    assert_true(anybody_asks());
}

/* A thread in the driver gets whatever comes. In the end all are there. */
static void test_leader_that_waits_is_kept(void **state)
{
    struct follower followers[FOLLOWERS];

    (void)state;
    begin_to_lead();
    windows_lead_leaves(&lead);
    start(followers, FOLLOWERS);
    join(followers, FOLLOWERS);
    for (unsigned i = 0; i < FOLLOWERS; i++)
        assert_true(followers[i].too);
    assert_false(anybody_asks());
}

static bool is_kept_while_it_turns(void)
{
    struct follower follower;

    begin_to_lead();
    start(&follower, 1);
    while (!atomic_load(&follower.ended)) {
        windows_lead_leaves(&lead);
        windows_lead_returns(&lead);
    }
    join(&follower, 1);
    return follower.too;
}

/* Its turns are seen, although a look hardly ever finds it in the driver. A busy machine may not
 * let this thread turn between two looks: then it is given up with good reason. */
static void test_leader_that_turns_is_kept(void **state)
{
    while (!is_kept_while_it_turns()) {
        teardown(state);
        setup(state);
    }
    assert_false(anybody_asks());
}

static unsigned calls_after_a_block(void)
{
    struct follower follower;

    assert_true(windows_lead_asks(&lead, LEADER));
    start(&follower, 1);
    join(&follower, 1);
    return calls_until_led();
}

static void test_device_that_blocks_is_led_less_and_less(void **state)
{
    unsigned first, second, third;

    (void)state;
    begin_to_lead();
    first = calls_after_a_block();
    second = calls_after_a_block();
    assert_true(second >= 2 * first);
    device(second, QUICK);
    third = calls_after_a_block();
    assert_int_equal(third, first);
}

static void test_end_is_for_good(void **state)
{
    struct follower followers[FOLLOWERS];

    (void)state;
    begin_to_lead();
    windows_lead_leaves(&lead);
    start(followers, FOLLOWERS);
    windows_lead_end(&lead);
    join(followers, FOLLOWERS);
    device(ENOUGH, QUICK);
    assert_true(anybody_asks());
}

/* Threads lead, block, turn and note what they like; none is left asleep. */
static void take_part(void *argument)
{
    struct follower *thread = argument;

    for (unsigned i = 0; i < ENOUGH; i++) {
        if (!windows_lead_asks(&lead, thread->number) &&
            !windows_lead_follow(&lead, thread->number))
            continue;
        windows_lead_leaves(&lead);
        os_yield();
        windows_lead_returns(&lead);
        device(1, i % 100 == thread->number ? SLOW : QUICK);
    }
    windows_lead_end(&lead);
}

static void test_all_at_once(void **state)
{
    struct follower threads[FOLLOWERS];

    (void)state;
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        threads[i] = (struct follower){ .number = LEADER + i };
        assert_int_equal(
            os_thread_create(&threads[i].thread, "thread", take_part, &threads[i]), 0);
    }
    join(threads, FOLLOWERS);
    assert_true(anybody_asks());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quick_device_has_one_leader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_device_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_device_that_costs_more_than_the_driver_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_slow_call_does_not_end_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocked_leader_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leader_that_waits_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leader_that_turns_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_device_that_blocks_is_led_less_and_less, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_is_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
    };

    return cmocka_run_group_tests_name("windows: leader and followers", tests, NULL, NULL);
}
