/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Within the grace a unit belongs to the user whose program made it. */

#include "rig.h"

enum { GRACE = 60, WARNING = (int)0xa0010001 };

static struct rig_program other;
static UINT32 btls[16];

static int setup(void **state)
{
    rig_setup(state);
    rig_start(&other, 101);
    other.process->user = 2;
    return 0;
}

static int teardown(void **state)
{
    shim.tokenless = false;
    rig_exit(&other);
    return rig_teardown(state);
}

static NTSTATUS provision(struct rig_program *who)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    params.Reserved[0] = GRACE;
    return rig_provision(who, &params, &btl);
}

/* The program that made the unit ends, and is there again. */
static void restart(void)
{
    rig_exit(&program);
    rig_start(&program, 100);
}

static void test_another_user_does_not_take_over(void **state)
{
    (void)state;
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    restart();
    assert_int_equal(provision(&other), STATUS_ACCESS_DENIED);
    assert_string_equal(shim.event, "unit 0: waits for another user than process 101's");
    assert_int_equal(shim.event_code, (ULONG)WARNING);
    other.process->administrator = true;
    assert_int_equal(provision(&other), STATUS_ACCESS_DENIED);
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    assert_int_equal(rig_list(&program, btls, 16), 1);
}

/* A unit that nobody waits to take over again is no matter of users. */
static void test_a_unit_in_use_is_a_collision_for_everyone(void **state)
{
    (void)state;
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    assert_int_equal(provision(&other), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(provision(&program), STATUS_OBJECT_NAME_COLLISION);
}

static void test_the_user_removes_what_waits(void **state)
{
    (void)state;
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    restart();
    assert_int_equal(rig_unprovision(&other, 0), STATUS_ACCESS_DENIED);
    assert_int_equal(rig_list(&program, btls, 16), 1);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
}

static void test_an_administrator_removes_what_waits(void **state)
{
    (void)state;
    other.process->administrator = true;
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    assert_int_equal(rig_unprovision(&other, 0), STATUS_ACCESS_DENIED); /* its owner lives */
    restart();
    assert_int_equal(rig_unprovision(&other, 0), STATUS_SUCCESS);
}

/* Nobody is the same as a user who is not known, not even that user. */
static void test_a_user_who_is_not_known_is_nobody(void **state)
{
    (void)state;
    shim.tokenless = true;
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    restart();
    assert_int_equal(provision(&program), STATUS_ACCESS_DENIED);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_ACCESS_DENIED);
    shim.tokenless = false;
    assert_int_equal(provision(&program), STATUS_ACCESS_DENIED);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_ACCESS_DENIED);
    program.process->administrator = true;
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
}

/* Groups are asked for in memory of the pool. */
static void test_without_memory_nobody_is_an_administrator(void **state)
{
    (void)state;
    other.process->administrator = true;
    assert_int_equal(provision(&program), STATUS_SUCCESS);
    restart();
    shim.pool_fail_in = 1;
    assert_int_equal(rig_unprovision(&other, 0), STATUS_ACCESS_DENIED);
    assert_int_equal(rig_unprovision(&other, 0), STATUS_SUCCESS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(another_user_does_not_take_over),
        TEST(a_unit_in_use_is_a_collision_for_everyone),
        TEST(the_user_removes_what_waits),
        TEST(an_administrator_removes_what_waits),
        TEST(a_user_who_is_not_known_is_nobody),
        TEST(without_memory_nobody_is_an_administrator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
