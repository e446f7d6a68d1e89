/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SRBs and transactions meet. */

#include "rig.h"

static struct rig_transact t, u;
static struct shim_srb box;
static UCHAR data[RIG_DATA_MAX], expected[RIG_DATA_MAX];

enum { PLAIN, CACHE = 1u << 0, UNMAP = 1u << 1 };

/* A unit at address 0. */
static void provision(UINT32 max_transfer_length, unsigned has)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, max_transfer_length);
    UINT32 btl;

    params.CacheSupported = (has & CACHE) != 0;
    params.UnmapSupported = (has & UNMAP) != 0;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    assert_int_equal(btl, 0);
}

static void send_read(uint64_t lba, UINT32 blocks)
{
    rig_read(&box, 0, lba, blocks, data);
    shim_srb_send(&box);
}

/* The request that is there. */
static void take(UINT32 room)
{
    rig_take(&program, &t, 0, room);
    assert_int_equal(t.out.block.ReqValid, 1);
    assert_int_equal(t.out.block.RspValid, 0);
    assert_true(RIG_REQ(&t)->Hint != 0);
}

static void answer(UINT32 length)
{
    rig_answer(&program, &t, 0, length);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
}

static void answer_good(UINT32 length)
{
    rig_fill_answer(&t, 0);
    answer(length);
}

static void assert_done(UCHAR status, ULONG length)
{
    assert_true(box.done);
    assert_int_equal(box.srb.SrbStatus, status);
    assert_int_equal(box.srb.DataTransferLength, length);
    shim_srb_free(&box);
}

/* With the pattern of these blocks. */
static void assert_read_done(uint64_t lba, UINT32 blocks)
{
    assert_done(SRB_STATUS_SUCCESS, blocks * RIG_BLOCK);
    rig_pattern(expected, lba, blocks);
    assert_memory_equal(data, expected, blocks * RIG_BLOCK);
}

static void serve_read_piece(uint64_t lba, UINT32 blocks, UINT32 room)
{
    take(room);
    assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactReadKind);
    assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, lba);
    assert_int_equal(RIG_REQ(&t)->Op.Read.BlockCount, blocks);
    assert_int_equal(RIG_REQ(&t)->Op.Read.ForceUnitAccess, 1);
    assert_int_equal(RIG_REQ(&t)->Op.Read.Reserved, 0);
    rig_fill_answer(&t, 0);
    rig_pattern(RIG_IN_DATA(&t), lba, blocks);
    answer(blocks * RIG_BLOCK);
}

static void test_read(void **state)
{
    (void)state;
    provision(2560, PLAIN);
    send_read(7, 5);
    serve_read_piece(7, 5, 2560);
    assert_read_done(7, 5);
}

static void test_read_in_pieces(void **state)
{
    (void)state;
    provision(1536, PLAIN);
    send_read(7, 5);
    serve_read_piece(7, 3, 1536);
    assert_false(box.done);
    serve_read_piece(10, 2, 1536);
    assert_read_done(7, 5);
}

static void test_a_transaction_waits_for_its_request(void **state)
{
    (void)state;
    provision(2560, PLAIN);
    rig_ask(&program, &t, 0, 2560);
    assert_false(shim_ioctl_done(t.irp));
    send_read(1, 2);
    assert_true(shim_ioctl_done(t.irp));
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, 1);
    rig_fill_answer(&t, 0);
    answer(0);
    memset(expected, 0, 1024);
    assert_done(SRB_STATUS_SUCCESS, 1024);
    assert_memory_equal(data, expected, 1024);
}

static void test_a_transaction_answers_and_asks_at_once(void **state)
{
    struct shim_srb second;

    (void)state;
    provision(512, PLAIN);
    rig_read(&box, 0, 1, 1, data);
    rig_read(&second, 0, 2, 1, data);
    shim_srb_send(&box);
    shim_srb_send(&second);
    take(512);
    rig_fill_answer(&t, 0);
    t.in.block.RspValid = 1;
    t.in.block.ReqValid = 1;
    t.irp = shim_ioctl_begin(program.process, &t.in, sizeof t.in.block + 512, &t.out,
        sizeof t.out.block + 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_done(SRB_STATUS_SUCCESS, 512);
    assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, 2);
    answer_good(512);
    shim_srb_free(&second);
}

static void write_pieces(UINT32 max, UINT32 first)
{
    uint64_t lba = 7;

    provision(max, PLAIN);
    rig_pattern(data, 7, 5);
    rig_write(&box, 0, 7, 5, data);
    shim_srb_send(&box);
    for (UINT32 blocks = first, left = 5; left; left -= blocks, lba += blocks) {
        blocks = blocks < left ? blocks : left;
        take(max);
        assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactWriteKind);
        assert_int_equal(RIG_REQ(&t)->Op.Write.BlockAddress, lba);
        assert_int_equal(RIG_REQ(&t)->Op.Write.BlockCount, blocks);
        assert_int_equal(RIG_REQ(&t)->Op.Write.ForceUnitAccess, 1);
        assert_memory_equal(RIG_OUT_DATA(&t), data + (lba - 7) * RIG_BLOCK, blocks * RIG_BLOCK);
        answer_good(0);
    }
    assert_done(SRB_STATUS_SUCCESS, 2560);
}

static void test_write(void **state)
{
    (void)state;
    write_pieces(2560, 5);
}

static void test_write_in_pieces(void **state)
{
    (void)state;
    write_pieces(1536, 3);
}

static void assert_flush_arrives(uint64_t lba, UINT32 blocks)
{
    provision(512, CACHE);
    rig_flush(&box, 0, lba, blocks);
    shim_srb_send(&box);
    take(512);
    assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactFlushKind);
    assert_int_equal(RIG_REQ(&t)->Op.Flush.BlockAddress, lba);
    assert_int_equal(RIG_REQ(&t)->Op.Flush.BlockCount, blocks);
    answer_good(0);
    assert_done(SRB_STATUS_SUCCESS, 0);
}

static void test_flush(void **state)
{
    (void)state;
    assert_flush_arrives(7, 5);
}

/* Known weakness 5: with it every FlushFileBuffers was lost. */
static void test_flush_of_everything_arrives(void **state)
{
    (void)state;
    assert_flush_arrives(0, 0);
}

static void test_unmap(void **state)
{
    static const UCHAR list[56] = { 0, 54, 0, 48, [15] = 7, [19] = 1, [31] = 6, [35] = 2,
        [47] = 5, [51] = 3 };
    static const UCHAR cdb[10] = { 0x42, [8] = sizeof list };
    static const SPD_IOCTL_UNMAP_DESCRIPTOR ranges[3] = { { 7, 1, 0 }, { 6, 2, 0 }, { 5, 3, 0 } };

    (void)state;
    provision(512, UNMAP);
    memcpy(data, list, sizeof list);
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, sizeof cdb, SRB_FLAGS_DATA_OUT, data, sizeof list);
    shim_srb_send(&box);
    memset(data, 0xff, sizeof list); /* known weakness 29: it is read once */
    take(512);
    assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactUnmapKind);
    assert_int_equal(RIG_REQ(&t)->Op.Unmap.Count, 3);
    assert_memory_equal(RIG_OUT_DATA(&t), ranges, sizeof ranges);
    answer_good(0);
    assert_done(SRB_STATUS_SUCCESS, sizeof list);
}

static void test_an_error_reaches_the_requester(void **state)
{
    (void)state;
    provision(2560, PLAIN);
    send_read(7, 5);
    take(2560);
    rig_fill_answer(&t, 2);
    t.in.block.Dir.Rsp.Status.SenseKey = 3;
    t.in.block.Dir.Rsp.Status.ASC = 0x15;
    t.in.block.Dir.Rsp.Status.ASCQ = 0x02;
    t.in.block.Dir.Rsp.Status.Information = 11;
    t.in.block.Dir.Rsp.Status.InformationValid = 1;
    answer(0);
    assert_int_equal(box.srb.ScsiStatus, 2);
    assert_int_equal(rig_sense(&box), 0x31502);
    assert_int_equal(box.sense[6], 11);
    assert_int_equal(box.sense[0] & 0x80, 0x80);
    assert_done(SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID, 0);
}

static void recover(uint64_t lba, UINT32 blocks)
{
    rig_fill_answer(&t, 2);
    t.in.block.Dir.Rsp.Status.SenseKey = 1;
    t.in.block.Dir.Rsp.Status.ASC = 0x17;
    rig_pattern(RIG_IN_DATA(&t), lba, blocks);
}

/* Class drivers take a recovered error for success, so its data must be there. */
static void test_a_recovered_error_brings_its_data(void **state)
{
    (void)state;
    provision(1536, PLAIN);
    send_read(7, 5);
    take(1536);
    recover(7, 3);
    answer(3 * RIG_BLOCK);
    assert_false(box.done);
    serve_read_piece(10, 2, 1536);
    assert_int_equal(box.srb.ScsiStatus, 2);
    assert_int_equal(rig_sense(&box), 0x11700);
    assert_done(SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID, 5 * RIG_BLOCK);
    rig_pattern(expected, 7, 5);
    assert_memory_equal(data, expected, 5 * RIG_BLOCK);
}

static void test_a_recovered_error_without_data_is_a_failure(void **state)
{
    (void)state;
    provision(2560, PLAIN);
    send_read(7, 5);
    take(2560);
    recover(7, 0);
    t.in.block.DataBuffer = 0;
    answer(0);
    assert_int_equal(rig_sense(&box), 0x44400);
    assert_done(SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID, 0);
}

/* Known weakness 15: all of them became CHECK CONDITION. */
static void test_another_status_reaches_the_requester(void **state)
{
    (void)state;
    provision(512, PLAIN);
    send_read(7, 1);
    take(512);
    rig_fill_answer(&t, 0x08);
    answer(0);
    assert_int_equal(box.srb.ScsiStatus, 0x08);
    assert_done(SRB_STATUS_ERROR, 0);
}

/* Known weakness 23: late answers found another request at the same address. */
static void test_late_answers_are_ignored(void **state)
{
    UINT64 late;

    (void)state;
    provision(512, PLAIN);
    for (unsigned i = 0; i < 3; i++) {
        send_read(i, 1);
        take(512);
        late = RIG_REQ(&t)->Hint;
        answer_good(512);
        assert_done(SRB_STATUS_SUCCESS, 512);
    }
    send_read(9, 1);
    take(512);
    assert_int_not_equal(RIG_REQ(&t)->Hint, late);
    rig_fill_answer(&t, 0);
    u = t;
    t.in.block.Dir.Rsp.Hint = late;
    answer(512);
    assert_false(box.done);
    t = u;
    answer(512);
    assert_done(SRB_STATUS_SUCCESS, 512);
}

/* The same hint would name a request of the unit that came after. */
static void test_answers_to_a_unit_that_was_are_ignored(void **state)
{
    (void)state;
    provision(512, PLAIN);
    send_read(1, 1);
    take(512);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    shim_srb_free(&box);
    provision(512, PLAIN);
    send_read(1, 1);
    rig_ask(&program, &u, 0, 512);
    answer_good(512);
    assert_false(box.done);
    assert_int_equal(rig_end(&u), STATUS_SUCCESS);
    t = u;
    answer_good(512);
    assert_done(SRB_STATUS_SUCCESS, 512);
}

static NTSTATUS answer_status(UINT32 length)
{
    rig_answer(&program, &t, 0, length);
    return rig_end(&t);
}

/* Known weakness 35. The request still waits for a good answer. */
static void test_unacceptable_answers_are_refused(void **state)
{
    (void)state;
    provision(1024, PLAIN);
    send_read(7, 2);
    take(1024);
    rig_fill_answer(&t, 0);
    u = t;
    t.in.block.Dir.Rsp.Kind = SpdIoctlTransactWriteKind;
    assert_int_equal(answer_status(1024), STATUS_INVALID_PARAMETER);
    t = u;
    assert_int_equal(answer_status(1023), STATUS_ACCESS_VIOLATION);
    for (unsigned bit = 0; bit < 128; bit++) {
        t = u;
        /* ReservedCSI, ReservedSKS, and the word with InformationValid. */
        ((UCHAR *)&t.in.block.Dir.Rsp.Status)[16 + bit / 8] = (UCHAR)(1u << bit % 8);
        if (bit != 96 + 8)
            assert_int_equal(answer_status(1024), STATUS_INVALID_PARAMETER);
    }
    assert_false(box.done);
    t = u;
    assert_int_equal(answer_status(1024), STATUS_SUCCESS);
    assert_done(SRB_STATUS_SUCCESS, 1024);
}

static NTSTATUS raw(UINT32 btl, UINT32 flags, UINT64 buffer, ULONG out)
{
    t.in.block = (SPD_IOCTL_TRANSACT_PARAMS){
        .Base = { sizeof t.in.block, SPD_IOCTL_TRANSACT }, .Btl = btl, .DataBuffer = buffer,
    };
    memcpy((UCHAR *)&t.in.block + 12, &flags, sizeof flags);
    return shim_ioctl(program.process, &t.in, sizeof t.in.block, &t.out, out, NULL);
}

static void test_bad_transactions(void **state)
{
    ULONG room = sizeof t.out.block + 512;

    (void)state;
    provision(512, PLAIN);
    assert_int_equal(raw(0, 1, 1, sizeof t.out.block - 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(raw(0, 0, 1, room), STATUS_INVALID_PARAMETER);
    assert_int_equal(raw(0, 1, 0, room), STATUS_INVALID_PARAMETER);
    for (unsigned bit = 2; bit < 32; bit++)
        assert_int_equal(raw(0, 1u << bit | 1, 1, room), STATUS_INVALID_PARAMETER);
    assert_int_equal(raw(SPD_IOCTL_BTL(1, 0, 0), 1, 1, room), STATUS_CANCELLED);
    assert_int_equal(raw(SPD_IOCTL_BTL(0, 0, 1), 1, 1, room), STATUS_CANCELLED);
    assert_int_equal(raw(SPD_IOCTL_BTL(0, 1, 0), 1, 1, room), STATUS_CANCELLED);
    assert_int_equal(raw(SPD_IOCTL_BTL(0, 255, 0), 1, 1, room), STATUS_CANCELLED);
    assert_int_equal(raw(0x01000000, 1, 1, room), STATUS_CANCELLED);
    assert_int_equal(raw(0, 1, 1, room - 1), STATUS_ACCESS_VIOLATION);
    assert_int_equal(raw(0, 1, 1, room), STATUS_CANCELLED); /* it pends: the shim cancels */
}

/* Faults are reported in this order: the block, the address, the process, the room. */
static void test_a_stranger_learns_of_its_own_mistakes_first(void **state)
{
    static const struct { UINT32 btl, flags; ULONG room; NTSTATUS status; } rows[] = {
        { 0x100, 0, 512, STATUS_INVALID_PARAMETER },
        { 0x100, 4 | 1, 512, STATUS_INVALID_PARAMETER },
        { 0x100, 1, 0, STATUS_CANCELLED },
        { 0, 1, 0, STATUS_ACCESS_DENIED },
        { 0, 1, 512, STATUS_ACCESS_DENIED },
        { 0, 2, 0, STATUS_ACCESS_DENIED }, /* to no request there is */
        { 0, 3, 512, STATUS_ACCESS_DENIED },
    };
    struct rig_program owner = program;

    (void)state;
    provision(512, 0);
    rig_start(&program, 101);
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++)
        assert_int_equal(raw(rows[i].btl, rows[i].flags, 1,
            (ULONG)sizeof t.out.block + rows[i].room), rows[i].status);
    rig_exit(&program);
    program = owner;
}

static void test_an_answer_to_nothing_is_no_error(void **state)
{
    ULONG written = 1;

    (void)state;
    provision(512, 0);
    t.in.block = (SPD_IOCTL_TRANSACT_PARAMS){
        .Base = { sizeof t.in.block, SPD_IOCTL_TRANSACT }, .RspValid = 1,
    };
    for (t.in.block.Dir.Rsp.Hint = 0; t.in.block.Dir.Rsp.Hint < 3; t.in.block.Dir.Rsp.Hint++) {
        assert_int_equal(shim_ioctl(program.process, &t.in, sizeof t.in.block, &t.out,
            sizeof t.out.block, &written), STATUS_SUCCESS);
        assert_int_equal(written, 0);
    }
}

static void test_a_waiting_transaction_can_be_cancelled(void **state)
{
    (void)state;
    provision(512, PLAIN);
    rig_ask(&program, &u, 0, 512);
    rig_ask(&program, &t, 0, 512);
    shim_ioctl_cancel(t.irp);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
    send_read(1, 1);
    assert_int_equal(rig_end(&u), STATUS_SUCCESS);
    t = u;
    answer_good(512);
    assert_done(SRB_STATUS_SUCCESS, 512);
}

static void test_unprovision_ends_requests_and_transactions(void **state)
{
    struct shim_srb second;

    (void)state;
    provision(512, PLAIN);
    rig_read(&box, 0, 1, 1, data);
    rig_read(&second, 0, 2, 1, data);
    shim_srb_send(&box);
    take(512);
    shim_srb_send(&second);
    rig_fill_answer(&t, 0);
    u = t;
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    assert_done(SRB_STATUS_ABORTED, 0);
    assert_int_equal(second.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&second);
    t = u;
    assert_int_equal(answer_status(512), STATUS_CANCELLED);

    provision(512, PLAIN);
    rig_ask(&program, &t, 0, 512);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
}

static void test_another_process_may_serve_by_leave_of_the_owner(void **state)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID }, .ProcessId = 101,
    };
    struct rig_program child;

    (void)state;
    rig_start(&child, 101);
    provision(512, PLAIN);
    rig_ask(&child, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_ACCESS_DENIED);
    assert_int_equal(shim_ioctl(program.process, &block, sizeof block, NULL, 0, NULL),
        STATUS_SUCCESS);
    rig_ask(&program, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_ACCESS_DENIED);
    send_read(7, 1);
    rig_ask(&child, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    rig_fill_answer(&t, 0);
    rig_answer(&child, &t, 0, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_done(SRB_STATUS_SUCCESS, 512);
    rig_exit(&child);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(read),
        TEST(read_in_pieces),
        TEST(a_transaction_waits_for_its_request),
        TEST(a_transaction_answers_and_asks_at_once),
        TEST(write),
        TEST(write_in_pieces),
        TEST(flush),
        TEST(flush_of_everything_arrives),
        TEST(unmap),
        TEST(an_error_reaches_the_requester),
        TEST(a_recovered_error_brings_its_data),
        TEST(a_recovered_error_without_data_is_a_failure),
        TEST(another_status_reaches_the_requester),
        TEST(late_answers_are_ignored),
        TEST(answers_to_a_unit_that_was_are_ignored),
        TEST(unacceptable_answers_are_refused),
        TEST(bad_transactions),
        TEST(a_stranger_learns_of_its_own_mistakes_first),
        TEST(an_answer_to_nothing_is_no_error),
        TEST(a_waiting_transaction_can_be_cancelled),
        TEST(unprovision_ends_requests_and_transactions),
        TEST(another_process_may_serve_by_leave_of_the_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
