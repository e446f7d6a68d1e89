/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* COMPARE AND WRITE and ORWRITE. */

#include "test.h"

/* Compares with blocks of one byte, writes blocks of another. */
static void compare_and_write(struct disk *disk, uint8_t flags, uint64_t lba, uint8_t blocks,
    uint8_t expected, uint8_t wanted)
{
    size_t half = (size_t)blocks * disk->unit.params.block_length;
    uint8_t *data = malloc(2 * half + 1);

    memset(data, expected, half);
    memset(data + half, wanted, half);
    out(disk, CDB(0x89, flags, B64(lba), 0, 0, 0, blocks), data, 2 * half);
    free(data);
}

static void equal_blocks_are_replaced(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 10, 4, 0x11);
    compare_and_write(disk, 0, 10, 4, 0x11, 0x22);
    assert_good(disk);
    assert_int_equal(disk->task.residual, 0);
    assert_true(medium_is(disk, 10, 4, 0x22));
    assert_true(medium_is(disk, 14, 1, 0x00));
    assert_int_equal(disk->log_count, 2);
    assert_int_equal(disk->log[0].op.buffer, SCSI_BUFFER_SCRATCH);
    assert_int_equal(disk->log[1].op.buffer, SCSI_BUFFER_DATA);
    assert_int_equal(disk->log[1].op.offset, 4 * 512);
}

static void a_difference_is_reported_by_offset_and_nothing_written(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 10, 4, 0x11);
    disk->medium[11 * 512 + 7] = 0x12;
    compare_and_write(disk, 0, 10, 4, 0x11, 0x22);
    assert_sense(disk, 0xe, 0x1d00);
    assert_information(disk, 512 + 7);
    assert_int_equal(disk->log_count, 1);
}

static void it_is_exclusive(void **state)
{
    struct disk *disk = *state;

    compare_and_write(disk, 0, 0, 1, 0, 0);
    assert_true(disk->task.exclusive);
    assert_true(disk->task.medium);
}

static void fua_reaches_the_device(void **state)
{
    struct disk *disk = *state;

    compare_and_write(disk, 0x18, 0, 1, 0, 0);
    assert_good(disk);
    assert_true(disk->log[1].op.fua);
    compare_and_write(disk, 0x10, 0, 1, 0, 0);
    assert_false(disk->log[1].op.fua);
}

static void more_blocks_than_block_limits_allow_are_refused(void **state)
{
    struct disk *disk = *state;

    compare_and_write(disk, 0, 0, 128, 0, 5);
    assert_good(disk);
    compare_and_write(disk, 0, 0, 129, 0, 5);
    assert_cdb_field(disk, 13, 8);
}

static void both_halves_fit_the_longest_command(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.max_command_length = 16 * 512;
    disk = reopen(state, &params);
    compare_and_write(disk, 0, 0, 8, 0, 5);
    assert_good(disk);
    compare_and_write(disk, 0, 0, 9, 0, 5);
    assert_cdb_field(disk, 13, 8);
    assert_int_equal(in(disk, CDB(0x12, 1, 0xb0, 0, 64), 64)[5], 8);
}

static void no_blocks_do_nothing(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x89));
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
}

static void range_protection_and_write_protection_are_checked(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    compare_and_write(disk, 0, 16383, 2, 0, 0);
    assert_sense(disk, 0x5, 0x2100);
    compare_and_write(disk, 0x20, 0, 1, 0, 0);
    assert_cdb_field(disk, 1, 5);
    params.write_protected = true;
    disk = reopen(state, &params);
    compare_and_write(disk, 0, 0, 1, 0, 0);
    assert_sense(disk, 0x7, 0x2700);
}

static void the_largest_blocks_can_be_compared(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.block_length = params.physical_block_length = 65536;
    params.block_count = 16;
    disk = reopen(state, &params);
    compare_and_write(disk, 0, 15, 1, 0, 0x5a);
    assert_good(disk);
    assert_true(medium_is(disk, 15, 1, 0x5a));
    compare_and_write(disk, 0, 14, 2, 0, 0x5a);
    assert_cdb_field(disk, 13, 8);
}

static void orwrite(struct disk *disk, uint8_t flags, uint64_t lba, uint32_t blocks, uint8_t mask)
{
    size_t length = (size_t)blocks * 512;
    uint8_t *data = malloc(length + 1);

    memset(data, mask, length);
    out(disk, CDB(0x8b, flags, B64(lba), B32(blocks)), data, length);
    free(data);
}

static void orwrite_sets_bits_and_clears_none(void **state)
{
    struct disk *disk = *state;

    write_blocks(disk, 10, 300, 0x81);
    orwrite(disk, 0, 10, 299, 0x18);
    assert_length(disk, 299 * 512);
    assert_true(medium_is(disk, 10, 299, 0x99));
    assert_true(medium_is(disk, 309, 1, 0x81));
    assert_true(disk->task.exclusive);
    assert_int_equal(disk->log_count, 6);
}

static void orwrite_honours_fua(void **state)
{
    struct disk *disk = *state;

    orwrite(disk, 0x08, 0, 1, 1);
    assert_true(disk->log[1].op.fua);
    orwrite(disk, 0x00, 0, 1, 1);
    assert_false(disk->log[1].op.fua);
}

static void a_durable_orwrite_of_several_pieces_has_one_flush(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    orwrite(disk, 0x08, 10, 299, 1);
    assert_good(disk);
    assert_int_equal(disk->log_count, 7);
    assert_false(disk->log[1].op.fua || disk->log[3].op.fua || disk->log[5].op.fua);
    assert_int_equal(disk->log[6].step, SCSI_FLUSH);
    assert_int_equal(disk->log[6].op.lba, 10);
    assert_int_equal(disk->log[6].op.blocks, 299);
    params.cache = false;
    disk = reopen(state, &params);
    orwrite(disk, 0, 10, 299, 1);
    assert_good(disk);
    assert_int_equal(disk->log_count, 6);
    assert_true(disk->log[1].op.fua && disk->log[3].op.fua && disk->log[5].op.fua);
}

static void orwrite_checks_range_protection_length_and_write_protection(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    orwrite(disk, 0, 16383, 2, 1);
    assert_sense(disk, 0x5, 0x2100);
    orwrite(disk, 0x40, 0, 1, 1);
    assert_cdb_field(disk, 1, 6);
    orwrite(disk, 0, 0, 2049, 1);
    assert_cdb_field(disk, 10, 8);
    none(disk, CDB(0x8b));
    assert_good(disk);
    params.write_protected = true;
    disk = reopen(state, &params);
    orwrite(disk, 0, 0, 1, 1);
    assert_sense(disk, 0x7, 0x2700);
}

/* All others wait for it. */
static void orwrite_has_a_bound_in_bytes(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.max_command_length = 4 << 20;
    disk = reopen(state, &params);
    orwrite(disk, 0, 0, 2048, 1);
    assert_good(disk);
    orwrite(disk, 0, 0, 2049, 1);
    assert_cdb_field(disk, 10, 8);
}

static void an_error_in_the_middle_of_orwrite_ends_it(void **state)
{
    struct disk *disk = *state;

    disk->fail_at = 3;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x11, .information_valid = true, .information = 128 };
    orwrite(disk, 0, 0, 300, 1);
    assert_sense(disk, 0x3, 0x1100);
    assert_information(disk, 128);
    assert_int_equal(disk->log_count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_blocks_are_replaced),
        TEST(a_difference_is_reported_by_offset_and_nothing_written),
        TEST(it_is_exclusive),
        TEST(fua_reaches_the_device),
        TEST(more_blocks_than_block_limits_allow_are_refused),
        TEST(both_halves_fit_the_longest_command),
        TEST(no_blocks_do_nothing),
        TEST(range_protection_and_write_protection_are_checked),
        TEST(the_largest_blocks_can_be_compared),
        TEST(orwrite_sets_bits_and_clears_none),
        TEST(orwrite_honours_fua),
        TEST(a_durable_orwrite_of_several_pieces_has_one_flush),
        TEST(orwrite_checks_range_protection_length_and_write_protection),
        TEST(orwrite_has_a_bound_in_bytes),
        TEST(an_error_in_the_middle_of_orwrite_ends_it),
    };

    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
