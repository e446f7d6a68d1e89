/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Disks that Windows starts, ejects and loses, and their units. */

#include "rig.h"

#include <sched.h>

static struct rig_transact t;
static DEVICE_OBJECT disk;

static void provision(unsigned n)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(n, 512);
    UINT32 btl;

    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
}

static int setup(void **state)
{
    rig_setup(state);
    provision(0);
    disk = (DEVICE_OBJECT){ .DeviceType = FILE_DEVICE_DISK };
    return 0;
}

static int teardown(void **state)
{
    shim.on_pnp = NULL;
    return rig_teardown(state);
}

static void pnp(PDEVICE_OBJECT device, UCHAR function)
{
    IRP irp = { .stack.MinorFunction = function };

    shim.driver.MajorFunction[IRP_MJ_PNP](device, &irp);
}

static unsigned units(void)
{
    UINT32 btls[16];

    return rig_list(&program, btls, 16);
}

static void eject(PDEVICE_OBJECT device)
{
    pnp(device, IRP_MN_QUERY_REMOVE_DEVICE);
    pnp(device, IRP_MN_REMOVE_DEVICE);
}

/* The unit goes, and its program learns of it. */
static void test_ejecting_the_disk_removes_the_unit(void **state)
{
    DEVICE_OBJECT another = { .DeviceType = FILE_DEVICE_DISK, .target = 3 };

    (void)state;
    pnp(&disk, IRP_MN_START_DEVICE);
    pnp(&another, IRP_MN_START_DEVICE);
    rig_ask(&program, &t, 0, 512);
    eject(&another);
    assert_int_equal(units(), 1);
    eject(&disk);
    assert_int_equal(units(), 0);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
}

/* The device of a unit that went is removed late: the one that came does not go with it. */
static void test_a_vanished_disk_takes_no_unit_with_it(void **state)
{
    DEVICE_OBJECT fresh = disk;

    (void)state;
    pnp(&disk, IRP_MN_START_DEVICE);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    provision(1);
    pnp(&fresh, IRP_MN_START_DEVICE);
    pnp(&disk, IRP_MN_SURPRISE_REMOVAL);
    pnp(&disk, IRP_MN_REMOVE_DEVICE);
    assert_int_equal(units(), 1);
    eject(&fresh);
    assert_int_equal(units(), 0);
}

/* StorPort found nothing for a moment, and finds it again. */
static void test_a_disk_that_was_lost_leaves_its_unit(void **state)
{
    (void)state;
    pnp(&disk, IRP_MN_START_DEVICE);
    pnp(&disk, IRP_MN_SURPRISE_REMOVAL);
    pnp(&disk, IRP_MN_REMOVE_DEVICE);
    assert_int_equal(units(), 1);
    pnp(&disk, IRP_MN_START_DEVICE);
    eject(&disk);
    assert_int_equal(units(), 0);
}

/* StorPort may not notice that a unit was replaced, and keeps the disk. */
static void test_a_disk_that_outlived_its_unit_can_be_ejected(void **state)
{
    (void)state;
    pnp(&disk, IRP_MN_START_DEVICE);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    provision(0);
    eject(&disk);
    assert_int_equal(units(), 0);
}

static _Atomic bool freed;

static void *free_adapter(void *argument)
{
    (void)argument;
    shim.entries.HwFreeAdapterResources(shim.adapter);
    freed = true;
    return NULL;
}

static pthread_t freer;

/* Runs until it has freed the adapter, or waits for its users. */
static void start_to_free(void)
{
    shim.on_pnp = NULL;
    pthread_create(&freer, NULL, free_adapter, NULL);
    while (!freed && !shim.waiting)
        sched_yield();
    assert_false(freed);
}

static void test_the_adapter_stays_while_a_disk_is_removed(void **state)
{
    (void)state;
    pnp(&disk, IRP_MN_START_DEVICE);
    shim.on_pnp = start_to_free;
    pnp(&disk, IRP_MN_REMOVE_DEVICE);
    assert_false(shim.on_pnp);
    pthread_join(freer, NULL);
    assert_true(freed);
    pnp(&disk, IRP_MN_START_DEVICE); /* there is none any more */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ejecting_the_disk_removes_the_unit),
        TEST(a_vanished_disk_takes_no_unit_with_it),
        TEST(a_disk_that_was_lost_leaves_its_unit),
        TEST(a_disk_that_outlived_its_unit_can_be_ejected),
        TEST(the_adapter_stays_while_a_disk_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
