/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* More units than Windows takes targets on a bus. */

#include "rig.h"

enum { UNITS = 255, TARGETS = 128 };

static UCHAR data[RIG_BLOCK];

static int setup(void **state)
{
    (void)state;
    shim_start(UNITS, 0);
    rig_start(&program, 100);
    for (unsigned i = 0; i < UNITS; i++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(i, RIG_BLOCK);
        UINT32 btl;

        assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    }
    return 0;
}

/* A read of block 1. */
static void send(struct shim_srb *box, UCHAR bus, UCHAR target)
{
    rig_read(box, target, 1, 1, data);
    box->srb.PathId = bus;
    shim_srb_send(box);
}

static void serve(struct shim_srb *box, UINT32 btl)
{
    static struct rig_transact t;

    rig_take(&program, &t, btl, RIG_BLOCK);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, btl, RIG_BLOCK);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_true(box->done);
    assert_int_equal(box->srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(box);
}

static void test_each_bus_has_its_own_targets(void **state)
{
    struct shim_srb first, second;

    (void)state;
    send(&first, 0, 5);
    send(&second, 1, 5);
    serve(&second, SPD_IOCTL_BTL(1, 5, 0));
    assert_false(first.done);
    serve(&first, SPD_IOCTL_BTL(0, 5, 0));
}

static void test_a_unit_has_one_address(void **state)
{
    static const UINT32 wrong[] = {
        SPD_IOCTL_BTL(0, TARGETS, 0), SPD_IOCTL_BTL(0, 255, 0), SPD_IOCTL_BTL(1, 0, 1),
        SPD_IOCTL_BTL(1, UNITS - TARGETS, 0), SPD_IOCTL_BTL(2, 0, 0), 0x01010000,
    };
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID }, .ProcessId = 100,
    };

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(wrong); i++) {
        block.Btl = wrong[i];
        assert_int_equal(shim_ioctl(program.process, &block, sizeof block, NULL, 0, NULL),
            STATUS_CANCELLED);
    }
    block.Btl = SPD_IOCTL_BTL(1, UNITS - TARGETS - 1, 0);
    assert_int_equal(
        shim_ioctl(program.process, &block, sizeof block, NULL, 0, NULL), STATUS_SUCCESS);
}

static void test_a_reset_is_of_one_bus(void **state)
{
    struct shim_srb first, second, reset;

    (void)state;
    send(&first, 0, 0);
    send(&second, 1, 0);
    shim_srb_init(&reset, SRB_FUNCTION_RESET_BUS, 0);
    reset.srb.PathId = 1;
    assert_int_equal(shim_srb_run(&reset), SRB_STATUS_SUCCESS);
    assert_false(first.done);
    assert_int_equal(second.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&second);
    assert_true(shim.entries.HwResetBus(shim.adapter, 0));
    assert_int_equal(first.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&first);
    reset.srb.PathId = 2;
    assert_int_equal(shim_srb_run(&reset), SRB_STATUS_NO_DEVICE);
    assert_false(shim.entries.HwResetBus(shim.adapter, 2));
}

static UCHAR report_luns(UCHAR bus, UCHAR target)
{
    static const UCHAR cdb[12] = { 0xa0, [9] = 16 };
    struct shim_srb box;

    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, target);
    shim_srb_cdb(&box, cdb, sizeof cdb, SRB_FLAGS_DATA_IN, data, 16);
    box.srb.PathId = bus;
    return shim_srb_run(&box);
}

static void test_a_bus_without_a_unit_has_no_luns(void **state)
{
    (void)state;
    assert_int_equal(report_luns(1, UNITS - TARGETS - 1), SRB_STATUS_SUCCESS);
    assert_int_equal(data[3], 8);
    assert_int_equal(report_luns(1, UNITS - TARGETS), SRB_STATUS_SUCCESS);
    assert_int_equal(data[3], 0);
    assert_int_equal(report_luns(2, 0), SRB_STATUS_NO_DEVICE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_bus_has_its_own_targets),
        TEST(a_unit_has_one_address),
        TEST(a_reset_is_of_one_bus),
        TEST(a_bus_without_a_unit_has_no_luns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
