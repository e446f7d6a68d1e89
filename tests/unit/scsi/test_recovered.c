/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Operations that were done and have sense to report: the command goes on, and all of its data and
 * residual are as if it were GOOD. */

#include "test.h"

enum { BLOCKS = 300 }; /* three operations of at most 128 */

static const uint8_t completed_keys[] = { 0x0, 0x1, 0xf };

static void answer(struct disk *disk, unsigned at, uint8_t key)
{
    disk->log_count = 0;
    disk->fail_at = at;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = key,
        .asc = 0x17, .ascq = 0x01, .information_valid = true, .information = 77 };
}

static void assert_reported(const struct disk *disk, uint8_t key)
{
    const uint8_t *sense = disk->task.sense;

    assert_int_equal(disk->task.status, SCSI_CHECK_CONDITION);
    assert_int_equal(disk->task.sense_length, 18);
    assert_int_equal(sense[2], key);
    assert_int_equal(be16_get(sense + 12), 0x1701);
    assert_information(disk, 77);
    assert_int_equal(disk->task.outcome.sense_key, key);
}

static void a_read_brings_all_of_its_data_and_the_sense(void **state)
{
    struct disk *disk = *state;

    for (size_t i = 0; i < BLOCKS * 512; i++)
        disk->medium[i] = (uint8_t)(i * 7 + i / 512);
    for (unsigned k = 0; k < COUNT(completed_keys); k++) {
        for (unsigned at = 1; at <= 3; at++) {
            answer(disk, at, completed_keys[k]);
            in(disk, CDB(0x28, 0, B32(0), 0, B16(BLOCKS)), BLOCKS * 512);
            assert_int_equal(disk->log_count, 3);
            assert_reported(disk, completed_keys[k]);
            assert_int_equal(disk->task.moved_length, BLOCKS * 512);
            assert_memory_equal(disk_reply(disk), disk->medium, BLOCKS * 512);
            assert_false(disk->task.overflow || disk->task.underflow);
        }
    }
}

static void residuals_are_those_of_good(void **state)
{
    struct disk *disk = *state;

    answer(disk, 1, 0x1);
    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 1000);
    assert_reported(disk, 0x1);
    assert_int_equal(disk->task.moved_length, 512);
    assert_true(disk->task.underflow);
    assert_int_equal(disk->task.residual, 488);
}

static void a_write_goes_on_to_its_end(void **state)
{
    struct disk *disk = *state;
    uint8_t *data = malloc(BLOCKS * 512);

    memset(data, 0x3c, BLOCKS * 512);
    answer(disk, 1, 0x1);
    out(disk, CDB(0x2a, 0, B32(0), 0, B16(BLOCKS)), data, BLOCKS * 512);
    assert_reported(disk, 0x1);
    assert_true(medium_is(disk, 0, BLOCKS, 0x3c));
    assert_int_equal(disk->task.moved_length, BLOCKS * 512);
    free(data);
}

static void commands_of_several_steps_take_all_of_them(void **state)
{
    static const struct { uint8_t cdb[16]; uint64_t length; unsigned operations; } rows[] = {
        { { 0x89, [13] = 1 }, 1024, 2 },            /* COMPARE AND WRITE: read, write */
        { { 0x8b, [13] = 1 }, 512, 2 },             /* ORWRITE: read, write */
        { { 0x2e, 0, [8] = 1 }, 512, 3 },           /* WRITE AND VERIFY: write, flush, read */
        { { 0x93, 0x08, [13] = 20 }, 512, 2 },      /* WRITE SAME: unmap, write */
        { { 0x35 }, 0, 1 },                         /* SYNCHRONIZE CACHE */
        { { 0x1b }, 0, 1 },                         /* START STOP UNIT */
    };
    static const uint8_t zeros[1024];
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(rows); i++) {
        for (unsigned at = 1; at <= rows[i].operations; at++) {
            answer(disk, at, 0x1);
            out(disk, rows[i].cdb, zeros, rows[i].length);
            assert_int_equal(disk->log_count, rows[i].operations);
            assert_reported(disk, 0x1);
        }
    }
}

static void a_later_error_is_what_is_reported(void **state)
{
    static const uint8_t ones[1024] = { 1 };
    struct disk *disk = *state;

    answer(disk, 1, 0x1);
    out(disk, CDB(0x89, [13] = 1), ones, sizeof ones);
    assert_sense(disk, 0xe, 0x1d00);
    assert_int_equal(disk->task.moved_length, 0);
    assert_int_equal(disk->task.outcome.sense_key, 0xe);
}

static void any_other_key_is_a_failure(void **state)
{
    struct disk *disk = *state;

    for (uint8_t key = 0x2; key < 0xf; key++) {
        answer(disk, 1, key);
        in(disk, CDB(0x28, 0, B32(0), 0, B16(BLOCKS)), BLOCKS * 512);
        assert_int_equal(disk->log_count, 1);
        assert_sense(disk, key, 0x1701);
    }
}

static void the_next_command_has_nothing_of_it(void **state)
{
    struct disk *disk = *state;

    answer(disk, 1, 0x1);
    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 512);
    assert_reported(disk, 0x1);
    disk->fail_at = 0;
    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 512);
    assert_good(disk);
    assert_int_equal(disk->task.sense_length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_read_brings_all_of_its_data_and_the_sense),
        TEST(residuals_are_those_of_good),
        TEST(a_write_goes_on_to_its_end),
        TEST(commands_of_several_steps_take_all_of_them),
        TEST(a_later_error_is_what_is_reported),
        TEST(any_other_key_is_a_failure),
        TEST(the_next_command_has_nothing_of_it),
    };

    return cmocka_run_group_tests_name("recovered", tests, NULL, NULL);
}
