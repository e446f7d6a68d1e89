/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SRBs that end requests end after them, also after requests that are busy. */

#include "rig.h"

#include <sched.h>

static struct shim_srb box, ender;
static UCHAR data[512];

static int setup(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    rig_setup(state);
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    return 0;
}

static int teardown(void **state)
{
    shim.on_allocate = NULL;
    return rig_teardown(state);
}

/* The driver allocates memory for the request's reply, and is so busy with it. */
static void end_it(void)
{
    shim.on_allocate = NULL;
    shim_srb_send(&ender);
    assert_false(ender.done);
    assert_false(box.done);
}

static void ends_after_a_busy_request(UCHAR function)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 };

    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, sizeof cdb, SRB_FLAGS_DATA_IN, data, 96);
    shim_srb_init(&ender, function, 0);
    ender.srb.NextSrb = &box.srb;
    shim.on_allocate = end_it;
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_ABORTED);
    assert_true(ender.done);
    assert_int_equal(ender.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&ender);
}

static void test_a_bus_reset(void **state)
{
    (void)state;
    ends_after_a_busy_request(SRB_FUNCTION_RESET_BUS);
}

static void test_a_device_reset(void **state)
{
    (void)state;
    ends_after_a_busy_request(SRB_FUNCTION_RESET_DEVICE);
}

static void test_a_logical_unit_reset(void **state)
{
    (void)state;
    ends_after_a_busy_request(SRB_FUNCTION_RESET_LOGICAL_UNIT);
}

static void test_an_abort(void **state)
{
    (void)state;
    ends_after_a_busy_request(SRB_FUNCTION_ABORT_COMMAND);
}

static _Atomic bool held, stalled, returned, finished;
static _Thread_local bool other_processor;

static void *start(void *argument)
{
    other_processor = true;
    shim_srb_send(&box);
    finished = true;
    return argument;
}

/* As long as nobody waits for it. */
static void hold(void)
{
    if (!other_processor || held)
        return;
    held = true;
    while (!stalled && !returned)
        sched_yield();
}

static void hold_until_the_return(void)
{
    held = true;
    while (!returned)
        sched_yield();
}

static void hold_at_its_completion(void)
{
    if (box.done)
        hold();
}

/* The other processor goes on meanwhile. */
static void stall(void)
{
    stalled = true;
    while (!finished)
        sched_yield();
}

static void the_port_waits_for(UCHAR status)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 };
    pthread_t starter;
    BOOLEAN all;
    bool done;

    held = stalled = returned = finished = false;
    shim.on_stall = stall;
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, sizeof cdb, SRB_FLAGS_DATA_IN, data, 96);
    pthread_create(&starter, NULL, start, NULL);
    while (!held)
        sched_yield();
    all = shim_reset_bus(0);
    done = box.done && stalled;
    returned = true;
    pthread_join(starter, NULL);
    shim.released = shim.on_stall = NULL;
    assert_true(all && done);
    assert_int_equal(box.srb.SrbStatus & 0x3f, status);
    shim_srb_free(&box);
}

static void test_the_ports_bus_reset_returns_after_a_busy_request(void **state)
{
    (void)state;
    shim.on_allocate = hold;
    the_port_waits_for(SRB_STATUS_ABORTED);
}

static void test_the_ports_bus_reset_returns_after_a_completion(void **state)
{
    (void)state;
    shim.released = hold_at_its_completion;
    the_port_waits_for(SRB_STATUS_SUCCESS);
}

/* Nor does a processor wait for one that does not go on: the shim judges for how long. */
static void test_the_ports_bus_reset_does_not_wait_for_long(void **state)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 };
    pthread_t starter;

    (void)state;
    held = stalled = returned = finished = false;
    shim.on_allocate = hold_until_the_return;
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, sizeof cdb, SRB_FLAGS_DATA_IN, data, 96);
    pthread_create(&starter, NULL, start, NULL);
    while (!held)
        sched_yield();
    assert_false(shim_reset_bus(0));
    returned = true;
    pthread_join(starter, NULL);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&box);
}

/* StorPort looks for no disks of an adapter that it removes. */
static void test_an_adapter_that_goes_announces_nothing(void **state)
{
    long before = shim.bus_changes;

    (void)state;
    shim.entries.HwCompleteServiceIrp(shim.adapter);
    assert_int_equal(shim.bus_changes, before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_bus_reset),
        TEST(a_device_reset),
        TEST(a_logical_unit_reset),
        TEST(an_abort),
        TEST(the_ports_bus_reset_returns_after_a_busy_request),
        TEST(the_ports_bus_reset_returns_after_a_completion),
        TEST(the_ports_bus_reset_does_not_wait_for_long),
        TEST(an_adapter_that_goes_announces_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
