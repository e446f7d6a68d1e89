/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Transactions as block operations, and outcomes as transaction status. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "transact/block.h"

#include <cmocka.h>

static struct scsi_block block_of(struct transact_request message)
{
    struct scsi_block block;

    assert_true(transact_block(&message, NULL, &block));
    return block;
}

static void a_read_and_a_write_have_range_and_fua(void **state)
{
    static const uint8_t rows[][2] = {
        { TRANSACT_READ, SCSI_BLOCK_READ }, { TRANSACT_WRITE, SCSI_BLOCK_WRITE } };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct transact_request message = {
            .kind = rows[i][0], .lba = 0x0102030405060708, .blocks = 0x0a0b0c0d, .fua = true };
        struct scsi_block block = block_of(message);

        assert_int_equal(block.operation, rows[i][1]);
        assert_int_equal(block.flags, SCSI_BLOCK_FUA);
        assert_int_equal(block.lba, message.lba);
        assert_int_equal(block.blocks, message.blocks);
        message.fua = false;
        assert_int_equal(block_of(message).flags, 0);
        assert_int_equal(
            transact_data_length(&message, 65536), UINT64_C(0x0a0b0c0d) * 65536);
    }
}

static void a_flush_has_a_range_and_no_data(void **state)
{
    struct transact_request message = { .kind = TRANSACT_FLUSH, .lba = 7, .blocks = 5 };
    struct scsi_block block = block_of(message);

    (void)state;
    assert_int_equal(block.operation, SCSI_BLOCK_FLUSH);
    assert_int_equal(block.lba, 7);
    assert_int_equal(block.blocks, 5);
    assert_int_equal(transact_data_length(&message, 512), 0);
}

static void unknown_kinds_are_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < 256; kind++) {
        struct transact_request message = { .kind = (uint8_t)kind };
        struct scsi_block block;

        if (kind < TRANSACT_READ || kind > TRANSACT_UNMAP)
            assert_false(transact_block(&message, NULL, &block));
    }
}

static void an_unmaps_ranges_are_turned_where_they_lie(void **state)
{
    struct transact_range first = { 0x0102030405060708, 0x0a0b0c0d }, second = { 9, 1 };
    struct transact_request message = { .kind = TRANSACT_UNMAP, .blocks = 2 };
    union {
        uint8_t bytes[32];
        struct scsi_range ranges[2];
    } payload;
    struct scsi_block block;

    (void)state;
    transact_encode_range(&first, payload.bytes);
    transact_encode_range(&second, payload.bytes + 16);
    memset(payload.bytes + 12, 0xff, 4); /* what is reserved there is reserved here, too */
    assert_true(transact_block(&message, &payload, &block));
    assert_int_equal(block.operation, SCSI_BLOCK_UNMAP);
    assert_int_equal(block.range_count, 2);
    assert_ptr_equal(block.ranges, payload.ranges);
    assert_int_equal(payload.ranges[0].lba, first.lba);
    assert_int_equal(payload.ranges[0].blocks, first.blocks);
    assert_int_equal(payload.ranges[0].reserved, 0);
    assert_int_equal(payload.ranges[1].lba, 9);
    assert_int_equal(payload.ranges[1].blocks, 1);
    assert_int_equal(transact_data_length(&message, 512), 0);
}

static void check_condition_has_all_of_its_outcome(void **state)
{
    struct scsi_outcome outcome = { SCSI_CHECK_CONDITION, 0xf3, 0x11, 0x02, true,
        UINT64_C(0x0102030405060708) };
    struct transact_status status = transact_status_of(&outcome);

    (void)state;
    assert_int_equal(status.scsi_status, 2);
    assert_int_equal(status.sense_key, 3);
    assert_int_equal(status.asc, 0x11);
    assert_int_equal(status.ascq, 0x02);
    assert_true(status.information_valid);
    assert_int_equal(status.information, UINT64_C(0x0102030405060708));
    outcome.information_valid = false;
    assert_false(transact_status_of(&outcome).information_valid);
}

static void another_status_says_no_more(void **state)
{
    const struct scsi_outcome outcome = { SCSI_BUSY, 0x3, 0x11, 0x02, true, 7 };
    struct transact_status status = transact_status_of(&outcome);

    (void)state;
    assert_int_equal(status.scsi_status, SCSI_BUSY);
    assert_int_equal(status.sense_key, 0);
    assert_int_equal(status.asc, 0);
    assert_int_equal(status.ascq, 0);
    assert_false(status.information_valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_and_a_write_have_range_and_fua),
        cmocka_unit_test(a_flush_has_a_range_and_no_data),
        cmocka_unit_test(unknown_kinds_are_nothing),
        cmocka_unit_test(an_unmaps_ranges_are_turned_where_they_lie),
        cmocka_unit_test(check_condition_has_all_of_its_outcome),
        cmocka_unit_test(another_status_says_no_more),
    };

    return cmocka_run_group_tests_name("transact-block", tests, NULL, NULL);
}
