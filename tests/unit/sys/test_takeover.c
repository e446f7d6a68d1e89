/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit changes its server: transactions of the former one, and the answer to INQUIRY. */

#include "rig.h"

enum { GRACE = 60, TAKE_OVERS = 300 };

static struct rig_program child;
static struct rig_transact t, u;
static struct shim_srb box;
static UCHAR data[512];

static int setup(void **state)
{
    rig_setup(state);
    rig_start(&child, 101);
    return 0;
}

static int teardown(void **state)
{
    rig_exit(&child);
    return rig_teardown(state);
}

static NTSTATUS provision(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);
    UINT32 btl;

    params.Reserved[0] = GRACE;
    return rig_provision(&program, &params, &btl);
}

static void restart(void)
{
    rig_exit(&program);
    rig_start(&program, 100);
}

static NTSTATUS redirect(ULONG id)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID },
        .ProcessId = id,
    };

    return shim_ioctl(program.process, &block, sizeof block, NULL, 0, NULL);
}

static void serve(struct rig_program *server)
{
    rig_ask(server, &t, 0, 512);
    assert_true(shim_ioctl_done(t.irp));
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    rig_fill_answer(&t, 0);
    rig_answer(server, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
}

/* It would be given a request and could not answer it. */
static void test_a_transaction_that_waits_ends_with_its_right(void **state)
{
    (void)state;
    assert_int_equal(provision(), STATUS_SUCCESS);
    rig_ask(&program, &t, 0, 512);
    assert_int_equal(redirect(100), STATUS_SUCCESS);
    assert_false(shim_ioctl_done(t.irp));
    assert_int_equal(redirect(101), STATUS_SUCCESS);
    assert_true(shim_ioctl_done(t.irp));
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    serve(&child);
}

/* The child waits for more while it serves; the owner dies and comes back. */
static void test_a_child_gets_nothing_of_a_unit_taken_over(void **state)
{
    (void)state;
    assert_int_equal(provision(), STATUS_SUCCESS);
    assert_int_equal(redirect(101), STATUS_SUCCESS);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    rig_ask(&child, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    rig_ask(&child, &u, 0, 512);
    restart();
    assert_true(shim_ioctl_done(u.irp));
    assert_int_equal(rig_end(&u), STATUS_CANCELLED);
    rig_fill_answer(&t, 0);
    rig_answer(&child, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_ACCESS_DENIED);
    assert_int_equal(provision(), STATUS_SUCCESS);
    serve(&program);
}

static void *restart_and_provision(void *argument)
{
    (void)argument;
    restart();
    assert_int_equal(provision(), STATUS_SUCCESS);
    return NULL;
}

static void take_over_meanwhile(size_t length)
{
    pthread_t processor;

    if (length != sizeof data)
        return;
    shim.on_copy = NULL;
    assert_int_equal(pthread_create(&processor, NULL, restart_and_provision, NULL), 0);
    pthread_join(processor, NULL);
}

/* The program before gets nothing any more, and the one that is there now gets the request. */
static void test_a_request_that_is_delivered_meanwhile_is_not_lost(void **state)
{
    (void)state;
    for (unsigned waits = 0; waits < 2; waits++) {
        ULONG written;

        if (!waits)
            assert_int_equal(provision(), STATUS_SUCCESS);
        rig_write(&box, 0, 1, 1, data);
        shim.on_copy = take_over_meanwhile;
        if (waits)
            rig_ask(&program, &t, 0, 512);
        shim_srb_send(&box);
        if (!waits)
            rig_ask(&program, &t, 0, 512);
        assert_null(shim.on_copy);
        assert_int_equal(shim_ioctl_end(t.irp, &written), STATUS_SUCCESS);
        assert_int_equal(written, 0);
        serve(&program);
    }
}

/* By a completion port it is still there when the thread that sent it is not. */
static void test_a_lifetime_outlives_its_thread(void **state)
{
    UINT32 btls[16];

    (void)state;
    shim_ioctl_leave(program.lifetime);
    assert_int_equal(provision(), STATUS_SUCCESS);
    rig_exit(&program);
    rig_ask(&child, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_ACCESS_DENIED);
    shim_seconds(GRACE + 2);
    assert_int_equal(rig_list(&child, btls, 16), 0);
    rig_start(&program, 100);
}

/* Another driver's IRP may be of no process. */
static void test_who_is_nobody_may_do_nothing(void **state)
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };

    (void)state;
    assert_int_equal(shim_ioctl(NULL, &block, sizeof block, NULL, 0, NULL), STATUS_ACCESS_DENIED);
}

static _Atomic bool ending;

/* The designators are whole, even if the unit is taken over meanwhile. */
static void *inquire(void *argument)
{
    static const UCHAR cdb[6] = { 0x12, 1, 0x83, 0, 255 };
    UCHAR page[255];
    struct shim_srb inquiry;

    (void)argument;
    while (!ending) {
        shim_srb_init(&inquiry, SRB_FUNCTION_EXECUTE_SCSI, 0);
        shim_srb_cdb(&inquiry, cdb, 6, SRB_FLAGS_DATA_IN, page, sizeof page);
        shim_srb_run(&inquiry);
    }
    return NULL;
}

static void test_inquiry_while_a_unit_is_taken_over(void **state)
{
    pthread_t initiator;

    (void)state;
    assert_int_equal(provision(), STATUS_SUCCESS);
    ending = false;
    pthread_create(&initiator, NULL, inquire, NULL);
    for (unsigned i = 0; i < TAKE_OVERS; i++) {
        restart();
        assert_int_equal(provision(), STATUS_SUCCESS);
    }
    ending = true;
    pthread_join(initiator, NULL);
}

/* Programs find by it whom to ask for an eject. Windows may remember the first of the former
 * owners. */
static void test_an_id_that_a_unit_tells_is_given_to_nobody_else(void **state)
{
    PEPROCESS first = program.process, second;

    (void)state;
    ObReferenceObject(first);
    assert_int_equal(provision(), STATUS_SUCCESS);
    restart();
    assert_int_not_equal(shim_references(first), 1);
    assert_int_equal(provision(), STATUS_SUCCESS);
    second = program.process;
    ObReferenceObject(second);
    restart();
    assert_int_not_equal(shim_references(first), 1);
    assert_int_not_equal(shim_references(second), 1);
    assert_int_equal(provision(), STATUS_SUCCESS);
    assert_int_not_equal(shim_references(first), 1);
    assert_int_equal(shim_references(second), 1);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    assert_int_equal(shim_references(first), 1);
    ObDereferenceObject(first);
    ObDereferenceObject(second);
}

static void test_an_id_is_free_when_the_grace_is_over(void **state)
{
    PEPROCESS owner = program.process;

    (void)state;
    ObReferenceObject(owner);
    assert_int_equal(provision(), STATUS_SUCCESS);
    restart();
    shim_seconds(GRACE + 2);
    assert_int_equal(shim_references(owner), 1);
    ObDereferenceObject(owner);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_transaction_that_waits_ends_with_its_right),
        TEST(a_child_gets_nothing_of_a_unit_taken_over),
        TEST(a_request_that_is_delivered_meanwhile_is_not_lost),
        TEST(a_lifetime_outlives_its_thread),
        TEST(who_is_nobody_may_do_nothing),
        TEST(inquiry_while_a_unit_is_taken_over),
        TEST(an_id_that_a_unit_tells_is_given_to_nobody_else),
        TEST(an_id_is_free_when_the_grace_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
