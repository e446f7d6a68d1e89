/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* WRITE SAME. */

#include "test.h"

static const uint8_t zeros[512];

/* The 16-byte form. */
static void same(struct disk *disk, uint8_t flags, uint64_t lba, uint32_t blocks, const void *block)
{
    if (block)
        out(disk, CDB(0x93, flags, B64(lba), B32(blocks)), block, 512);
    else
        none(disk, CDB(0x93, flags, B64(lba), B32(blocks)));
}

static const uint8_t *counting_block(void)
{
    static uint8_t block[512];

    for (unsigned i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 3);
    return block;
}

static void one_block_is_written_all_over(void **state)
{
    struct disk *disk = *state;
    const uint8_t *block = counting_block();

    same(disk, 0, 7, 1000, block);
    assert_length(disk, 512);
    for (unsigned i = 7; i < 1007; i++)
        assert_memory_equal(disk->medium + i * 512, block, 512);
    assert_true(medium_is(disk, 0, 7, 0));
    assert_true(medium_is(disk, 1007, 10, 0));
    assert_int_equal(disk->log_count, 8);
    assert_int_equal(disk->log[0].op.buffer, SCSI_BUFFER_SCRATCH);
}

static void the_10_byte_form_does_the_same(void **state)
{
    struct disk *disk = *state;
    const uint8_t *block = counting_block();

    out(disk, CDB(0x41, 0, B32(3), 0, B16(4)), block, 512);
    assert_good(disk);
    assert_memory_equal(disk->medium + 6 * 512, block, 512);
    assert_true(medium_is(disk, 7, 1, 0));
}

static void without_unmap_bit_zeros_are_written(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 64, 0xdd);
    same(disk, 0, 0, 64, zeros);
    assert_good(disk);
    assert_int_equal(disk->log[0].step, SCSI_WRITE);
    assert_true(medium_is(disk, 0, 64, 0));
}

static void whole_granules_of_zeros_are_unmapped_and_ragged_ends_written(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 64, 0xdd);
    same(disk, 0x08, 5, 30, zeros);
    assert_good(disk);
    assert_int_equal(disk->log_count, 3);
    assert_int_equal(disk->log[0].step, SCSI_WRITE);
    assert_int_equal(disk->log[0].op.lba, 5);
    assert_int_equal(disk->log[0].op.blocks, 3);
    assert_int_equal(disk->log[1].step, SCSI_UNMAP);
    assert_int_equal(disk->log[1].ranges[0].lba, 8);
    assert_int_equal(disk->log[1].ranges[0].blocks, 24);
    assert_int_equal(disk->log[2].step, SCSI_WRITE);
    assert_int_equal(disk->log[2].op.lba, 32);
    assert_int_equal(disk->log[2].op.blocks, 3);
    assert_true(medium_is(disk, 0, 5, 0xdd));
    assert_true(medium_is(disk, 5, 30, 0));
    assert_true(medium_is(disk, 35, 29, 0xdd));
}

static void less_than_a_granule_is_written(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 16, 0xdd);
    same(disk, 0x08, 6, 4, zeros);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_WRITE);
    assert_true(medium_is(disk, 6, 4, 0));
    assert_true(medium_is(disk, 10, 6, 0xdd));
}

static void the_last_granule_may_be_cut_by_the_end_of_the_medium(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.block_count = 1003;
    disk = reopen(state, &params);
    same(disk, 0x08, 992, 11, zeros);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_UNMAP);
    assert_int_equal(disk->log[0].ranges[0].blocks, 11);
}

static void without_granularity_all_is_unmapped(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.unmap_granularity = 0;
    disk = reopen(state, &params);
    same(disk, 0x08, 5, 30, zeros);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].ranges[0].lba, 5);
    assert_int_equal(disk->log[0].ranges[0].blocks, 30);
}

static void a_block_that_is_not_zero_is_written_in_spite_of_the_unmap_bit(void **state)
{
    struct disk *disk = *state;
    uint8_t block[512] = { [511] = 1 };

    same(disk, 0x08, 0, 64, block);
    assert_good(disk);
    assert_int_equal(disk->log[0].step, SCSI_WRITE);
    assert_memory_equal(disk->medium + 63 * 512, block, 512);
}

static void without_data_out_zeros_are_meant(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 64, 0xdd);
    same(disk, 0x01, 0, 10, NULL);
    assert_good(disk);
    assert_int_equal(disk->task.residual, 0);
    assert_true(medium_is(disk, 0, 10, 0));
    same(disk, 0x09, 16, 8, NULL);
    assert_good(disk);
    assert_int_equal(disk->log[0].step, SCSI_UNMAP);
    assert_true(medium_is(disk, 24, 40, 0xdd));
}

static void writing_nothing_or_too_much_is_refused(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    same(disk, 0, 0, 0, zeros);
    assert_cdb_field(disk, 10, 8);
    out(disk, CDB(0x41), zeros, 512);
    assert_cdb_field(disk, 7, 8);
    same(disk, 0x08, 0, 2048, zeros);
    assert_good(disk);
    same(disk, 0x08, 0, 2049, zeros);
    assert_cdb_field(disk, 10, 8);
    params.block_count = 1 << 20;
    params.max_command_length = 0;
    disk = reopen(state, &params);
    same(disk, 0x08, 0, 524288, zeros);
    assert_good(disk);
    same(disk, 0x08, 0, 524289, zeros);
    assert_cdb_field(disk, 10, 8);
}

static void writing_more_than_can_be_read_back_at_once_is_refused(void **state)
{
    struct disk *disk = *state;
    uint32_t most = disk->unit.params.max_command_length / 512;

    same(disk, 0x08, 0, most, zeros);
    assert_good(disk);
    same(disk, 0x08, 0, most + 1, zeros);
    assert_cdb_field(disk, 10, 8);
}

static void anchor_and_protection_are_refused(void **state)
{
    struct disk *disk = *state;

    same(disk, 0x18, 0, 8, zeros);
    assert_cdb_field(disk, 1, 4);
    same(disk, 0x20, 0, 8, zeros);
    assert_cdb_field(disk, 1, 5);
    out(disk, CDB(0x41, 0x01, B32(0), 0, B16(8)), zeros, 512); /* no NDOB in 10 bytes */
    assert_cdb_field(disk, 1, 0);
}

static void the_unmap_bit_needs_unmapped_blocks_that_read_as_zeros(void **state)
{
    struct scsi_unit_params params = disk_params();

    params.unmap_zeros = false;
    for (int i = 0; i < 2; i++) {
        struct disk *disk = reopen(state, &params);

        memset(disk->medium, 0x5a, 8 * 512);
        same(disk, 0x08, 0, 8, zeros);
        assert_cdb_field(disk, 1, 3);
        out(disk, CDB(0x41, 0x08, B32(0), 0, B16(8)), zeros, 512);
        assert_cdb_field(disk, 1, 3);
        none(disk, CDB(0x93, 0x09, B64(0), B32(8)));
        assert_cdb_field(disk, 1, 3);
        assert_int_equal(disk->log_count, 0);
        same(disk, 0x00, 0, 8, zeros);
        assert_good(disk);
        assert_true(medium_is(disk, 0, 8, 0));
        for (unsigned step = 0; step < disk->log_count; step++)
            assert_int_equal(disk->log[step].step, SCSI_WRITE);
        params.unmap = false;
    }
}

/* Writes and unmaps of one command are made durable together. */
static void with_the_cache_switched_off_one_flush_comes_last(void **state)
{
    static const uint8_t flags[] = { 0x00, 0x08 };
    struct scsi_unit_params params = disk_params();

    for (unsigned i = 0; i < 2 * COUNT(flags); i++) {
        struct disk *disk;
        unsigned last;

        params.cache = i >= COUNT(flags);
        params.max_transfer_length = 4096;
        disk = reopen(state, &params);
        disk->unit.mode = 0;
        same(disk, flags[i % COUNT(flags)], 3, 40, zeros);
        assert_good(disk);
        assert_true(disk->log_count > 2);
        last = disk->log_count - 1;
        for (unsigned step = 0; step <= last; step++) {
            assert_true((disk->log[step].step == SCSI_FLUSH) == (params.cache && step == last));
            if (disk->log[step].step == SCSI_WRITE)
                assert_true(disk->log[step].op.fua == !params.cache);
        }
        if (params.cache) {
            assert_int_equal(disk->log[last].op.lba, 3);
            assert_int_equal(disk->log[last].op.blocks, 40);
        }
    }
}

/* MAXIMUM WRITE SAME LENGTH bounds what one command unmaps, too. */
static void no_more_is_unmapped_than_one_command_may(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.max_unmap_blocks = 16;
    disk = reopen(state, &params);
    same(disk, 0x08, 0, 16, zeros);
    assert_good(disk);
    same(disk, 0x08, 0, 17, zeros);
    assert_cdb_field(disk, 10, 8);
}

static void past_the_end_is_refused(void **state)
{
    struct disk *disk = *state;

    same(disk, 0, 16383, 2, zeros);
    assert_sense(disk, 0x5, 0x2100);
    assert_information(disk, 16384);
    out(disk, CDB(0x41, 0, B32(16384), 0, B16(1)), zeros, 512);
    assert_sense(disk, 0x5, 0x2100);
}

static void a_write_protected_unit_refuses(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.write_protected = true;
    disk = reopen(state, &params);
    same(disk, 0, 0, 1, zeros);
    assert_sense(disk, 0x7, 0x2700);
    out(disk, CDB(0x41, 0, B32(0), 0, B16(1)), zeros, 512);
    assert_sense(disk, 0x7, 0x2700);
}

static void the_largest_blocks_fit_the_scratch(void **state)
{
    struct scsi_unit_params params = disk_params();
    uint8_t *block = malloc(65536);
    struct disk *disk;

    params.block_length = params.physical_block_length = 65536;
    params.unmap_granularity = 4;
    params.block_count = 64;
    disk = reopen(state, &params);
    memset(block, 0x6b, 65536);
    out(disk, CDB(0x93, 0, B64(1), B32(9)), block, 65536);
    assert_good(disk);
    assert_true(medium_is(disk, 1, 9, 0x6b));
    memset(block, 0, 65536);
    out(disk, CDB(0x93, 0x08, B64(1), B32(8)), block, 65536);
    assert_good(disk);
    assert_true(medium_is(disk, 1, 8, 0));
    assert_true(medium_is(disk, 9, 1, 0x6b));
    free(block);
}

/* A unit of whose device the step SCSI_WRITE_ZEROES is one. */
static struct disk *reopen_zeroing(void **state, bool unmap_zeros)
{
    struct scsi_unit_params params = disk_params();

    params.write_zeroes = true;
    params.unmap_zeros = unmap_zeros;
    return reopen(state, &params);
}

static void a_device_that_writes_zeroes_gets_them_in_one_operation(void **state)
{
    static const struct {
        uint8_t flags, op_flags;
        const void *block;
    } rows[] = {
        { 0x00, 0, zeros },
        { 0x01, 0, NULL },
        { 0x08, SCSI_BLOCK_MAY_UNMAP, zeros },
        { 0x09, SCSI_BLOCK_MAY_UNMAP, NULL },
    };
    struct disk *disk = reopen_zeroing(state, true);

    for (unsigned i = 0; i < COUNT(rows); i++) {
        write_blocks(disk, 0, 2000, 0xdd);
        same(disk, rows[i].flags, 5, 1900, rows[i].block);
        assert_good(disk);
        assert_int_equal(disk->log_count, 1);
        assert_int_equal(disk->log[0].step, SCSI_WRITE_ZEROES);
        assert_int_equal(disk->log[0].op.lba, 5);
        assert_int_equal(disk->log[0].op.blocks, 1900);
        assert_int_equal(disk->log[0].op.flags, rows[i].op_flags);
        assert_true(medium_is(disk, 0, 5, 0xdd));
        assert_true(medium_is(disk, 5, 1900, 0));
        assert_true(medium_is(disk, 1905, 95, 0xdd));
    }
}

static void other_data_is_written_to_it_all_the_same(void **state)
{
    struct disk *disk = reopen_zeroing(state, true);
    const uint8_t *block = counting_block();

    same(disk, 0, 7, 100, block);
    assert_good(disk);
    assert_int_equal(disk->log[0].step, SCSI_WRITE);
    assert_memory_equal(disk->medium + 106 * 512, block, 512);
}

static void its_zeroes_are_durable_where_writes_would_be(void **state)
{
    struct scsi_unit_params params = disk_params();

    params.write_zeroes = true;
    for (unsigned cache = 0; cache < 2; cache++) {
        struct disk *disk;

        params.cache = cache;
        disk = reopen(state, &params);
        disk->unit.mode = 0;
        same(disk, 0x00, 3, 40, zeros);
        assert_good(disk);
        assert_int_equal(disk->log_count, 1 + cache);
        assert_int_equal(disk->log[0].step, SCSI_WRITE_ZEROES);
        assert_int_equal(disk->log[0].op.fua, !cache);
        if (cache)
            assert_int_equal(disk->log[1].step, SCSI_FLUSH);
    }
}

static void its_error_ends_the_command_with_the_block_that_failed(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.write_zeroes = true;
    params.max_unmap_blocks = 256;
    params.unmap_zeros = false; /* which would bound the command, too */
    disk = reopen(state, &params);
    write_blocks(disk, 0, 2000, 0xdd);
    disk->fail_at = 3;
    disk->fail_with = (struct scsi_outcome){
        .status = SCSI_CHECK_CONDITION, .sense_key = 0x3, .asc = 0x0c,
        .information_valid = true, .information = 600 };
    same(disk, 0x00, 0, 1000, zeros);
    assert_sense(disk, 0x3, 0x0c00);
    assert_information(disk, 600);
    assert_int_equal(disk->log_count, 3);
    assert_int_equal(disk->log[2].op.lba, 512);
    assert_true(medium_is(disk, 0, 512, 0));
    assert_true(medium_is(disk, 512, 1000, 0xdd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_block_is_written_all_over),
        TEST(the_10_byte_form_does_the_same),
        TEST(without_unmap_bit_zeros_are_written),
        TEST(whole_granules_of_zeros_are_unmapped_and_ragged_ends_written),
        TEST(less_than_a_granule_is_written),
        TEST(the_last_granule_may_be_cut_by_the_end_of_the_medium),
        TEST(without_granularity_all_is_unmapped),
        TEST(a_block_that_is_not_zero_is_written_in_spite_of_the_unmap_bit),
        TEST(without_data_out_zeros_are_meant),
        TEST(writing_nothing_or_too_much_is_refused),
        TEST(writing_more_than_can_be_read_back_at_once_is_refused),
        TEST(anchor_and_protection_are_refused),
        TEST(the_unmap_bit_needs_unmapped_blocks_that_read_as_zeros),
        TEST(with_the_cache_switched_off_one_flush_comes_last),
        TEST(no_more_is_unmapped_than_one_command_may),
        TEST(past_the_end_is_refused),
        TEST(a_write_protected_unit_refuses),
        TEST(the_largest_blocks_fit_the_scratch),
        TEST(a_device_that_writes_zeroes_gets_them_in_one_operation),
        TEST(other_data_is_written_to_it_all_the_same),
        TEST(its_zeroes_are_durable_where_writes_would_be),
        TEST(its_error_ends_the_command_with_the_block_that_failed),
    };

    return cmocka_run_group_tests_name("write_same", tests, NULL, NULL);
}
