/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Programs that end, hang and come back. */

#include "rig.h"

static struct rig_program watcher;
static struct rig_transact t;
static struct shim_srb box;
static UCHAR data[4096];
static UINT32 btls[16];

static int setup(void **state)
{
    rig_setup(state);
    rig_start(&watcher, 200);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_exit(&watcher);
    shim_stop();
    return 0;
}

static void provision(UINT32 grace)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    params.Reserved[0] = grace;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
}

static void assert_ended(void)
{
    assert_true(box.done);
    shim_srb_free(&box);
}

static void test_units_end_with_their_process(void **state)
{
    (void)state;
    provision(0);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    rig_exit(&program);
    assert_int_equal(rig_list(&watcher, btls, 16), 0);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    assert_ended();
}

/* A thread that ends takes its requests with it: others keep the process alive. */
static void test_units_outlive_one_of_two_lifetimes(void **state)
{
    SPD_IOCTL_LIFETIME_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIFETIME } };
    PIRP second = shim_ioctl_begin(program.process, &block, sizeof block, NULL, 0);

    (void)state;
    provision(0);
    shim_ioctl_cancel(second);
    assert_int_equal(shim_ioctl_end(second, NULL), STATUS_CANCELLED);
    assert_int_equal(rig_list(&watcher, btls, 16), 1);
    rig_exit(&program);
    assert_int_equal(rig_list(&watcher, btls, 16), 0);
}

/* How a transaction ends; one that waits is cancelled. */
static NTSTATUS asks(struct rig_program *caller)
{
    rig_ask(caller, &t, 0, 512);
    if (!shim_ioctl_done(t.irp))
        shim_ioctl_cancel(t.irp);
    return rig_end(&t);
}

static NTSTATUS redirect(struct rig_program *caller, ULONG id)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID }, .ProcessId = id,
    };

    return shim_ioctl(caller->process, &block, sizeof block, NULL, 0, NULL);
}

/* Known weakness 28: identity was a bare process id. */
static void test_a_process_that_reuses_the_id_owns_nothing(void **state)
{
    struct rig_program other;

    (void)state;
    provision(60);
    for (unsigned gone = 0; gone < 2; gone++) {
        if (gone)
            rig_exit(&program);
        rig_start(&other, 100);
        assert_int_equal(asks(&other), STATUS_ACCESS_DENIED);
        assert_int_equal(redirect(&other, 200), STATUS_ACCESS_DENIED);
        if (!gone)
            assert_int_equal(rig_unprovision(&other, 0), STATUS_ACCESS_DENIED);
        rig_exit(&other);
        assert_int_equal(rig_list(&watcher, btls, 16), 1);
        if (!gone)
            assert_int_equal(redirect(&program, 200), STATUS_SUCCESS); /* it still owns it */
    }
}

/* Known weakness 27: nor was the process tracked that the owner let serve. */
static void test_a_process_that_reuses_the_servers_id_serves_nothing(void **state)
{
    struct rig_program child;

    (void)state;
    provision(0);
    for (unsigned i = 0; i < 2; i++) {
        rig_start(&child, 101);
        if (i == 0)
            assert_int_equal(redirect(&program, 101), STATUS_SUCCESS);
        assert_int_equal(asks(&child), i == 0 ? STATUS_CANCELLED : STATUS_ACCESS_DENIED);
        rig_exit(&child);
    }
    rig_exit(&program);
}

/* Known weakness 33. */
static void test_requests_that_nobody_takes_time_out(void **state)
{
    (void)state;
    provision(0);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    shim_seconds(59);
    assert_false(box.done);
    shim_seconds(2);
    assert_int_equal(rig_sense(&box), 0xb2e01);
    assert_ended();
    rig_exit(&program);
}

static void test_requests_that_nobody_answers_time_out(void **state)
{
    (void)state;
    provision(0);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    rig_ask(&program, &t, 0, 512);
    rig_end(&t);
    shim_seconds(61);
    assert_int_equal(rig_sense(&box), 0xb2e02);
    assert_ended();
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS); /* late, and ignored */
    rig_exit(&program);
}

static void test_the_timeout_is_a_registry_value(void **state)
{
    (void)state;
    rig_exit(&program);
    rig_exit(&watcher);
    shim_stop();
    shim_start(0, 5);
    rig_start(&program, 100);
    rig_start(&watcher, 200);
    provision(0);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    shim_seconds(4);
    assert_false(box.done);
    shim_seconds(2);
    assert_ended();
    rig_exit(&program);
}

/* A request that was with the old program is served by the new one, and none is lost. */
static void test_a_restarted_program_takes_its_unit_over(void **state)
{
    struct shim_srb second;

    (void)state;
    provision(100);
    rig_read(&box, 0, 1, 1, data);
    rig_read(&second, 0, 2, 1, data + 512);
    shim_srb_send(&box);
    rig_ask(&program, &t, 0, 512);
    rig_end(&t);
    shim_srb_send(&second);
    rig_exit(&program);
    assert_int_equal(rig_list(&watcher, btls, 16), 1);
    shim_seconds(90); /* longer than a server may take */
    rig_start(&program, 300);
    provision(100);
    assert_int_equal(rig_list(&watcher, btls, 16), 1);
    shim_seconds(59);
    for (unsigned i = 1; i <= 2; i++) {
        rig_ask(&program, &t, 0, 512);
        assert_int_equal(rig_end(&t), STATUS_SUCCESS);
        assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, i);
        rig_fill_answer(&t, 0);
        rig_pattern(RIG_IN_DATA(&t), i, 1);
        rig_answer(&program, &t, 0, 512);
        rig_end(&t);
    }
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(second.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(data[0], 2);
    shim_srb_free(&second);
    assert_ended();
    rig_exit(&program);
}

static void test_another_disk_does_not_take_over(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    (void)state;
    provision(60);
    params.Reserved[0] = 60;
    params.BlockCount = 99;
    rig_exit(&program);
    assert_int_equal(rig_provision(&watcher, &params, &btl), STATUS_OBJECT_NAME_COLLISION);
}

static void test_the_grace_ends(void **state)
{
    (void)state;
    provision(10);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    rig_exit(&program);
    shim_seconds(9);
    assert_int_equal(rig_list(&watcher, btls, 16), 1);
    assert_false(box.done);
    shim_seconds(2);
    assert_int_equal(rig_list(&watcher, btls, 16), 0);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    assert_ended();
}

/* Known weakness 32: units stayed listed and dead. */
static void test_an_adapter_that_goes_leaves_nothing(void **state)
{
    (void)state;
    provision(60);
    rig_ask(&program, &t, 0, 512);
    rig_read(&box, 0, 1, 1, data);
    shim.entries.HwCompleteServiceIrp(shim.adapter);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
    assert_true(shim_ioctl_done(program.lifetime));
    assert_int_equal(rig_list(&watcher, btls, 16), 0);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_NO_DEVICE);
    rig_exit(&program);
}

static int places; /* to pass before the adapter goes */
static bool gone;

static void adapter_goes(void)
{
    if (places-- != 0)
        return;
    shim.released = NULL;
    shim.entries.HwCompleteServiceIrp(shim.adapter);
    gone = shim_ioctls_done();
    if (gone)
        shim_stop();
}

/* Its completion is all that the adapter waits for, wherever the thread that began it is. */
static void test_an_adapter_goes_with_its_last_lifetime(void **state)
{
    SPD_IOCTL_LIFETIME_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIFETIME } };
    unsigned times = 0;
    PIRP irp;

    (void)state;
    rig_exit(&watcher);
    for (int place = 0; place == 0 || places < 0; place++) {
        places = place;
        gone = false;
        shim.released = adapter_goes;
        irp = shim_ioctl_begin(program.process, &block, sizeof block, NULL, 0);
        shim.released = NULL;
        times += gone;
        if (!gone)
            shim_stop();
        assert_int_equal(shim_ioctl_end(irp, NULL), STATUS_CANCELLED);
        rig_exit(&program);
        shim_start(0, 0);
        rig_start(&program, 100);
    }
    assert_true(times);
    rig_exit(&program);
    rig_start(&watcher, 200);
}

/* Power management: StorPort stops the adapter, at DIRQL, when it has all its requests back. */
static void test_a_stopped_adapter_keeps_its_units(void **state)
{
    (void)state;
    provision(0);
    rig_ask(&program, &t, 0, 512);
    assert_int_equal(shim_control(ScsiStopAdapter), ScsiAdapterControlSuccess);
    assert_int_equal(shim_control(ScsiRestartAdapter), ScsiAdapterControlSuccess);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, 0, 512);
    rig_end(&t);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_ended();
    rig_exit(&program);
}

static void test_an_adapter_that_is_started_again_takes_units(void **state)
{
    (void)state;
    shim.entries.HwCompleteServiceIrp(shim.adapter);
    assert_int_equal(shim_control(ScsiStopAdapter), ScsiAdapterControlSuccess);
    rig_exit(&program);
    assert_true(shim.entries.HwInitialize(shim.adapter));
    rig_start(&program, 100);
    provision(0);
    rig_exit(&program);
}

/* An instance runs; its memory must not be touched. */
static void test_only_the_first_adapter_starts(void **state)
{
    PVOID second = calloc(1, shim.entries.DeviceExtensionSize);
    STOR_PORT_CONFIGURATION config = shim.config;
    BOOLEAN again;

    (void)state;
    provision(0);
    assert_int_equal(shim.entries.HwFindAdapter(second, NULL, NULL, NULL, NULL, &config, &again),
        SP_RETURN_NOT_FOUND);
    shim.entries.HwFreeAdapterResources(second);
    free(second);
    assert_int_equal(shim.entries.HwFindAdapter(
        shim.adapter, NULL, NULL, NULL, NULL, &config, &again), SP_RETURN_NOT_FOUND);
    assert_int_equal(rig_list(&watcher, btls, 16), 1);
    rig_exit(&program);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(units_end_with_their_process),
        TEST(units_outlive_one_of_two_lifetimes),
        TEST(a_process_that_reuses_the_id_owns_nothing),
        TEST(a_process_that_reuses_the_servers_id_serves_nothing),
        TEST(requests_that_nobody_takes_time_out),
        TEST(requests_that_nobody_answers_time_out),
        TEST(the_timeout_is_a_registry_value),
        TEST(a_restarted_program_takes_its_unit_over),
        TEST(another_disk_does_not_take_over),
        TEST(the_grace_ends),
        TEST(an_adapter_that_goes_leaves_nothing),
        TEST(an_adapter_goes_with_its_last_lifetime),
        TEST(a_stopped_adapter_keeps_its_units),
        TEST(an_adapter_that_is_started_again_takes_units),
        TEST(only_the_first_adapter_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
