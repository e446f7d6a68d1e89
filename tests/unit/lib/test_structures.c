/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Structures of programs whose header is older or newer than the library, or that read none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "one_unit.h"

static void shorter_structures_of_older_programs_get_the_defaults(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_ops ops = test_simple_ops;

    (void)state;
    params.size = offsetof(spd_params, flags);
    params.flags = 0xffffffff; /* not there, as far as that program knows */
    params.product_id[0] = 0x7f;
    ops.size = offsetof(spd_ops, submit);
    ops.submit = test_async_ops.submit;
    assert_int_equal(create(&params, &ops), 0);
    assert_int_equal(effective_params().flags, SPD_CACHE);
    assert_string_equal(effective_params().product_id, "WinSpd Disk");
    assert_int_equal(effective_params().slow_call, 5000);
    assert_int_equal(effective_params().size, sizeof(spd_params));
}

static void longer_structures_of_newer_programs_must_end_in_zeros(void **state)
{
    struct {
        spd_params params;
        uint64_t more[2];
    } longer = { test_params(SPD_CACHE), { 0, 0 } };

    (void)state;
    longer.params.size = sizeof longer;
    longer.more[1] = 1;
    assert_int_equal(create(&longer.params, &test_simple_ops), SPD_ERROR_SIZE);
    longer.more[1] = 0;
    assert_int_equal(create(&longer.params, &test_simple_ops), 0);
}

/* The structures of a program whose header is newer, or older, than the library. */
static void what_is_asked_fits_the_callers_structure(void **state)
{
    enum { LESS = offsetof(spd_operation_statistics, latency) };
    spd_params params = test_params(SPD_CACHE);
    struct {
        spd_statistics statistics;
        uint64_t more;
    } longer;
    struct {
        spd_params params;
        uint64_t more;
    } longer_params;
    spd_operation_statistics shorter;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    longer.statistics.size = sizeof longer;
    longer.more = 7;
    assert_int_equal(spd_unit_statistics(unit, &longer.statistics), 0);
    assert_int_equal(longer.more, 0);
    assert_int_equal(longer.statistics.size, sizeof longer);
    longer_params.params.size = sizeof longer_params;
    longer_params.more = 7;
    assert_int_equal(spd_unit_params(unit, &longer_params.params), 0);
    assert_int_equal(longer_params.more, 0);
    assert_int_equal(longer_params.params.size, sizeof longer_params);
    assert_int_equal(longer_params.params.queue_depth, 256);
    shorter.size = LESS;
    shorter.latency[0] = 7;
    assert_int_equal(spd_unit_operation_statistics(unit, SPD_READ, &shorter), 0);
    assert_int_equal(shorter.size, LESS);
    assert_int_equal(shorter.latency[0], 7);
    shorter.size = 3;
    assert_int_equal(spd_unit_operation_statistics(unit, SPD_READ, &shorter), SPD_ERROR_SIZE);
    shorter.size = sizeof shorter;
    assert_int_equal(
        spd_unit_operation_statistics(unit, (spd_operation)99, &shorter), SPD_ERROR_NOT_SUPPORTED);
}

static void structures_are_filled_with_their_defaults(void **state)
{
    static const spd_params defaults = SPD_PARAMS_INIT;
    enum { LESS = offsetof(spd_params, slow_call) };
    struct {
        spd_params params;
        uint64_t more;
    } longer;
    spd_params params;
    spd_ops ops;
    spd_statistics statistics;
    spd_operation_statistics operation;

    (void)state;
    spd_params_init(&params, sizeof params);
    assert_memory_equal(&params, &defaults, sizeof params);
    params.slow_call = 7;
    spd_params_init(&params, LESS);
    assert_int_equal(params.size, LESS);
    assert_int_equal(params.slow_call, 7);
    longer.more = 7;
    spd_params_init(&longer.params, sizeof longer);
    assert_int_equal(longer.params.size, sizeof longer);
    assert_int_equal(longer.more, 0);
    spd_ops_init(&ops, sizeof ops);
    assert_int_equal(ops.size, sizeof ops);
    assert_null(ops.read);
    spd_statistics_init(&statistics, sizeof statistics);
    assert_int_equal(statistics.size, sizeof statistics);
    spd_operation_statistics_init(&operation, sizeof operation);
    assert_int_equal(operation.size, sizeof operation);
    assert_int_equal(operation.errors, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(shorter_structures_of_older_programs_get_the_defaults),
        TEST(longer_structures_of_newer_programs_must_end_in_zeros),
        TEST(what_is_asked_fits_the_callers_structure),
        TEST(structures_are_filled_with_their_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
