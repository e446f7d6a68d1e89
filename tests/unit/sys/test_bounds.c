/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A process may keep so many requests pending, and so many bytes of their buffers. */

#include "rig.h"

enum {
    REQUESTS_MAX = SPD_IOCTL_PENDING_MAX,
    LIFETIMES_MAX = SPD_IOCTL_LIFETIME_MAX,
    BYTES_MAX = SPD_IOCTL_PENDING_BYTES_MAX,
    TOO_MANY = 20000,
    MIB = 1024 * 1024,
};

static PIRP irps[TOO_MANY];
static unsigned count;
static UCHAR out[sizeof(SPD_IOCTL_TRANSACT_PARAMS) + 512];

static int setup(void **state)
{
    count = 0;
    return rig_setup(state);
}

static void provision(struct rig_program *who, unsigned n, UINT32 max_transfer_length)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(n, max_transfer_length);
    UINT32 btl;

    assert_int_equal(rig_provision(who, &params, &btl), STATUS_SUCCESS);
    assert_int_equal(btl, SPD_IOCTL_BTL(0, n, 0));
}

/* False: it is refused. */
static bool begin(PIRP irp)
{
    if (!shim_ioctl_done(irp)) {
        irps[count++] = irp;
        return true;
    }
    assert_int_equal(shim_ioctl_end(irp, NULL), STATUS_INSUFFICIENT_RESOURCES);
    return false;
}

/* A transaction that waits brings nothing, so its buffer need not be there. */
static bool ask(struct rig_program *who, unsigned n, UINT32 max_transfer_length)
{
    SPD_IOCTL_TRANSACT_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_TRANSACT },
        .Btl = SPD_IOCTL_BTL(0, n, 0),
        .ReqValid = 1,
        .DataBuffer = 1,
    };

    return begin(shim_ioctl_begin(
        who->process, &block, sizeof block, out, (ULONG)sizeof block + max_transfer_length));
}

static bool live(ULONG out_length)
{
    SPD_IOCTL_LIFETIME_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIFETIME } };

    return begin(shim_ioctl_begin(program.process, &block, sizeof block, NULL, out_length));
}

static void cancel(unsigned i)
{
    shim_ioctl_cancel(irps[i]);
    assert_int_equal(shim_ioctl_end(irps[i], NULL), STATUS_CANCELLED);
    irps[i] = irps[--count];
}

static void cancel_all(void)
{
    while (count)
        cancel(count - 1);
}

/* The LIFETIME request of the process is one of them. */
static void test_transactions_are_bounded_in_number(void **state)
{
    struct rig_program other;

    (void)state;
    provision(&program, 0, 512);
    provision(&program, 1, 512);
    while (count < TOO_MANY && ask(&program, count % 2, 512))
        ;
    assert_int_equal(count, REQUESTS_MAX - 1);
    rig_start(&other, 101);
    provision(&other, 2, 512);
    assert_true(ask(&other, 2, 512)); /* another process has its own */
    cancel(count - 1);
    rig_exit(&other);
    cancel(count / 2);
    assert_true(ask(&program, 1, 512));
    assert_false(ask(&program, 0, 512));
    cancel_all();
    assert_true(ask(&program, 0, 512));
    cancel_all();
}

static void test_transactions_are_bounded_in_bytes(void **state)
{
    (void)state;
    provision(&program, 0, 16 * MIB);
    while (count < REQUESTS_MAX && ask(&program, 0, 16 * MIB))
        ;
    assert_int_equal(count, BYTES_MAX / (16 * MIB));
    cancel(0);
    assert_true(ask(&program, 0, 16 * MIB));
    cancel_all();
}

/* As many as the DLL has threads at most, of the longest transfer of its own programs. They wait
 * beside the LIFETIME request of the process. */
static void test_1024_transactions_of_1_mib_fit(void **state)
{
    (void)state;
    provision(&program, 0, MIB);
    for (unsigned i = 0; i < 1024; i++)
        assert_true(ask(&program, 0, MIB));
    cancel_all();
}

/* The answer has been taken: it is the wait that is refused. */
static void test_an_answer_counts_where_no_more_may_wait(void **state)
{
    static struct rig_transact t;
    struct shim_srb box;
    UCHAR data[RIG_BLOCK];

    (void)state;
    provision(&program, 0, 512);
    rig_read(&box, 0, 1, 1, data);
    shim_srb_send(&box);
    rig_take(&program, &t, 0, 512);
    while (count < TOO_MANY && ask(&program, 0, 512))
        ;
    rig_fill_answer(&t, 0);
    t.in.block.ReqValid = t.in.block.RspValid = 1;
    t.in.block.DataBuffer = 1;
    t.irp = shim_ioctl_begin(program.process, &t.in, (ULONG)sizeof t.in.block + 512, &t.out,
        (ULONG)sizeof t.out.block + 512);
    assert_true(shim_ioctl_done(t.irp));
    assert_int_equal(rig_end(&t), STATUS_INSUFFICIENT_RESOURCES);
    assert_true(box.done);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
    cancel_all();
}

/* A request that is delivered at once has not waited. */
static void test_a_request_that_is_there_is_not_refused(void **state)
{
    static struct rig_transact t;
    struct shim_srb box;
    UCHAR data[RIG_BLOCK];

    (void)state;
    provision(&program, 0, 512);
    provision(&program, 1, 512);
    while (count < TOO_MANY && ask(&program, 0, 512))
        ;
    rig_read(&box, 1, 1, 1, data);
    shim_srb_send(&box);
    rig_take(&program, &t, SPD_IOCTL_BTL(0, 1, 0), 512);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, SPD_IOCTL_BTL(0, 1, 0), 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    shim_srb_free(&box);
    cancel_all();
}

static void test_lifetimes_are_bounded_in_number(void **state)
{
    UINT32 btls[16];

    (void)state;
    provision(&program, 0, 512);
    while (count < TOO_MANY && live(0))
        ;
    assert_int_equal(count, LIFETIMES_MAX - 1);
    cancel(count / 2);
    assert_true(live(0));
    assert_false(live(0));
    cancel_all();
    assert_int_equal(rig_list(&program, btls, 16), 1);
}

/* Nothing comes back, but the buffer for it is there. */
static void test_lifetimes_are_bounded_in_bytes(void **state)
{
    (void)state;
    while (count < LIFETIMES_MAX && live(32 * MIB))
        ;
    assert_int_equal(count, BYTES_MAX / (32 * MIB));
    cancel_all();
}

static void test_a_lifetime_without_memory(void **state)
{
    SPD_IOCTL_LIFETIME_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIFETIME } };
    PEPROCESS other = shim_process(101);

    (void)state;
    shim.pool_fail_in = 1;
    assert_int_equal(
        shim_ioctl(other, &block, sizeof block, NULL, 0, NULL), STATUS_INSUFFICIENT_RESOURCES);
    shim_process_exit(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(transactions_are_bounded_in_number),
        TEST(transactions_are_bounded_in_bytes),
        TEST(1024_transactions_of_1_mib_fit),
        TEST(an_answer_counts_where_no_more_may_wait),
        TEST(a_request_that_is_there_is_not_refused),
        TEST(lifetimes_are_bounded_in_number),
        TEST(lifetimes_are_bounded_in_bytes),
        TEST(a_lifetime_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
