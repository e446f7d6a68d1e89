/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* LOG SENSE. The pages themselves are in golden files. */

#include "test.h"

/* LOG SENSE of current cumulative values. */
#define LOG(page, subpage, length) CDB(0x4d, 0, 0x40 | (page), (subpage), 0, 0, 0, B16(length))

static void every_listed_page_is_there(void **state)
{
    struct disk *disk = *state;
    uint8_t list[64];
    uint64_t length;

    memcpy(list, in(disk, LOG(0x00, 0xff, 64), 64), 64);
    length = disk->task.moved_length;
    assert_good(disk);
    assert_int_equal(be16_get(list + 2), length - 4);
    for (uint64_t at = 4; at < length; at += 2) {
        const uint8_t *reply = in(disk, LOG(list[at], list[at + 1], 512), 512);

        assert_good(disk);
        assert_int_equal(reply[0] & 0x3f, list[at]);
        assert_int_equal(reply[1], list[at + 1]);
        assert_int_equal(be16_get(reply + 2), disk->task.moved_length - 4);
    }
}

static void no_failure_is_predicted(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, LOG(0x2f, 0, 512), 512);

    assert_length(disk, 12);
    assert_int_equal(be16_get(reply + 8), 0x0000);
}

static void the_page_control_makes_no_difference(void **state)
{
    struct disk *disk = *state;

    for (unsigned control = 0; control < 4; control++) {
        in(disk, CDB(0x4d, 0, control << 6 | 0x2f, 0, 0, 0, 0, 0, 255), 255);
        assert_length(disk, 12);
    }
}

static void a_page_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, LOG(0x2f, 0, 4), 64);

    assert_length(disk, 4);
    assert_int_equal(be16_get(reply + 2), 8); /* the length that there is, not that was cut */
    in(disk, LOG(0x2f, 0, 0), 0);
    assert_length(disk, 0);
}

static void unknown_pages_and_subpages_are_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, LOG(0x0d, 0, 64), 64);
    assert_cdb_field(disk, 2, 5);
    in(disk, LOG(0x2f, 1, 64), 64);
    assert_cdb_field(disk, 3, 7);
    in(disk, LOG(0x2f, 0xff, 64), 64);
    assert_cdb_field(disk, 3, 7);
}

static void saving_and_parameter_pointers_are_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x4d, 0x01, 0x6f, 0, 0, 0, 0, 0, 64), 64); /* SP */
    assert_cdb_field(disk, 1, 0);
    in(disk, CDB(0x4d, 0x02, 0x6f, 0, 0, 0, 0, 0, 64), 64); /* PPC, long obsolete */
    assert_cdb_field(disk, 1, 1);
    in(disk, CDB(0x4d, 0, 0x6f, 0, 0, 0, 1, 0, 64), 64);
    assert_cdb_field(disk, 6, 0);
}

static void there_is_no_log_select(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x4c));
    assert_sense(disk, 0x5, 0x2000);
}

static void a_write_protected_unit_has_its_log(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.write_protected = true;
    disk = reopen(state, &params);
    in(disk, LOG(0x2f, 0, 64), 64);
    assert_length(disk, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_listed_page_is_there),
        TEST(no_failure_is_predicted),
        TEST(the_page_control_makes_no_difference),
        TEST(a_page_is_cut_to_the_allocation_length),
        TEST(unknown_pages_and_subpages_are_refused),
        TEST(saving_and_parameter_pointers_are_refused),
        TEST(there_is_no_log_select),
        TEST(a_write_protected_unit_has_its_log),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
