/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Long transfers, which a reset does not wait for: they are copied in pieces, and it ends them
 * between two. */

#include "rig.h"

enum { BLOCKS = 1024, LENGTH = BLOCKS * RIG_BLOCK, PIECE = 65536, UNTOUCHED = 0x5a };

static struct shim_srb box, reset;
static UCHAR data[LENGTH];
static UCHAR in[sizeof(SPD_IOCTL_TRANSACT_PARAMS) + LENGTH];
static UCHAR out[sizeof(SPD_IOCTL_TRANSACT_PARAMS) + LENGTH];
static SPD_IOCTL_TRANSACT_PARAMS *const request = (SPD_IOCTL_TRANSACT_PARAMS *)out;
static SPD_IOCTL_TRANSACT_PARAMS *const block = (SPD_IOCTL_TRANSACT_PARAMS *)in;
static unsigned pieces, pieces_before_reset;

static int setup(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, LENGTH);
    UINT32 btl;

    rig_setup(state);
    params.BlockCount = BLOCKS;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    memset(in, 0, sizeof in);
    block->Base = (SPD_IOCTL_BASE_PARAMS){ sizeof *block, SPD_IOCTL_TRANSACT };
    pieces = 0;
    return 0;
}

static int teardown(void **state)
{
    shim.on_copy = NULL;
    return rig_teardown(state);
}

/* No copy is longer than a piece; a reset comes before one of them. */
static void count(size_t length)
{
    if (length < PIECE)
        return;
    assert_int_equal(length, PIECE);
    if (++pieces == pieces_before_reset)
        shim_srb_send(&reset);
}

static void reset_before(unsigned piece)
{
    pieces_before_reset = piece;
    shim_srb_init(&reset, SRB_FUNCTION_RESET_LOGICAL_UNIT, 0);
    shim.on_copy = count;
}

static PIRP begin_ask(void)
{
    block->ReqValid = block->DataBuffer = 1;
    block->RspValid = 0;
    return shim_ioctl_begin(program.process, in, sizeof *block, out, sizeof out);
}

static PIRP begin_answer(ULONG length)
{
    block->ReqValid = 0;
    block->RspValid = 1;
    block->DataBuffer = length != 0;
    block->Dir.Rsp = (SPD_IOCTL_TRANSACT_RSP){ .Hint = request->Dir.Req.Hint,
        .Kind = request->Dir.Req.Kind };
    memset(block + 1, 0x77, length);
    return shim_ioctl_begin(program.process, in, (ULONG)sizeof *block + length, out, sizeof *block);
}

static void assert_reset(void)
{
    assert_true(reset.done);
    assert_int_equal(reset.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&reset);
    shim_srb_free(&box);
}

static void test_a_long_write_arrives_whole(void **state)
{
    ULONG written;

    (void)state;
    rig_pattern(data, 0, BLOCKS);
    rig_write(&box, 0, 0, BLOCKS, data);
    shim_srb_send(&box);
    reset_before(0);
    assert_int_equal(shim_ioctl_end(begin_ask(), &written), STATUS_SUCCESS);
    assert_int_equal(written, sizeof out);
    assert_memory_equal(request + 1, data, LENGTH);
    assert_int_equal(pieces, LENGTH / PIECE);
    assert_int_equal(shim_ioctl_end(begin_answer(0), NULL), STATUS_SUCCESS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
}

/* The program gets nothing of it, and none of the kernel's memory in its place. */
static void test_a_write_that_is_reset_reaches_no_program(void **state)
{
    ULONG written;

    (void)state;
    rig_write(&box, 0, 0, BLOCKS, data);
    shim_srb_send(&box);
    reset_before(3);
    assert_int_equal(shim_ioctl_end(begin_ask(), &written), STATUS_SUCCESS);
    assert_int_equal(written, 0);
    assert_int_equal(pieces, 3);
    assert_reset();
}

static void read_with(ULONG length)
{
    memset(data, UNTOUCHED, sizeof data);
    rig_read(&box, 0, 0, BLOCKS, data);
    shim_srb_send(&box);
    assert_int_equal(shim_ioctl_end(begin_ask(), NULL), STATUS_SUCCESS);
    reset_before(2);
    assert_int_equal(shim_ioctl_end(begin_answer(length), NULL), STATUS_SUCCESS);
    assert_int_equal(pieces, 2);
    for (unsigned i = 2 * PIECE; i < LENGTH; i++)
        assert_int_equal(data[i], UNTOUCHED);
    assert_reset();
}

static void test_a_read_that_is_reset_is_not_written_to(void **state)
{
    (void)state;
    read_with(LENGTH);
}

static void test_nor_is_one_of_zeros(void **state)
{
    (void)state;
    read_with(0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_long_write_arrives_whole),
        TEST(a_write_that_is_reset_reaches_no_program),
        TEST(a_read_that_is_reset_is_not_written_to),
        TEST(nor_is_one_of_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
