/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* For a file of tests in which each test has one device, and at most one unit of it. */

#ifndef TESTS_UNIT_LIB_ONE_UNIT_H
#define TESTS_UNIT_LIB_ONE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_device.h"

static struct test_device device;
static spd_unit *unit;

static int setup(void **state)
{
    (void)state;
    test_device_init(&device);
    unit = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spd_unit_delete(unit);
    test_device_destroy(&device);
    assert_int_equal(loop_open_count, 0);
    return 0;
}

static int create(const spd_params *params, const spd_ops *ops)
{
    return spd_unit_create("loop:", params, &(spd_device){ ops, &device }, &unit);
}

static spd_params effective_params(void)
{
    spd_params params = { .size = sizeof params };

    assert_int_equal(spd_unit_params(unit, &params), 0);
    return params;
}

#endif
