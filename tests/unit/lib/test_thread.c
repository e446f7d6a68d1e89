/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* thread_begin and thread_end: a device may keep something for each thread. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test_device.h"

enum { THREADS = 3 };

static struct test_device device;
static spd_ops ops;
static _Atomic unsigned begun, ended, misplaced;
static _Thread_local bool is_begun;

static void thread_begin(spd_device *self)
{
    atomic_fetch_add(&misplaced, is_begun || self->context != &device);
    is_begun = true;
    atomic_fetch_add(&begun, 1);
}

static void thread_end(spd_device *self)
{
    atomic_fetch_add(&misplaced, !is_begun || self->context != &device);
    is_begun = false;
    atomic_fetch_add(&ended, 1);
}

static int thread_read(spd_device *self, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    atomic_fetch_add(&misplaced, !is_begun);
    return test_simple_ops.read(self, buffer, lba, blocks, flags, status);
}

static int setup(void **state)
{
    (void)state;
    ops = test_simple_ops;
    ops.read = thread_read;
    ops.thread_begin = thread_begin;
    ops.thread_end = thread_end;
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    atomic_store(&misplaced, 0);
    return 0;
}

/* As many reads at once as there are threads, so that each thread has one. */
static void read_on_all_threads(spd_unit *unit)
{
    static unsigned char buffers[THREADS][TEST_BLOCK];
    struct loop_command commands[THREADS];

    memset(commands, 0, sizeof commands);
    device.hold = true;
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(loop_start_read(loop_door_of(unit), &commands[i], buffers[i], i, 1,
            TEST_BLOCK));
    test_wait_held(&device, THREADS);
    assert_int_equal(begun, THREADS);
    assert_int_equal(ended, 0);
    test_let_go(&device);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
}

static void each_thread_begins_before_its_operations_and_ends_after_them(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &ops, &params, THREADS);

    (void)state;
    read_on_all_threads(unit);
    test_unit_end(unit, &device);
    assert_int_equal(ended, THREADS);
    assert_int_equal(misplaced, 0);
}

static void older_devices_and_those_without_are_not_called(void **state)
{
    spd_device below = { &ops, &device };
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit;

    (void)state;
    spd_device_thread_begin(&below);
    spd_device_thread_end(&below);
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 1);
    /* Nothing happens where the device below is older, or has neither. */
    ops.size = offsetof(spd_ops, thread_begin);
    spd_device_thread_begin(&below);
    spd_device_thread_end(&below);
    spd_device_thread_begin(&(spd_device){ &test_simple_ops, &device });
    assert_int_equal(begun, 1);
    unit = test_unit(&device, &ops, &params, THREADS);
    test_unit_end(unit, &device);
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 1);
    assert_int_equal(misplaced, 0);
}

static void a_device_that_never_blocks_has_no_threads(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &ops, &params, THREADS);

    (void)state;
    test_unit_end(unit, &device);
    assert_int_equal(begun, 0);
    assert_int_equal(ended, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_thread_begins_before_its_operations_and_ends_after_them),
        TEST(older_devices_and_those_without_are_not_called),
        TEST(a_device_that_never_blocks_has_no_threads),
    };

    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
