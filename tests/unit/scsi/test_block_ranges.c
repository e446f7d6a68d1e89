/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Block operations of any number of blocks: unmaps and zeroes. */

#include "block.h"

enum { CAPACITY = 16384 };

static void assert_one_step(const struct disk *disk, enum scsi_step step, uint64_t lba,
    uint32_t blocks)
{
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, step);
    assert_int_equal(disk->log[0].op.lba, lba);
    assert_int_equal(disk->log[0].op.blocks, blocks);
}

static void an_unmap_takes_several_ranges(void **state)
{
    struct scsi_range ranges[] = { { 10, 5, 0 }, { 3, 0, 0 }, { 0, 1, 0 }, { 99999, 0, 0 },
        { 50, 20, 0xffffffff } };
    struct disk *disk = *state;

    write_blocks(disk, 0, 100, 0xee);
    block_unmap(disk, 0, ranges, COUNT(ranges));
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_UNMAP);
    assert_int_equal(disk->log[0].op.range_count, 3);
    assert_int_equal(disk->log[0].ranges[1].lba, 0);
    assert_int_equal(disk->log[0].ranges[2].blocks, 20);
    assert_int_equal(disk->log[0].ranges[2].reserved, 0);
    assert_true(medium_is(disk, 10, 5, 0));
    assert_true(medium_is(disk, 1, 9, 0xee));
}

/* A command could not carry as many. */
static void an_unmap_has_any_number_of_ranges(void **state)
{
    enum { MANY = 5000 };
    static struct scsi_range ranges[MANY];
    struct disk *disk = *state;

    write_blocks(disk, 0, 2000, 0xee);
    for (unsigned i = 0; i < MANY; i++)
        ranges[i] = (struct scsi_range){ .lba = 2 * i + 1, .blocks = 1 };
    block_unmap(disk, 0, ranges, MANY);
    assert_good(disk);
    assert_int_equal(disk->log_count, (MANY + 15) / 16); /* the unit takes 16 with a command */
    assert_true(medium_is(disk, 1999, 1, 0));
    assert_true(medium_is(disk, 1998, 1, 0xee));
    ranges[MANY - 1].lba = CAPACITY;
    block_unmap(disk, 0, ranges, MANY);
    assert_refused(disk, 0x5, 0x2100);
}

/* The limit of one command bounds what the device meets at once. */
static void an_unmap_has_any_number_of_blocks(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct scsi_range ranges[] = { { 3, 250, 0 }, { 1000, 39, 0 }, { 2000, 50, 0 } };
    static const struct { unsigned ranges; uint64_t lba; uint32_t blocks; } rows[] = {
        { 1, 3, 93 }, { 1, 96, 96 }, { 2, 192, 61 }, { 1, 2000, 50 } };
    struct disk *disk;

    params.max_unmap_blocks = 100;
    disk = reopen(state, &params);
    block_unmap(disk, 0, ranges, COUNT(ranges));
    assert_good(disk);
    assert_int_equal(disk->log_count, COUNT(rows));
    for (unsigned i = 0; i < COUNT(rows); i++) {
        assert_int_equal(disk->log[i].op.range_count, rows[i].ranges);
        assert_int_equal(disk->log[i].ranges[0].lba, rows[i].lba);
        assert_int_equal(disk->log[i].ranges[0].blocks, rows[i].blocks);
    }
}

static void zeroes_are_written_from_the_scratch(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 1000, 0xee);
    block(disk, SCSI_BLOCK_WRITE_ZEROES, 0, 3, 900);
    assert_good(disk);
    for (unsigned i = 0; i < disk->log_count; i++) {
        assert_int_equal(disk->log[i].step, SCSI_WRITE);
        assert_int_equal(disk->log[i].op.buffer, SCSI_BUFFER_SCRATCH);
    }
    assert_true(medium_is(disk, 3, 900, 0));
    assert_true(medium_is(disk, 0, 3, 0xee));
    assert_true(medium_is(disk, 903, 97, 0xee));
}

static void zeroes_may_unmap_whole_granules(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 0, 200, 0xee);
    block(disk, SCSI_BLOCK_WRITE_ZEROES, SCSI_BLOCK_MAY_UNMAP, 3, 100);
    assert_good(disk);
    assert_int_equal(disk->log_count, 3);
    assert_int_equal(disk->log[1].step, SCSI_UNMAP);
    assert_int_equal(disk->log[1].ranges[0].lba, 8);
    assert_int_equal(disk->log[1].ranges[0].blocks, 88);
    assert_true(medium_is(disk, 3, 100, 0));
    assert_true(medium_is(disk, 103, 1, 0xee));
}

/* It is leave, not an order: unlike WRITE SAME with UNMAP, which such a unit refuses. */
static void where_unmapped_blocks_are_not_zeros_zeroes_are_written(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.unmap_zeros = false;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_WRITE_ZEROES, SCSI_BLOCK_MAY_UNMAP, 8, 16);
    assert_one_step(disk, SCSI_WRITE, 8, 16);
}

/* More than one WRITE SAME could cover, of which no operation has more than that. */
static void any_number_of_zeroes_is_unmapped_in_pieces(void **state)
{
    enum { PIECE = 8000 - 8000 % 64, BLOCKS = 1 << 20 };
    struct scsi_unit_params params = disk_params();
    uint64_t next = 64;
    struct disk *disk;

    params.block_count = 1 << 24;
    params.unmap_granularity = 64;
    params.max_unmap_blocks = 8000;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_WRITE_ZEROES, SCSI_BLOCK_MAY_UNMAP, 60, BLOCKS);
    assert_good(disk);
    assert_int_equal(disk->log_count, 2 + (BLOCKS - 64 + PIECE - 1) / PIECE);
    assert_int_equal(disk->log[0].op.blocks, 4);
    for (unsigned i = 1; i < disk->log_count - 1; i++) {
        assert_int_equal(disk->log[i].step, SCSI_UNMAP);
        assert_int_equal(disk->log[i].ranges[0].lba, next);
        next += disk->log[i].ranges[0].blocks;
        assert_int_equal(next % 64, 0);
    }
    assert_int_equal(disk->log[disk->log_count - 1].step, SCSI_WRITE);
    assert_int_equal(disk->log[disk->log_count - 1].op.blocks, 60);
}

static void zeroes_that_are_asked_for_fast_need_a_device_that_writes_them(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    block(disk, SCSI_BLOCK_WRITE_ZEROES, SCSI_BLOCK_FAST_ONLY | SCSI_BLOCK_MAY_UNMAP, 3, 100);
    assert_refused(disk, 0x5, 0x2000);
    params.write_zeroes = true;
    disk = reopen(state, &params);
    write_blocks(disk, 0, 200, 0xee);
    for (uint8_t flags = 0; flags < 4; flags++) {
        block(disk, SCSI_BLOCK_WRITE_ZEROES, flags, 3, 100);
        assert_one_step(disk, SCSI_WRITE_ZEROES, 3, 100);
        assert_int_equal(disk->log[0].op.flags, flags);
        assert_true(medium_is(disk, 3, 100, 0));
    }
}

/* Pieces end with granules, and none is longer than an unmap would be. */
static void any_number_of_zeroes_is_written_by_the_device_in_pieces(void **state)
{
    enum { PIECE = 8000 - 8000 % 64, BLOCKS = 1 << 20 };
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    uint64_t next = 60;

    params.block_count = 1 << 24;
    params.unmap_granularity = 64;
    params.max_unmap_blocks = 8000;
    params.write_zeroes = true;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_WRITE_ZEROES, SCSI_BLOCK_FUA, 60, BLOCKS);
    assert_good(disk);
    assert_int_equal(disk->log_count, BLOCKS / PIECE + 2); /* a ragged end, and the flush */
    for (unsigned i = 0; i < disk->log_count - 1; i++) {
        assert_int_equal(disk->log[i].step, SCSI_WRITE_ZEROES);
        assert_int_equal(disk->log[i].op.lba, next);
        next += disk->log[i].op.blocks;
        assert_true(next % 64 == 0 || next == 60 + BLOCKS);
    }
    assert_int_equal(next, 60 + BLOCKS);
    assert_int_equal(disk->log[disk->log_count - 1].step, SCSI_FLUSH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unmap_takes_several_ranges),
        TEST(an_unmap_has_any_number_of_ranges),
        TEST(an_unmap_has_any_number_of_blocks),
        TEST(zeroes_are_written_from_the_scratch),
        TEST(zeroes_may_unmap_whole_granules),
        TEST(where_unmapped_blocks_are_not_zeros_zeroes_are_written),
        TEST(any_number_of_zeroes_is_unmapped_in_pieces),
        TEST(zeroes_that_are_asked_for_fast_need_a_device_that_writes_them),
        TEST(any_number_of_zeroes_is_written_by_the_device_in_pieces),
    };

    return cmocka_run_group_tests_name("block-ranges", tests, NULL, NULL);
}
