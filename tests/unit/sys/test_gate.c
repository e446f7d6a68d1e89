/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Task attributes: what waits for an ORDERED command, what a HEAD OF QUEUE command passes, and what
 * happens to both when one in the middle ends otherwise. */

#include "rig.h"

enum { BOXES = 6, ROOM = 2560 };

static struct shim_srb boxes[BOXES];
static UCHAR data[BOXES][RIG_BLOCK];
static struct rig_transact t[BOXES];

static int setup(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, ROOM);
    UINT32 btl;

    rig_setup(state);
    params.CacheSupported = 1;
    return rig_provision(&program, &params, &btl) != STATUS_SUCCESS;
}

static void send_tagged(unsigned number, UCHAR action)
{
    boxes[number].srb.SrbFlags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
    boxes[number].srb.QueueAction = action;
    shim_srb_send(&boxes[number]);
}

/* A read of the block with this number. */
static void send(unsigned number, UCHAR action)
{
    rig_read(&boxes[number], 0, number, 1, data[number]);
    send_tagged(number, action);
}

/* The program gets this read, and may keep it. */
static void take(unsigned number)
{
    rig_take(&program, &t[number], 0, ROOM);
    assert_int_equal(RIG_REQ(&t[number])->Op.Read.BlockAddress, number);
}

static void answer(unsigned number)
{
    rig_fill_answer(&t[number], 0);
    rig_answer(&program, &t[number], 0, RIG_BLOCK);
    assert_int_equal(rig_end(&t[number]), STATUS_SUCCESS);
    assert_int_equal(boxes[number].srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&boxes[number]);
}

static void serve(unsigned number)
{
    take(number);
    answer(number);
}

static void assert_nothing_to_serve(void)
{
    static struct rig_transact idle;

    rig_ask(&program, &idle, 0, ROOM);
    assert_false(shim_ioctl_done(idle.irp));
    shim_ioctl_cancel(idle.irp);
    rig_end(&idle);
}

static void end_by(UCHAR function, unsigned number)
{
    static struct shim_srb ender;

    shim_srb_init(&ender, function, 0);
    ender.srb.NextSrb = &boxes[number].srb;
    assert_int_equal(shim_srb_run(&ender), SRB_STATUS_SUCCESS);
}

static void assert_aborted(unsigned number)
{
    assert_true(boxes[number].done);
    assert_int_equal(boxes[number].srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&boxes[number]);
}

static void test_head_of_queue_passes_those_that_wait(void **state)
{
    (void)state;
    send(0, SRB_SIMPLE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_SIMPLE_TAG_REQUEST);
    assert_nothing_to_serve();
    send(3, SRB_HEAD_OF_QUEUE_TAG_REQUEST);
    take(3);
    answer(0);
    assert_nothing_to_serve();
    answer(3);
    take(1);
    assert_nothing_to_serve();
    answer(1);
    serve(2);
}

static void test_head_of_queue_waits_for_the_ordered_one_that_has_begun(void **state)
{
    (void)state;
    send(0, SRB_ORDERED_QUEUE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_HEAD_OF_QUEUE_TAG_REQUEST);
    assert_nothing_to_serve();
    answer(0);
    take(2);
    assert_nothing_to_serve();
    answer(2);
    serve(1);
}

static void test_simple_ones_behind_an_ordered_one_follow_together(void **state)
{
    (void)state;
    send(0, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(1, SRB_SIMPLE_TAG_REQUEST);
    send(2, SRB_SIMPLE_TAG_REQUEST);
    serve(0);
    take(1);
    take(2);
    answer(2);
    answer(1);
}

/* The nexus of SRB_FUNCTION_FLUSH, which has its own, gives it no turn of its own. */
static void test_a_flush_keeps_its_place(void **state)
{
    static struct rig_transact flushing;

    (void)state;
    send(0, SRB_ORDERED_QUEUE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_ORDERED_QUEUE_TAG_REQUEST);
    shim_srb_init(&boxes[3], SRB_FUNCTION_FLUSH, 0);
    shim_srb_send(&boxes[3]);
    answer(0);
    serve(1);
    serve(2);
    rig_take(&program, &flushing, 0, ROOM);
    assert_int_equal(RIG_REQ(&flushing)->Kind, SpdIoctlTransactFlushKind);
    rig_fill_answer(&flushing, 0);
    rig_answer(&program, &flushing, 0, 0);
    assert_int_equal(rig_end(&flushing), STATUS_SUCCESS);
    assert_int_equal(boxes[3].srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&boxes[3]);
}

static void test_the_abort_of_an_ordered_one_that_waits_frees_those_behind_it(void **state)
{
    (void)state;
    send(0, SRB_SIMPLE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_SIMPLE_TAG_REQUEST);
    send(3, SRB_HEAD_OF_QUEUE_TAG_REQUEST);
    take(3);
    end_by(SRB_FUNCTION_ABORT_COMMAND, 1);
    assert_aborted(1);
    take(2);
    answer(3);
    answer(2);
    answer(0);
}

static void test_the_abort_of_an_ordered_one_that_has_begun_frees_the_head(void **state)
{
    (void)state;
    send(0, SRB_ORDERED_QUEUE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_HEAD_OF_QUEUE_TAG_REQUEST);
    end_by(SRB_FUNCTION_ABORT_COMMAND, 0);
    assert_aborted(0);
    take(2);
    assert_nothing_to_serve();
    answer(2);
    serve(1);
}

static void test_the_abort_of_a_head_that_waits_leaves_the_others_their_order(void **state)
{
    (void)state;
    send(0, SRB_ORDERED_QUEUE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_HEAD_OF_QUEUE_TAG_REQUEST);
    end_by(SRB_FUNCTION_ABORT_COMMAND, 2);
    assert_aborted(2);
    assert_nothing_to_serve();
    answer(0);
    serve(1);
}

static void test_a_reset_ends_all_that_wait_and_the_gate_is_open(void **state)
{
    static struct shim_srb attention;

    (void)state;
    send(0, SRB_ORDERED_QUEUE_TAG_REQUEST);
    take(0);
    send(1, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(2, SRB_SIMPLE_TAG_REQUEST);
    send(3, SRB_HEAD_OF_QUEUE_TAG_REQUEST);
    end_by(SRB_FUNCTION_RESET_LOGICAL_UNIT, 0);
    for (unsigned i = 0; i <= 3; i++)
        assert_aborted(i);
    shim_srb_init(&attention, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&attention, "\0\0\0\0\0\0", 6, 0, NULL, 0);
    shim_srb_run(&attention);
    send(4, SRB_ORDERED_QUEUE_TAG_REQUEST);
    send(5, SRB_SIMPLE_TAG_REQUEST);
    take(4);
    assert_nothing_to_serve();
    answer(4);
    serve(5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(head_of_queue_passes_those_that_wait),
        TEST(head_of_queue_waits_for_the_ordered_one_that_has_begun),
        TEST(simple_ones_behind_an_ordered_one_follow_together),
        TEST(a_flush_keeps_its_place),
        TEST(the_abort_of_an_ordered_one_that_waits_frees_those_behind_it),
        TEST(the_abort_of_an_ordered_one_that_has_begun_frees_the_head),
        TEST(the_abort_of_a_head_that_waits_leaves_the_others_their_order),
        TEST(a_reset_ends_all_that_wait_and_the_gate_is_open),
    };

    return cmocka_run_group_tests_name("sys-gate", tests, NULL, NULL);
}
