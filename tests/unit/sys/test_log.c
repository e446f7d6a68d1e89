/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The records of the event log, and their number. */

#include "rig.h"

enum { INFORMATION = 0x60010001, WARNING = (int)0xa0010001, ERROR = (int)0xe0010001 };

static struct shim_srb box;
static UCHAR data[512];

static void provision(UINT32 grace)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(3, 512);
    UINT32 btl;

    params.Reserved[0] = grace;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
}

static void restart(ULONG id)
{
    rig_exit(&program);
    rig_start(&program, id);
}

static void assert_logged(ULONG code, const char *text)
{
    assert_string_equal(shim.event, text);
    assert_int_equal(shim.event_code, code);
}

static void test_units_come_and_go(void **state)
{
    (void)state;
    provision(0);
    assert_logged(INFORMATION, "unit 0: created by process 100");
    assert_int_equal(rig_unprovision(&program, 3), STATUS_SUCCESS);
    assert_logged(INFORMATION, "unit 0: removed by its program");
    provision(0);
    restart(100);
    assert_logged(WARNING, "unit 0: removed, its program ended");
    assert_int_equal(shim.events, 4);
    assert_int_equal(shim.debug_lines, 4);
}

static void test_the_number_of_the_unit(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params;
    UINT32 btl;

    (void)state;
    for (unsigned i = 0; i < 13; i++) {
        params = rig_params(i, 512);
        assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
        shim_seconds(10);
    }
    assert_logged(INFORMATION, "unit 12: created by process 100");
}

static void test_a_grace(void **state)
{
    (void)state;
    provision(30);
    restart(2000000000);
    assert_logged(WARNING, "unit 0: its program ended, it waits 30 s");
    provision(30);
    assert_logged(INFORMATION, "unit 0: taken over by process 2000000000");
    restart(100);
    shim_seconds(32);
    assert_logged(ERROR, "unit 0: removed, no program came back");
}

static void test_requests_that_time_out(void **state)
{
    struct shim_srb second;

    (void)state;
    provision(0);
    rig_read(&box, 0, 1, 1, data);
    rig_read(&second, 0, 2, 1, data);
    shim_srb_send(&box);
    shim_srb_send(&second);
    shim_seconds(62);
    assert_logged(ERROR, "unit 0: requests not served in time: 2");
    shim_srb_free(&box);
    shim_srb_free(&second);
}

static void test_an_ejected_disk(void **state)
{
    DEVICE_OBJECT disk = { .DeviceType = FILE_DEVICE_DISK };
    IRP irp = { .stack.MinorFunction = IRP_MN_START_DEVICE };

    (void)state;
    provision(0);
    shim.driver.MajorFunction[IRP_MJ_PNP](&disk, &irp);
    irp.stack.MinorFunction = IRP_MN_REMOVE_DEVICE;
    shim.driver.MajorFunction[IRP_MJ_PNP](&disk, &irp);
    assert_logged(INFORMATION, "unit 0: removed with its disk");
}

static void test_refusals_are_for_debuggers(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(3, 513);
    UINT32 btl;

    (void)state;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_INVALID_PARAMETER);
    assert_int_equal(shim.events, 0);
    assert_int_equal(shim.debug_lines, 1);
}

/* Its TRANSACT is the block alone; ours has room for the data. */
static void test_the_originals_dll(void **state)
{
    struct rig_transact transact;

    (void)state;
    provision(0);
    rig_ask(&program, &transact, 0, 512);
    shim_ioctl_cancel(transact.irp);
    assert_int_equal(rig_end(&transact), STATUS_CANCELLED);
    rig_answer(&program, &transact, 0, 0);
    assert_int_equal(rig_end(&transact), STATUS_SUCCESS);
    assert_logged(INFORMATION, "unit 0: created by process 100");
    rig_ask(&program, &transact, 0, 0);
    assert_int_equal(rig_end(&transact), STATUS_ACCESS_VIOLATION);
    assert_logged(ERROR, "process 100: its winspd DLL is not this driver's, remove it");
}

/* Programs of before there were versions say none. */
static void test_a_program_that_says_no_version(void **state)
{
    SPD_IOCTL_LIFETIME_PARAMS life = { .Base = { sizeof life, SPD_IOCTL_LIFETIME } };
    struct rig_program older = { .process = shim_process(300) };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(5, 512);
    UINT32 btl;

    (void)state;
    older.lifetime = shim_ioctl_begin(older.process, &life, sizeof life, NULL, 0);
    assert_int_equal(rig_provision(&older, &params, &btl), STATUS_SUCCESS);
    assert_logged(WARNING, "unit 0: its program speaks version 1, this driver 2");
    rig_exit(&older);
}

static void test_registry_values_out_of_range(void **state)
{
    (void)state;
    rig_exit(&program);
    shim_stop();
    shim_start(256, 9999);
    rig_start(&program, 100);
    assert_logged(WARNING, "registry values out of range: 2");
}

/* A program may do as often what is logged as it likes. */
static void test_a_flood_is_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        provision(0);
        assert_int_equal(rig_unprovision(&program, 3), STATUS_SUCCESS);
    }
    assert_int_equal(shim.events, 16);
    shim_seconds(60);
    provision(0);
    assert_logged(INFORMATION, "unit 0: created by process 100 (+992)");
    restart(100);
    assert_logged(WARNING, "unit 0: removed, its program ended");
    provision(0);
    assert_logged(INFORMATION, "unit 0: created by process 100");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(units_come_and_go),
        TEST(the_number_of_the_unit),
        TEST(a_grace),
        TEST(requests_that_time_out),
        TEST(an_ejected_disk),
        TEST(refusals_are_for_debuggers),
        TEST(the_originals_dll),
        TEST(a_program_that_says_no_version),
        TEST(registry_values_out_of_range),
        TEST(a_flood_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
