/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* VERIFY and WRITE AND VERIFY. */

#include "test.h"

/* Opcodes of the three lengths of each. */
static const uint8_t verifies[] = { 0x2f, 0xaf, 0x8f };
static const uint8_t write_verifies[] = { 0x2e, 0xae, 0x8e };

static const uint8_t *make(uint8_t opcode, uint8_t flags, uint32_t lba, uint32_t blocks)
{
    static uint8_t cdb[16];

    memset(cdb, 0, sizeof cdb);
    cdb[0] = opcode;
    cdb[1] = flags;
    if (opcode >> 4 == 0x2) {
        be32_put(cdb + 2, lba);
        be16_put(cdb + 7, (uint16_t)blocks);
    } else if (opcode >> 4 == 0xa) {
        be32_put(cdb + 2, lba);
        be32_put(cdb + 6, blocks);
    } else {
        be64_put(cdb + 2, lba);
        be32_put(cdb + 10, blocks);
    }
    return cdb;
}

static unsigned blocks_at(uint8_t opcode)
{
    return opcode >> 4 == 0x2 ? 7 : opcode >> 4 == 0xa ? 6 : 10;
}

static void without_compare_there_is_one_flush_and_the_medium_is_read(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0x10, 5, 200));
        assert_good(disk);
        assert_int_equal(disk->task.transfer_length, 0);
        assert_int_equal(disk->log_count, 3);
        assert_int_equal(disk->log[0].step, SCSI_FLUSH);
        assert_int_equal(disk->log[0].op.lba, 5);
        assert_int_equal(disk->log[0].op.blocks, 200);
        assert_int_equal(disk->log[1].step, SCSI_READ);
        assert_int_equal(disk->log[1].op.lba, 5);
        assert_int_equal(disk->log[1].op.blocks, 128);
        assert_int_equal(disk->log[1].op.buffer, SCSI_BUFFER_SCRATCH);
        assert_false(disk->log[1].op.fua);
        assert_int_equal(disk->log[2].op.lba, 133);
        assert_int_equal(disk->log[2].op.blocks, 72);
    }
}

static void without_a_cache_each_read_is_of_the_medium(void **state)
{
    struct scsi_unit_params params = disk_params();
    uint8_t data[512] = { 0 };
    struct disk *disk;

    params.cache = false;
    disk = reopen(state, &params);
    none(disk, make(0x8f, 0, 5, 200));
    assert_good(disk);
    assert_int_equal(disk->log_count, 2);
    assert_true(disk->log[0].op.fua && disk->log[1].op.fua);
    out(disk, make(0x8e, 0x02, 5, 1), data, 512);
    assert_good(disk);
    assert_int_equal(disk->log_count, 2);
    assert_true(disk->log[0].op.fua && disk->log[1].op.fua);
}

static void a_failed_flush_fails_a_verify(void **state)
{
    struct disk *disk = *state;

    disk->fail_at = 1;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x0c };
    none(disk, make(0x2f, 0, 0, 1));
    assert_sense(disk, 0x3, 0x0c00);
}

static void one_verify_has_a_bound_in_bytes(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.block_length = params.physical_block_length = 65536;
    params.block_count = 1024;
    params.unmap_granularity = 1;
    disk = reopen(state, &params);
    none(disk, make(0x8f, 0, 0, 511));
    assert_good(disk);
    none(disk, make(0x8f, 0, 0, 512));
    assert_cdb_field(disk, 10, 8);
}

static void without_compare_a_verify_may_exceed_a_transfer(void **state)
{
    struct disk *disk = *state;

    none(disk, make(0x8f, 0, 0, 16384));
    assert_good(disk);
    assert_int_equal(disk->log_count, 1 + 128);
}

static void no_verify_is_too_long_for_10_bytes_and_a_longer_one_is_refused(void **state)
{
    struct scsi_unit_params params = ((struct disk *)*state)->unit.params;
    struct disk *disk;

    params.block_count = 1 << 20;
    disk = reopen(state, &params);
    none(disk, CDB(0x00));
    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0, 0, UINT16_MAX));
        assert_good(disk);
    }
    none(disk, make(0xaf, 0, 0, UINT16_MAX + 1));
    assert_cdb_field(disk, 6, 8);
    none(disk, make(0x8f, 0, 0, UINT16_MAX + 1));
    assert_cdb_field(disk, 10, 8);
    out(disk, make(0x8f, 0x06, 0, UINT16_MAX + 1), "", 0);
    assert_cdb_field(disk, 10, 8);
}

static void compare_all_finds_a_difference_anywhere(void **state)
{
    struct disk *disk = *state;
    uint8_t *data = malloc(300 * 512);

    memset(data, 0x21, 300 * 512);
    write_blocks(disk, 10, 300, 0x21);
    for (unsigned i = 0; i < COUNT(verifies); i++) {
        out(disk, make(verifies[i], 0x02, 10, 300), data, 300 * 512);
        assert_good(disk);
        disk->medium[10 * 512 + 300 * 512 - 1] ^= 1;
        out(disk, make(verifies[i], 0x02, 10, 300), data, 300 * 512);
        assert_sense(disk, 0xe, 0x1d00);
        disk->medium[10 * 512 + 300 * 512 - 1] ^= 1;
        disk->medium[10 * 512] ^= 0x80;
        out(disk, make(verifies[i], 0x02, 10, 300), data, 300 * 512);
        assert_sense(disk, 0xe, 0x1d00);
        assert_int_equal(disk->log_count, 2);
        disk->medium[10 * 512] ^= 0x80;
    }
    free(data);
}

static void compare_one_block_compares_it_with_all(void **state)
{
    struct disk *disk = *state;
    uint8_t block[512];

    for (unsigned i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)i;
    for (unsigned i = 0; i < 300; i++)
        memcpy(disk->medium + (10 + i) * 512, block, 512);
    for (unsigned i = 0; i < COUNT(verifies); i++) {
        out(disk, make(verifies[i], 0x06, 10, 300), block, 512);
        assert_good(disk);
        assert_int_equal(disk->task.residual, 0);
        out(disk, make(verifies[i], 0x06, 10, 301), block, 512);
        assert_sense(disk, 0xe, 0x1d00);
    }
}

static void the_reserved_kind_of_compare_is_refused(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0x04, 0, i));
        assert_cdb_field(disk, 1, 2);
        none(disk, make(write_verifies[i], 0x04, 0, 1));
        assert_cdb_field(disk, 1, 2);
    }
}

static void protection_information_is_refused(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0x20, 0, 1));
        assert_cdb_field(disk, 1, 5);
        none(disk, make(write_verifies[i], 0x80, 0, 1));
        assert_cdb_field(disk, 1, 7);
    }
}

static void past_the_end_is_refused(void **state)
{
    struct disk *disk = *state;
    uint8_t data[1024] = { 0 };

    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0, 16383, 2));
        assert_sense(disk, 0x5, 0x2100);
        none(disk, make(verifies[i], 0, 16384, 0));
        assert_sense(disk, 0x5, 0x2100);
        out(disk, make(write_verifies[i], 0, 16383, 2), data, 1024);
        assert_sense(disk, 0x5, 0x2100);
    }
}

static void no_blocks_do_nothing(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0x00, 16383, 0));
        assert_good(disk);
        none(disk, make(verifies[i], 0x02, 16383, 0));
        assert_good(disk);
        none(disk, make(verifies[i], 0x06, 16383, 0));
        assert_good(disk);
        none(disk, make(write_verifies[i], 0x02, 16383, 0));
        assert_good(disk);
        assert_int_equal(disk->log_count, 0);
    }
}

static void a_compare_longer_than_the_units_maximum_is_refused(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0x02, 0, 2049));
        assert_cdb_field(disk, blocks_at(verifies[i]), 8);
        none(disk, make(write_verifies[i], 0, 0, 2049));
        assert_cdb_field(disk, blocks_at(write_verifies[i]), 8);
    }
}

static void verify_is_allowed_on_a_write_protected_unit_and_writing_is_not(void **state)
{
    struct scsi_unit_params params = disk_params();
    uint8_t data[512] = { 0 };
    struct disk *disk;

    params.write_protected = true;
    disk = reopen(state, &params);
    for (unsigned i = 0; i < COUNT(verifies); i++) {
        none(disk, make(verifies[i], 0, 0, 1));
        assert_good(disk);
        out(disk, make(write_verifies[i], 0, 0, 1), data, 512);
        assert_sense(disk, 0x7, 0x2700);
    }
}

static void write_and_verify_writes_flushes_and_reads_back(void **state)
{
    struct disk *disk = *state;
    uint8_t *data = malloc(200 * 512);

    memset(data, 0x44, 200 * 512);
    for (unsigned i = 0; i < COUNT(write_verifies); i++) {
        for (uint8_t bytchk = 0; bytchk <= 2; bytchk += 2) {
            memset(disk->medium, 0, 300 * 512);
            out(disk, make(write_verifies[i], 0x10 | bytchk, 3, 200), data, 200 * 512);
            assert_length(disk, 200 * 512);
            assert_true(medium_is(disk, 3, 200, 0x44));
            assert_true(medium_is(disk, 203, 1, 0));
            assert_int_equal(disk->log_count, 5);
            assert_int_equal(disk->log[1].step, SCSI_WRITE);
            assert_false(disk->log[1].op.fua);
            assert_int_equal(disk->log[2].step, SCSI_FLUSH);
            assert_int_equal(disk->log[2].op.lba, 3);
            assert_int_equal(disk->log[2].op.blocks, 200);
            assert_int_equal(disk->log[3].step, SCSI_READ);
            assert_int_equal(disk->log[3].op.lba, 3);
            assert_false(disk->log[3].op.fua);
        }
    }
    free(data);
}

static void an_error_while_reading_back_fails_the_write(void **state)
{
    struct disk *disk = *state;
    uint8_t data[512] = { 0 };

    disk->fail_at = 3;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x11 };
    out(disk, make(0x2e, 0, 0, 1), data, 512);
    assert_sense(disk, 0x3, 0x1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_compare_there_is_one_flush_and_the_medium_is_read),
        TEST(without_a_cache_each_read_is_of_the_medium),
        TEST(a_failed_flush_fails_a_verify),
        TEST(one_verify_has_a_bound_in_bytes),
        TEST(without_compare_a_verify_may_exceed_a_transfer),
        TEST(no_verify_is_too_long_for_10_bytes_and_a_longer_one_is_refused),
        TEST(compare_all_finds_a_difference_anywhere),
        TEST(compare_one_block_compares_it_with_all),
        TEST(the_reserved_kind_of_compare_is_refused),
        TEST(protection_information_is_refused),
        TEST(past_the_end_is_refused),
        TEST(no_blocks_do_nothing),
        TEST(a_compare_longer_than_the_units_maximum_is_refused),
        TEST(verify_is_allowed_on_a_write_protected_unit_and_writing_is_not),
        TEST(write_and_verify_writes_flushes_and_reads_back),
        TEST(an_error_while_reading_back_fails_the_write),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
