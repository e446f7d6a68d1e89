/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* READ, WRITE, PRE-FETCH, SYNCHRONIZE CACHE. */

#include "test.h"

enum { LAST = 16383 };

/* The four forms of one command; a form that a number does not fit is skipped by the caller. */
struct form {
    uint8_t read;
    uint8_t write;
    uint8_t length;
};

static const struct form forms[] = { { 0x08, 0x0a, 6 }, { 0x28, 0x2a, 10 }, { 0xa8, 0xaa, 12 },
    { 0x88, 0x8a, 16 } };

static void make(uint8_t *cdb, uint8_t opcode, uint8_t length, uint64_t lba, uint32_t blocks)
{
    memset(cdb, 0, 16);
    cdb[0] = opcode;
    switch (length) {
    case 6:
        be24_put(cdb + 1, (uint32_t)lba);
        cdb[4] = (uint8_t)blocks;
        break;
    case 10:
        be32_put(cdb + 2, (uint32_t)lba);
        be16_put(cdb + 7, (uint16_t)blocks);
        break;
    case 12:
        be32_put(cdb + 2, (uint32_t)lba);
        be32_put(cdb + 6, blocks);
        break;
    default:
        be64_put(cdb + 2, lba);
        be32_put(cdb + 10, blocks);
    }
}

static void every_form_reads_what_every_form_wrote(void **state)
{
    struct disk *disk = *state;
    uint8_t data[3 * 512], cdb[16];

    for (unsigned w = 0; w < COUNT(forms); w++) {
        for (unsigned i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)(i * 7 + w);
        make(cdb, forms[w].write, forms[w].length, 100 + w, 3);
        out(disk, cdb, data, sizeof data);
        assert_length(disk, sizeof data);
        for (unsigned r = 0; r < COUNT(forms); r++) {
            make(cdb, forms[r].read, forms[r].length, 100 + w, 3);
            assert_memory_equal(in(disk, cdb, sizeof data), data, sizeof data);
            assert_length(disk, sizeof data);
            assert_int_equal(disk->task.residual, 0);
        }
    }
}

static void a_count_of_0_in_6_bytes_is_256(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x08, 0, 0, 0, 0), 256 * 512);
    assert_length(disk, 256 * 512);
}

static void a_count_of_0_elsewhere_moves_nothing(void **state)
{
    struct disk *disk = *state;
    uint8_t cdb[16];

    for (unsigned i = 1; i < COUNT(forms); i++) {
        make(cdb, forms[i].read, forms[i].length, LAST, 0);
        none(disk, cdb);
        assert_good(disk);
        make(cdb, forms[i].write, forms[i].length, LAST, 0);
        none(disk, cdb);
        assert_good(disk);
        assert_int_equal(disk->log_count, 0);
    }
}

static void past_the_end_is_refused_with_the_first_bad_lba(void **state)
{
    struct disk *disk = *state;
    uint8_t cdb[16], data[1024] = { 0 };

    for (unsigned i = 0; i < COUNT(forms); i++) {
        make(cdb, forms[i].read, forms[i].length, LAST, 2);
        in(disk, cdb, 1024);
        assert_sense(disk, 0x5, 0x2100);
        assert_information(disk, LAST + 1);
        make(cdb, forms[i].write, forms[i].length, LAST + 5, 1);
        out(disk, cdb, data, 512);
        assert_sense(disk, 0x5, 0x2100);
        assert_information(disk, LAST + 5);
        assert_int_equal(disk->log_count, 0);
    }
}

static void zero_blocks_past_the_end_are_refused_too(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x28, 0, B32(LAST + 1), 0, 0, 0));
    assert_sense(disk, 0x5, 0x2100);
}

static void numbers_that_wrap_around_are_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x88, 0, B64(UINT64_MAX), B32(2)), 1024);
    assert_sense(disk, 0x5, 0x2100);
    in(disk, CDB(0x88, 0, B64(UINT64_MAX - 1), B32(UINT32_MAX)), 1024);
    assert_sense(disk, 0x5, 0x2100);
    in(disk, CDB(0xa8, 0, B32(UINT32_MAX), B32(UINT32_MAX)), 1024);
    assert_sense(disk, 0x5, 0x2100);
}

static void protection_information_is_refused(void **state)
{
    struct disk *disk = *state;
    uint8_t cdb[16], data[512] = { 0 };

    for (unsigned i = 1; i < COUNT(forms); i++) {
        for (unsigned bit = 5; bit < 8; bit++) {
            make(cdb, forms[i].read, forms[i].length, 0, 1);
            cdb[1] = (uint8_t)(1u << bit);
            in(disk, cdb, 512);
            assert_cdb_field(disk, 1, bit);
            cdb[0] = forms[i].write;
            out(disk, cdb, data, 512);
            assert_cdb_field(disk, 1, bit);
        }
    }
}

static void a_write_protected_unit_refuses_writes_and_serves_reads(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    uint8_t cdb[16], data[512] = { 0 };

    params.write_protected = true;
    disk = reopen(state, &params);
    for (unsigned i = 0; i < COUNT(forms); i++) {
        make(cdb, forms[i].write, forms[i].length, 0, 1);
        out(disk, cdb, data, 512);
        assert_sense(disk, 0x7, 0x2700);
        assert_int_equal(disk->log_count, 0);
        make(cdb, forms[i].read, forms[i].length, 0, 1);
        in(disk, cdb, 512);
        assert_length(disk, 512);
    }
}

static void a_long_transfer_is_cut_at_the_units_maximum(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x28, 0, B32(10), 0, B16(300)), 300 * 512);
    assert_length(disk, 300 * 512);
    assert_int_equal(disk->log_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct scsi_op *op = &disk->log[i].op;

        assert_int_equal(disk->log[i].step, SCSI_READ);
        assert_int_equal(op->lba, 10 + i * 128);
        assert_int_equal(op->blocks, i < 2 ? 128 : 44);
        assert_int_equal(op->offset, i * 65536);
        assert_int_equal(op->buffer, SCSI_BUFFER_DATA);
    }
}

static void a_command_over_the_units_maximum_is_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x28, 0, B32(0), 0, B16(2048)), 2048 * 512);
    assert_good(disk);
    in(disk, CDB(0x28, 0, B32(0), 0, B16(2049)), 2049 * 512);
    assert_cdb_field(disk, 7, 8);
    in(disk, CDB(0xa8, 0, B32(0), B32(2049)), 2049 * 512);
    assert_cdb_field(disk, 6, 8);
    in(disk, CDB(0x88, 0, B64(0), B32(2049)), 2049 * 512);
    assert_cdb_field(disk, 10, 8);
}

static void an_error_in_any_piece_ends_the_command(void **state)
{
    struct disk *disk = *state;

    disk->fail_at = 2;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x11, .information_valid = true, .information = 140 };
    in(disk, CDB(0x28, 0, B32(10), 0, B16(300)), 300 * 512);
    assert_sense(disk, 0x3, 0x1100);
    assert_information(disk, 140);
    assert_int_equal(disk->log_count, 2);
}

static void six_byte_commands_have_lba_bits_where_fua_would_be(void **state)
{
    struct disk *disk = *state;
    struct scsi_unit_params params = disk_params();

    params.block_count = 0x100000;
    disk = reopen(state, &params);
    in(disk, CDB(0x08, 0x08, 0, 0, 1), 512);
    assert_good(disk);
    assert_int_equal(disk->log[0].op.lba, 0x80000);
    assert_false(disk->log[0].op.fua);
}

static void an_initiator_that_takes_more_sees_underflow(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 10000);
    assert_length(disk, 512);
    assert_true(disk->task.underflow);
    assert_int_equal(disk->task.residual, 10000 - 512);
}

static void an_initiator_that_takes_less_sees_overflow_and_only_that_is_read(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 2, 0x77);
    assert_int_equal(in(disk, CDB(0x28, 0, B32(0), 0, B16(2)), 100)[99], 0x77);
    assert_length(disk, 100);
    assert_true(disk->task.overflow);
    assert_int_equal(disk->task.residual, 1024 - 100);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].op.blocks, 1);
}

static void an_initiator_that_takes_nothing_sees_overflow(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x28, 0, B32(0), 0, B16(2)));
    assert_length(disk, 0);
    assert_true(disk->task.overflow);
    assert_int_equal(disk->task.residual, 1024);
    assert_int_equal(disk->log_count, 0);
}

static void more_data_out_than_needed_is_underflow(void **state)
{
    struct disk *disk = *state;
    uint8_t data[1024];

    memset(data, 0x55, sizeof data);
    out(disk, CDB(0x2a, 0, B32(0), 0, B16(1)), data, 1024);
    assert_good(disk);
    assert_true(disk->task.underflow);
    assert_int_equal(disk->task.residual, 512);
    assert_true(medium_is(disk, 1, 1, 0x00));
}

static void the_hot_path_asks_for_neither_data_nor_scratch(void **state)
{
    struct disk *disk = *state;
    struct scsi_task *task = &disk->task;

    in(disk, CDB(0x88, 0, B64(0), B32(8)), 4096);
    assert_null(task->scratch);
    assert_int_equal(scsi_begin(task), SCSI_READ);
    assert_int_equal(scsi_resume(task, NULL), SCSI_DONE);
    task->cdb[0] = 0x8a;
    task->expected_direction = SCSI_DATA_OUT;
    assert_int_equal(scsi_begin(task), SCSI_WRITE);
    assert_int_equal(scsi_resume(task, NULL), SCSI_DONE);
}

static void the_end_of_the_largest_unit_can_be_read(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.block_count = UINT64_C(1) << 54;
    disk = reopen(state, &params);
    in(disk, CDB(0x88, 0, B64((UINT64_C(1) << 54) - 1), B32(1)), 512);
    assert_length(disk, 512);
    in(disk, CDB(0x88, 0, B64(UINT64_C(1) << 54), B32(1)), 512);
    assert_sense(disk, 0x5, 0x2100);
    assert_int_equal(disk->task.sense[0], 0x70); /* does not fit: not valid */
}

static void large_blocks_move_in_whole(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.block_length = params.physical_block_length = 65536;
    params.block_count = 16;
    disk = reopen(state, &params);
    write_blocks(disk, 15, 1, 0x3c);
    assert_int_equal(in(disk, CDB(0x28, 0, B32(14), 0, B16(2)), 131072)[65536], 0x3c);
    assert_length(disk, 131072);
    assert_int_equal(disk->log_count, 2);
}

static void synchronize_cache_reaches_the_device_as_asked(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x35, 0, B32(7), 0, B16(9)));
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_FLUSH);
    assert_int_equal(disk->log[0].op.lba, 7);
    assert_int_equal(disk->log[0].op.blocks, 9);
    none(disk, CDB(0x91, 2, B64(3), B32(0)));
    assert_good(disk);
    assert_int_equal(disk->log[0].op.lba, 3);
    assert_int_equal(disk->log[0].op.blocks, 0);
}

static void synchronize_cache_checks_range_and_reserved_bits(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x35, 0, B32(LAST), 0, B16(2)));
    assert_sense(disk, 0x5, 0x2100);
    none(disk, CDB(0x91, 0, B64(LAST + 1), B32(0)));
    assert_sense(disk, 0x5, 0x2100);
    none(disk, CDB(0x35, 0x80));
    assert_cdb_field(disk, 1, 7);
}

static void synchronize_cache_is_good_without_cache_and_when_write_protected(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.cache = false;
    disk = reopen(state, &params);
    none(disk, CDB(0x35));
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
    params.cache = true;
    params.write_protected = true;
    disk = reopen(state, &params);
    none(disk, CDB(0x35));
    assert_good(disk);
}

static void pre_fetch_is_good_within_the_medium(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x34, 0, B32(LAST), 0, B16(1)));
    assert_good(disk);
    none(disk, CDB(0x90, 2, B64(0), B32(0)));
    assert_good(disk);
    none(disk, CDB(0x34, 0, B32(LAST), 0, B16(2)));
    assert_sense(disk, 0x5, 0x2100);
    none(disk, CDB(0x90, 0, B64(LAST), B32(2)));
    assert_sense(disk, 0x5, 0x2100);
    none(disk, CDB(0x34, 0x01));
    assert_cdb_field(disk, 1, 0);
}

/* A count of 0 means to the end. */
static void pre_fetch_goes_to_a_device_that_takes_hints(void **state)
{
    static const struct {
        uint8_t cdb[16];
        uint64_t lba;
        uint32_t blocks;
    } rows[] = {
        { { 0x34, 0, B32(9), 0, B16(7) }, 9, 7 },
        { { 0x34, 2, B32(LAST), 0, B16(0) }, LAST, 1 },
        { { 0x90, 2, B64(100), B32(LAST - 99) }, 100, LAST - 99 },
        { { 0x90, 0, B64(0), B32(0) }, 0, LAST + 1 },
    };
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.prefetch = true;
    disk = reopen(state, &params);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        none(disk, rows[i].cdb);
        assert_good(disk);
        assert_int_equal(disk->log_count, 1);
        assert_int_equal(disk->log[0].step, SCSI_PREFETCH);
        assert_int_equal(disk->log[0].op.lba, rows[i].lba);
        assert_int_equal(disk->log[0].op.blocks, rows[i].blocks);
    }
    disk->fail_at = 1;
    disk->fail_with = (struct scsi_outcome){
        .status = SCSI_CHECK_CONDITION, .sense_key = 0x3, .asc = 0x11,
        .information_valid = true, .information = 12 };
    none(disk, rows[0].cdb);
    assert_sense(disk, 0x3, 0x1100);
    assert_information(disk, 12);
    none(disk, CDB(0x34, 0, B32(LAST), 0, B16(2)));
    assert_sense(disk, 0x5, 0x2100);
    assert_int_equal(disk->log_count, 0);
    params.block_count = UINT64_C(1) << 40;
    disk = reopen(state, &params);
    disk->fail_at = 0;
    none(disk, rows[3].cdb);
    assert_int_equal(disk->log[0].op.blocks, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_form_reads_what_every_form_wrote),
        TEST(a_count_of_0_in_6_bytes_is_256),
        TEST(a_count_of_0_elsewhere_moves_nothing),
        TEST(past_the_end_is_refused_with_the_first_bad_lba),
        TEST(zero_blocks_past_the_end_are_refused_too),
        TEST(numbers_that_wrap_around_are_refused),
        TEST(protection_information_is_refused),
        TEST(a_write_protected_unit_refuses_writes_and_serves_reads),
        TEST(a_long_transfer_is_cut_at_the_units_maximum),
        TEST(a_command_over_the_units_maximum_is_refused),
        TEST(an_error_in_any_piece_ends_the_command),
        TEST(six_byte_commands_have_lba_bits_where_fua_would_be),
        TEST(an_initiator_that_takes_more_sees_underflow),
        TEST(an_initiator_that_takes_less_sees_overflow_and_only_that_is_read),
        TEST(an_initiator_that_takes_nothing_sees_overflow),
        TEST(more_data_out_than_needed_is_underflow),
        TEST(the_hot_path_asks_for_neither_data_nor_scratch),
        TEST(the_end_of_the_largest_unit_can_be_read),
        TEST(large_blocks_move_in_whole),
        TEST(synchronize_cache_reaches_the_device_as_asked),
        TEST(synchronize_cache_checks_range_and_reserved_bits),
        TEST(synchronize_cache_is_good_without_cache_and_when_write_protected),
        TEST(pre_fetch_is_good_within_the_medium),
        TEST(pre_fetch_goes_to_a_device_that_takes_hints),
    };

    return cmocka_run_group_tests_name("rw", tests, NULL, NULL);
}
