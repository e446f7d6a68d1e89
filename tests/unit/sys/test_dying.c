/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A process that was killed while the thread of its LIFETIME request waits for the process's own
 * unit. The thread cannot run down, so nothing cancels the request.
 */

#include "rig.h"

enum { GRACE = 60 };

static struct rig_program watcher;
static struct rig_transact t;
static struct shim_srb box;
static UCHAR data[512];

static int setup(void **state)
{
    rig_setup(state);
    rig_start(&watcher, 200);
    return 0;
}

static int teardown(void **state)
{
    shim.emulated = false;
    shim.ported = false;
    rig_exit(&watcher);
    return rig_teardown(state);
}

static NTSTATUS provision(struct rig_program *who, UINT32 grace)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    params.Reserved[0] = grace;
    return rig_provision(who, &params, &btl);
}

static unsigned units(void)
{
    UINT32 btls[16];

    return rig_list(&watcher, btls, 16);
}

/* The thread waits for this. */
static void read_own_unit(void)
{
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
}

static void assert_read_ends(void)
{
    assert_true(box.done);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&box);
}

static void test_its_unit_goes_within_a_second(void **state)
{
    (void)state;
    assert_int_equal(provision(&program, 0), STATUS_SUCCESS);
    read_own_unit();
    shim_seconds(2);
    assert_int_equal(units(), 1);
    shim_process_kill(program.process);
    assert_false(box.done);
    shim_seconds(1);
    assert_read_ends();
    assert_int_equal(units(), 0);
    assert_string_equal(shim.event, "unit 0: removed, its program ended");
}

static void test_its_unit_goes_with_the_first_transaction(void **state)
{
    (void)state;
    assert_int_equal(provision(&program, 0), STATUS_SUCCESS);
    read_own_unit();
    rig_take(&program, &t, 0, 512);
    rig_ask(&program, &t, 0, 512);
    shim_process_kill(program.process);
    shim_ioctl_cancel(t.irp);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
    assert_read_ends();
    assert_int_equal(units(), 0);
}

/* Requests wait for it, the thread's own among them. */
static void test_with_a_grace_the_next_program_takes_over(void **state)
{
    (void)state;
    assert_int_equal(provision(&program, GRACE), STATUS_SUCCESS);
    read_own_unit();
    shim_process_kill(program.process);
    shim_seconds(1);
    assert_int_equal(provision(&program, GRACE), STATUS_INVALID_DEVICE_STATE); /* it ends */
    assert_int_equal(provision(&watcher, GRACE), STATUS_SUCCESS);
    rig_take(&watcher, &t, 0, 512);
    rig_fill_answer(&t, 0);
    rig_answer(&watcher, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
    rig_exit(&program); /* now it can */
    assert_int_equal(units(), 1);
    rig_start(&program, 100);
}

static void remove_it(void)
{
    shim.released = NULL;
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
}

static void test_a_unit_that_was_removed_does_not_wait(void **state)
{
    (void)state;
    assert_int_equal(provision(&program, GRACE), STATUS_SUCCESS);
    rig_ask(&program, &t, 0, 512);
    shim_process_kill(program.process);
    shim.released = remove_it;
    shim_ioctl_cancel(t.irp);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
    assert_string_equal(shim.event, "unit 0: removed by its program");
    assert_int_equal(units(), 0);
}

static void test_another_thread_keeps_the_process_alive(void **state)
{
    SPD_IOCTL_LIFETIME_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIFETIME } };
    PIRP second;

    (void)state;
    shim.ported = true;
    second = shim_ioctl_begin(program.process, &block, sizeof block, NULL, 0);
    assert_int_equal(provision(&program, 0), STATUS_SUCCESS);
    shim_process_kill(program.process);
    shim_seconds(2);
    assert_int_equal(units(), 1);
    shim_ioctl_cancel(second);
    shim_ioctl_end(second, NULL);
    shim_seconds(1);
    assert_int_equal(units(), 0);
}

/* Its end means nothing where a completion port keeps the request. */
static void test_the_thread_of_a_completion_port_may_end(void **state)
{
    (void)state;
    rig_exit(&program);
    shim.ported = true;
    rig_start(&program, 100);
    assert_int_equal(provision(&program, 0), STATUS_SUCCESS);
    shim_process_kill(program.process);
    shim_seconds(2);
    assert_int_equal(units(), 1);
}

static void test_wine_is_not_asked(void **state)
{
    (void)state;
    rig_exit(&program);
    rig_exit(&watcher);
    shim_stop();
    shim.emulated = true;
    shim_start(0, 0);
    rig_start(&program, 100);
    rig_start(&watcher, 200);
    assert_int_equal(provision(&program, 0), STATUS_SUCCESS);
    shim_process_kill(program.process);
    shim_seconds(2);
    assert_int_equal(units(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(its_unit_goes_within_a_second),
        TEST(its_unit_goes_with_the_first_transaction),
        TEST(with_a_grace_the_next_program_takes_over),
        TEST(a_unit_that_was_removed_does_not_wait),
        TEST(another_thread_keeps_the_process_alive),
        TEST(the_thread_of_a_completion_port_may_end),
        TEST(wine_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
