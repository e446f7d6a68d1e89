/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Force unit access: it reaches the device, and costs one flush for each command. */

#include "test.h"

static bool reads_with_fua(struct disk *disk, uint8_t opcode, uint8_t flags)
{
    in(disk, CDB(opcode, flags, 0, 0, opcode == 0x08 ? 1 : 0, 0, 0, 0, opcode == 0x28 ? 1 : 0),
        512);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    return disk->log[0].op.fua;
}

static bool writes_with_fua(struct disk *disk, uint8_t opcode, uint8_t flags)
{
    uint8_t data[512] = { 0 };

    out(disk, CDB(opcode, flags, 0, 0, opcode == 0x0a ? 1 : 0, 0, 0, 0, opcode == 0x2a ? 1 : 0),
        data, 512);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    return disk->log[0].op.fua;
}

static void fua_and_dpo_are_accepted_and_fua_reaches_the_device(void **state)
{
    struct disk *disk = *state;

    assert_false(reads_with_fua(disk, 0x28, 0x00));
    assert_false(reads_with_fua(disk, 0x28, 0x10));
    assert_true(reads_with_fua(disk, 0x28, 0x08));
    assert_true(writes_with_fua(disk, 0x2a, 0x18));
    assert_false(writes_with_fua(disk, 0x2a, 0x10));
    assert_false(reads_with_fua(disk, 0x08, 0x00));
}

static void without_a_cache_everything_is_fua(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.cache = false;
    disk = reopen(state, &params);
    assert_true(reads_with_fua(disk, 0x28, 0x00));
    assert_true(writes_with_fua(disk, 0x2a, 0x00));
    assert_true(reads_with_fua(disk, 0x08, 0x00));
    assert_true(writes_with_fua(disk, 0x0a, 0x00));
}

static unsigned count_steps(const struct disk *disk, enum scsi_step step)
{
    unsigned count = 0;

    for (unsigned i = 0; i < disk->log_count; i++)
        count += disk->log[i].step == step;
    return count;
}

static bool any_fua(const struct disk *disk)
{
    bool fua = false;

    for (unsigned i = 0; i < disk->log_count; i++)
        fua |= disk->log[i].op.fua;
    return fua;
}

static void write_long(struct disk *disk, uint8_t flags)
{
    static const uint8_t data[300 * 512];

    out(disk, CDB(0x2a, flags, B32(10), 0, B16(300)), data, sizeof data);
    assert_good(disk);
    assert_int_equal(count_steps(disk, SCSI_WRITE), 3);
}

static void read_long(struct disk *disk, uint8_t flags)
{
    in(disk, CDB(0x28, flags, B32(10), 0, B16(300)), 300 * 512);
    assert_good(disk);
    assert_length(disk, 300 * 512);
    assert_int_equal(count_steps(disk, SCSI_READ), 3);
}

static void assert_one_flush(const struct disk *disk, unsigned at)
{
    assert_int_equal(disk->log_count, 4);
    assert_int_equal(disk->log[at].step, SCSI_FLUSH);
    assert_int_equal(disk->log[at].op.lba, 10);
    assert_int_equal(disk->log[at].op.blocks, 300);
    assert_false(any_fua(disk));
}

static void a_long_write_with_fua_has_one_flush_after_it(void **state)
{
    /* MODE SELECT(6): the caching page, with WCE 0. */
    static const uint8_t switched_off[4 + 20] = { 0, 0, 0, 0, 0x08, 0x12 };
    struct disk *disk = *state;

    write_long(disk, 0x08);
    assert_one_flush(disk, 3);
    write_long(disk, 0x00);
    assert_int_equal(count_steps(disk, SCSI_FLUSH), 0);
    assert_false(any_fua(disk));
    out(disk, CDB(0x15, 0x10, 0, 0, sizeof switched_off), switched_off, sizeof switched_off);
    assert_good(disk);
    write_long(disk, 0x00);
    assert_one_flush(disk, 3);
}

static void a_long_read_with_fua_has_one_flush_before_it(void **state)
{
    struct disk *disk = *state;

    read_long(disk, 0x08);
    assert_one_flush(disk, 0);
    read_long(disk, 0x00);
    assert_int_equal(count_steps(disk, SCSI_FLUSH), 0);
    assert_false(any_fua(disk));
}

static void a_flush_that_fails_fails_its_long_command(void **state)
{
    static const uint8_t data[300 * 512];
    struct disk *disk = *state;

    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x0c };
    disk->fail_at = 4;
    out(disk, CDB(0x2a, 0x08, B32(10), 0, B16(300)), data, sizeof data);
    assert_sense(disk, 0x3, 0x0c00);
    disk->fail_at = 1;
    in(disk, CDB(0x28, 0x08, B32(10), 0, B16(300)), 300 * 512);
    assert_sense(disk, 0x3, 0x0c00);
    assert_int_equal(disk->log_count, 1);
}

static void assert_fua_of_each_piece(const struct disk *disk)
{
    for (unsigned i = 0; i < 3; i++)
        assert_true(disk->log[i].op.fua);
    assert_int_equal(count_steps(disk, SCSI_FLUSH), 0);
}

static void without_a_cache_each_piece_of_a_long_command_has_fua(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.cache = false;
    disk = reopen(state, &params);
    write_long(disk, 0x00);
    assert_fua_of_each_piece(disk);
}

/* It may have no Flush, which the original does not call for such a command. */
static void a_program_of_the_original_gets_fua_with_each_piece(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.profile = SCSI_PROFILE_WINSPD;
    disk = reopen(state, &params);
    write_long(disk, 0x08);
    assert_fua_of_each_piece(disk);
    read_long(disk, 0x08);
    assert_fua_of_each_piece(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fua_and_dpo_are_accepted_and_fua_reaches_the_device),
        TEST(without_a_cache_everything_is_fua),
        TEST(a_long_write_with_fua_has_one_flush_after_it),
        TEST(a_long_read_with_fua_has_one_flush_before_it),
        TEST(a_flush_that_fails_fails_its_long_command),
        TEST(without_a_cache_each_piece_of_a_long_command_has_fua),
        TEST(a_program_of_the_original_gets_fua_with_each_piece),
    };

    return cmocka_run_group_tests_name("fua", tests, NULL, NULL);
}
