/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit's capacity changes while it serves: the engine, the doors and the parameters follow. */

#include "one_unit.h"

static void a_resize_changes_the_capacity_and_tells_initiators(void **state)
{
    static const uint8_t test_unit_ready[6], read_capacity[10] = { 0x25 };
    spd_params params = test_params(SPD_CACHE);
    struct loop_command first = { 0 }, second = { 0 };

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(spd_unit_resize(unit, 0), SPD_ERROR_BLOCK_COUNT);
    assert_int_equal(spd_unit_resize(unit, UINT64_MAX), SPD_ERROR_BLOCK_COUNT);
    assert_int_equal(spd_unit_resize(unit, 0x1000), 0);
    assert_int_equal(effective_params().block_count, 0x1000);
    loop_start(loop_door_of(unit), &first, test_unit_ready, 6, SCSI_NO_DATA, 0);
    assert_int_equal(loop_wait(&first), SCSI_CHECK_CONDITION);
    assert_int_equal(first.request.task.sense[12], 0x2a);
    assert_int_equal(first.request.task.sense[13], 0x09);
    loop_start(loop_door_of(unit), &second, read_capacity, 10, SCSI_DATA_IN, 8);
    assert_non_null(second.request.task.reply);
    assert_memory_equal(second.request.task.reply, "\0\0\x0f\xff", 4);
    loop_wait(&second);
}

static void doors_are_told_of_a_resize(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    uint64_t blocks;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_add_door(unit, "served:without"), 0);
    assert_int_equal(spd_unit_add_door(unit, "loop:other"), 0);
    assert_int_equal(spd_unit_resize(unit, 0x800), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(loop_resizes(loop_door_of(unit), &blocks), 0);
    assert_int_equal(spd_unit_resize(unit, 0), SPD_ERROR_BLOCK_COUNT);
    assert_int_equal(loop_resizes(loop_door_of(unit), &blocks), 0);
    assert_int_equal(spd_unit_resize(unit, 0x1000), 0);
    assert_int_equal(loop_resizes(loop_door_of(unit), &blocks), 1);
    assert_int_equal(blocks, 0x1000);
    assert_int_equal(loop_resizes(loop_door_last(unit), &blocks), 1);
    assert_int_equal(blocks, 0x1000);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_resize(unit, 0x2000), 0);
    assert_int_equal(loop_resizes(loop_door_of(unit), &blocks), 1);
}

static struct {
    int first, second; /* results of the calls */
    unsigned told;     /* times that the door was told within the start */
} early;

static void resize_both(spd_unit *starting)
{
    uint64_t blocks;

    early.first = spd_unit_resize(starting, 0x1000);
    early.second = spd_unit_resize(starting, 0x2000);
    early.told = loop_resizes(loop_door_of(starting), &blocks);
}

static void a_resize_while_the_unit_starts_is_told_afterwards(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    uint64_t blocks;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    loop_start_hook = resize_both;
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(early.first, 0);
    assert_int_equal(early.second, 0);
    assert_int_equal(early.told, 0);
    assert_int_equal(loop_resizes(loop_door_of(unit), &blocks), 1);
    assert_int_equal(blocks, 0x2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_resize_changes_the_capacity_and_tells_initiators),
        TEST(doors_are_told_of_a_resize),
        TEST(a_resize_while_the_unit_starts_is_told_afterwards),
    };

    return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
