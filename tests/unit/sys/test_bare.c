/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SRBs without an extension, which ports promise for SCSI commands only: what cannot be done for
 * them is an error. */

#include "rig.h"

static struct shim_srb box, ender;
static UCHAR data[512];

static int setup(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    rig_setup(state);
    params.CacheSupported = 1;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    return 0;
}

static int teardown(void **state)
{
    shim.bare = false;
    shim.on_allocate = NULL;
    return rig_teardown(state);
}

/* The requester sees a failure, too. */
static void assert_failed(const struct shim_srb *srb)
{
    assert_int_equal(srb->srb.SrbStatus, SRB_STATUS_INTERNAL_ERROR);
    assert_false(NT_SUCCESS((NTSTATUS)srb->srb.InternalStatus));
}

static void test_a_flush_that_cannot_be_sent_is_an_error(void **state)
{
    static const UCHAR functions[] = { SRB_FUNCTION_FLUSH, SRB_FUNCTION_SHUTDOWN };

    (void)state;
    shim.bare = true;
    for (unsigned i = 0; i < ARRAYSIZE(functions); i++) {
        shim_srb_init(&box, functions[i], 0);
        shim_srb_run(&box);
        assert_failed(&box);
        shim_srb_init(&box, functions[i], 1);
        assert_int_equal(shim_srb_run(&box), SRB_STATUS_NO_DEVICE);
    }
}

static void test_a_command_is_an_error(void **state)
{
    static const UCHAR report_luns[12] = { 0xa0, [9] = 16 };

    (void)state;
    shim.bare = true;
    for (UCHAR target = 0; target < 2; target++) {
        rig_read(&box, target, 0, 1, data);
        shim_srb_run(&box);
        assert_failed(&box);
        shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, target);
        shim_srb_cdb(&box, report_luns, sizeof report_luns, SRB_FLAGS_DATA_IN, data, 16);
        shim_srb_run(&box);
        assert_failed(&box);
    }
}

static const UCHAR enders[] = { SRB_FUNCTION_RESET_BUS, SRB_FUNCTION_RESET_DEVICE,
    SRB_FUNCTION_RESET_LOGICAL_UNIT, SRB_FUNCTION_ABORT_COMMAND };

static void test_a_reset_that_is_done_at_once_is_done(void **state)
{
    for (unsigned i = 0; i < ARRAYSIZE(enders); i++) {
        teardown(state); /* each reset leaves a unit attention */
        setup(state);
        rig_read(&box, 0, 0, 1, data);
        shim_srb_send(&box);
        shim_srb_init(&ender, enders[i], 0);
        ender.srb.NextSrb = &box.srb;
        shim.bare = true;
        assert_int_equal(shim_srb_run(&ender), SRB_STATUS_SUCCESS);
        shim.bare = false;
        assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
        shim_srb_free(&box);
    }
}

/* The driver allocates memory for the request's reply, and is so busy with it. */
static void end_it(void)
{
    shim.on_allocate = NULL;
    shim.bare = true;
    shim_srb_run(&ender);
    shim.bare = false;
    assert_false(box.done);
}

static void test_a_reset_that_would_have_to_wait_is_an_error(void **state)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 };

    for (unsigned i = 0; i < ARRAYSIZE(enders); i++) {
        teardown(state); /* the memory for a reply is kept */
        setup(state);
        shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
        shim_srb_cdb(&box, cdb, sizeof cdb, SRB_FLAGS_DATA_IN, data, 96);
        shim_srb_init(&ender, enders[i], 0);
        ender.srb.NextSrb = &box.srb;
        shim.on_allocate = end_it;
        assert_int_equal(shim_srb_run(&box), SRB_STATUS_ABORTED);
        assert_failed(&ender);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_flush_that_cannot_be_sent_is_an_error),
        TEST(a_command_is_an_error),
        TEST(a_reset_that_is_done_at_once_is_done),
        TEST(a_reset_that_would_have_to_wait_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
