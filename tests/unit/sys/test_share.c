/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Scratch memory is shared by nobody: what one unit's program leaves unserved breaks neither the
 * disk of another nor the commands that must always be answered. */

#include "rig.h"

enum { MANY = 100, TIMEOUT = 60 };

static struct shim_srb unmaps[MANY], box;
static UCHAR list[24] = { [1] = 22, [3] = 16, [19] = 1 }, data[256];
static UINT32 btls[2];
static struct rig_transact t;

static int setup(void **state)
{
    rig_setup(state);
    for (unsigned i = 0; i < 2; i++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(i, 512);

        params.UnmapSupported = 1;
        params.CacheSupported = 1;
        assert_int_equal(rig_provision(&program, &params, &btls[i]), STATUS_SUCCESS);
    }
    return 0;
}

static void send_unmap(struct shim_srb *srb, UCHAR target)
{
    static const UCHAR cdb[10] = { 0x42, [8] = sizeof list };

    shim_srb_init(srb, SRB_FUNCTION_EXECUTE_SCSI, target);
    shim_srb_cdb(srb, cdb, sizeof cdb, SRB_FLAGS_DATA_OUT, list, sizeof list);
    shim_srb_send(srb);
}

static void send_many(UCHAR target)
{
    for (unsigned i = 0; i < MANY; i++) {
        send_unmap(&unmaps[i], target);
        assert_false(unmaps[i].done);
    }
}

static void end_many(UCHAR status)
{
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(unmaps[i].done);
        assert_int_equal(unmaps[i].srb.SrbStatus, status);
        shim_srb_free(&unmaps[i]);
    }
}

static void serve(UINT32 btl)
{
    rig_take(&program, &t, btl, 512);
    assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactUnmapKind);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, btl, 0);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
}

static void assert_answers(UCHAR target)
{
    static const UCHAR cdbs[][16] = {
        { 0x12, [4] = 96 }, { 0x25 }, { 0x9e, 0x10, [13] = 32 }, { 0xa0, [9] = 64 },
        { 0x1a, [2] = 0x3f, [4] = 64 }, { 0x4d, [8] = 64 }, { 0x5e, [8] = 64 },
    };

    for (unsigned i = 0; i < sizeof cdbs / sizeof cdbs[0]; i++) {
        shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, target);
        shim_srb_cdb(&box, cdbs[i], 16, SRB_FLAGS_DATA_IN, data, sizeof data);
        assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    }
}

static void test_what_one_unit_leaves_unserved_does_not_touch_another(void **state)
{
    (void)state;
    send_many(0);
    assert_answers(0);
    assert_answers(1);
    send_unmap(&box, 1);
    assert_false(box.done);
    serve(btls[1]);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
    for (unsigned i = 0; i < MANY; i++)
        serve(btls[0]);
    end_many(SRB_STATUS_SUCCESS);
}

/* The program may have as many requests at a time as there is scratch for. */
static void test_a_unit_has_its_share_and_no_more(void **state)
{
    static struct rig_transact taken[9];

    (void)state;
    send_many(0);
    for (unsigned i = 0; i < 9; i++)
        rig_ask(&program, &taken[i], btls[0], 512);
    assert_true(shim_ioctl_done(taken[7].irp));
    assert_false(shim_ioctl_done(taken[8].irp));
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(rig_end(&taken[i]), STATUS_SUCCESS);
        rig_fill_answer(&taken[i], 0);
        rig_answer(&program, &taken[i], btls[0], 0);
        assert_int_equal(rig_end(&taken[i]), STATUS_SUCCESS);
        assert_true(shim_ioctl_done(taken[8].irp));
    }
    assert_int_equal(rig_end(&taken[8]), STATUS_SUCCESS);
    rig_fill_answer(&taken[8], 0);
    rig_answer(&program, &taken[8], btls[0], 0);
    assert_int_equal(rig_end(&taken[8]), STATUS_SUCCESS);
    for (unsigned i = 9; i < MANY; i++)
        serve(btls[0]);
    end_many(SRB_STATUS_SUCCESS);
}

static void test_a_reset_ends_those_that_wait_for_scratch(void **state)
{
    (void)state;
    send_many(0);
    shim_srb_init(&box, SRB_FUNCTION_RESET_BUS, 0);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    end_many(SRB_STATUS_ABORTED);
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, "\0\0\0\0\0\0", 6, 0, NULL, 0);
    shim_srb_run(&box); /* it takes the unit attention */
    send_unmap(&box, 0);
    serve(btls[0]);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
}

static void test_one_that_waits_for_scratch_can_be_aborted(void **state)
{
    (void)state;
    send_many(0);
    shim_srb_init(&box, SRB_FUNCTION_ABORT_COMMAND, 0);
    box.srb.NextSrb = &unmaps[MANY - 1].srb;
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    assert_true(unmaps[MANY - 1].done);
    assert_int_equal(unmaps[MANY - 1].srb.SrbStatus, SRB_STATUS_ABORTED);
    for (unsigned i = 0; i < MANY - 1; i++)
        serve(btls[0]);
    unmaps[MANY - 1].srb.SrbStatus = SRB_STATUS_SUCCESS;
    end_many(SRB_STATUS_SUCCESS);
}

static struct shim_srb ender;

/* As soon as the request is one of the unit's, whatever the driver does with it then. */
static void abort_it(void)
{
    shim.released = NULL;
    shim_srb_init(&ender, SRB_FUNCTION_ABORT_COMMAND, 0);
    ender.srb.NextSrb = &box.srb;
    shim_srb_send(&ender);
    if (!ender.done)
        return;
    assert_int_equal(ender.srb.SrbStatus, SRB_STATUS_ABORT_FAILED);
    shim_srb_free(&ender);
    shim.released = abort_it;
}

static void test_one_that_is_aborted_before_it_waits_for_scratch_does_not_wait(void **state)
{
    (void)state;
    send_many(0);
    shim.released = abort_it;
    send_unmap(&box, 0);
    assert_true(box.done && ender.done);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    assert_int_equal(ender.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
    shim_srb_free(&ender);
    for (unsigned i = 0; i < MANY; i++)
        serve(btls[0]);
    end_many(SRB_STATUS_SUCCESS);
}

static void test_the_end_of_the_unit_ends_them(void **state)
{
    (void)state;
    send_many(0);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(unmaps[i].done);
        shim_srb_free(&unmaps[i]);
    }
}

/* Its next operation goes behind what came meanwhile. */
static void test_a_long_command_gives_way(void **state)
{
    static const UCHAR verify[10] = { 0x2f, [8] = 4 };
    static struct shim_srb flush;
    unsigned reads = 0;

    (void)state;
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, verify, sizeof verify, 0, NULL, 0);
    shim_srb_send(&box);
    rig_flush(&flush, 0, 0, 1);
    shim_srb_send(&flush);
    while (!flush.done) {
        rig_take(&program, &t, btls[0], 512);
        reads += RIG_REQ(&t)->Kind == SpdIoctlTransactReadKind;
        rig_fill_answer(&t, 0);
        rig_answer(&program, &t, btls[0],
            RIG_REQ(&t)->Kind == SpdIoctlTransactReadKind ? 512 : 0);
        assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    }
    assert_int_equal(reads, 0);
    assert_false(box.done);
    while (!box.done) {
        rig_take(&program, &t, btls[0], 512);
        rig_fill_answer(&t, 0);
        rig_answer(&program, &t, btls[0], 512);
        assert_int_equal(rig_end(&t), STATUS_SUCCESS);
        reads++;
    }
    assert_int_equal(reads, 4);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
    shim_srb_free(&flush);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_one_unit_leaves_unserved_does_not_touch_another),
        TEST(test_a_unit_has_its_share_and_no_more),
        TEST(test_a_reset_ends_those_that_wait_for_scratch),
        TEST(test_one_that_waits_for_scratch_can_be_aborted),
        TEST(test_one_that_is_aborted_before_it_waits_for_scratch_does_not_wait),
        TEST(test_the_end_of_the_unit_ends_them),
        TEST(test_a_long_command_gives_way),
    };

    return cmocka_run_group_tests_name("sys-share", tests, NULL, NULL);
}
