/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* RESERVE and RELEASE, in both lengths. */

#include "reserve.h"

static const uint8_t reserve_6[16] = { 0x16 }, release_6[16] = { 0x17 };
static const uint8_t reserve_10[16] = { 0x56 }, release_10[16] = { 0x57 };

static void send(struct disk *disk, unsigned n, const uint8_t *cdb)
{
    assert_true(disk_run(disk, n, &disk->unit, cdb, SCSI_NO_DATA, NULL, 0));
}

/* Whether nexus n may read. */
static bool may_read(struct disk *disk, unsigned n)
{
    disk_run(disk, n, &disk->unit, CDB(0x28, 0, B32(0), 0, B16(1)), SCSI_DATA_IN, NULL, 512);
    if (disk->task.status != SCSI_GOOD)
        assert_conflict(disk);
    return disk->task.status == SCSI_GOOD;
}

static void a_reserved_unit_is_its_holders(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, reserve_6);
    assert_good(disk);
    assert_true(may_read(disk, 0));
    assert_false(may_read(disk, 1));
    send(disk, 1, reserve_6);
    assert_conflict(disk);
    send(disk, 0, reserve_6); /* again */
    assert_good(disk);
}

static void it_is_released_by_its_holder_only(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, reserve_6);
    send(disk, 1, release_6);
    assert_good(disk);
    assert_false(may_read(disk, 1));
    send(disk, 0, release_6);
    assert_good(disk);
    assert_true(may_read(disk, 1));
    assert_attention(disk, 1, 0);
}

static void both_lengths_are_one_command(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, reserve_10);
    assert_good(disk);
    assert_false(may_read(disk, 1));
    send(disk, 0, release_6);
    assert_true(may_read(disk, 1));
    send(disk, 0, reserve_6);
    send(disk, 0, release_10);
    assert_good(disk);
    assert_true(may_read(disk, 1));
}

static void a_reset_ends_it(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, reserve_6);
    scsi_unit_attention(&disk->unit, SCSI_UA_CAPACITY, NULL);
    assert_attention(disk, 1, 0x2a09);
    assert_false(may_read(disk, 1));
    scsi_unit_attention(&disk->unit, SCSI_UA_LUN_RESET, NULL);
    assert_attention(disk, 1, 0x2903);
    assert_true(may_read(disk, 1));
}

static void it_ends_with_the_nexus(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, reserve_6);
    scsi_nexus_end(&disk->nexus[1], &disk->unit);
    assert_false(may_read(disk, 1));
    scsi_nexus_end(&disk->nexus[0], &disk->unit);
    assert_true(may_read(disk, 1));
}

static void a_lost_nexus_keeps_what_is_persistent(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, EA);
    scsi_nexus_end(&disk->nexus[0], &disk->unit);
    assert_false(may_read(disk, 1));
}

static void registrations_exclude_it(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 0);
    send(disk, 0, reserve_6);
    assert_conflict(disk);
    send(disk, 1, release_10);
    assert_conflict(disk);
    assert_true(may_read(disk, 1));
}

static void it_excludes_registrations(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, reserve_6);
    for (unsigned n = 0; n < 2; n++) {
        reserve_out(disk, n, REGISTER, 0, 0, KEY(n));
        assert_conflict(disk);
    }
    assert_int_equal(registered(disk), 0);
    assert_int_equal(reserved(disk), 0); /* none that is persistent */
    disk_run(disk, 1, &disk->unit, CDB(0x5e, 0, 0, 0, 0, 0, 0, 0, 8), SCSI_DATA_IN, NULL, 8);
    assert_conflict(disk);
}

static void reserve_by_1(struct disk *disk)
{
    send(disk, 1, reserve_6);
    assert_good(disk);
}

static void a_read_that_waits_while_another_reserves_is_refused(void **state)
{
    struct disk *disk = *state;

    disk->meanwhile = reserve_by_1;
    assert_false(may_read(disk, 0));
}

static void of_two_that_reserve_at_once_one_wins(void **state)
{
    struct disk *disk = *state;

    disk->meanwhile = reserve_by_1;
    send(disk, 0, reserve_6);
    assert_conflict(disk);
    assert_true(may_read(disk, 1));
}

static void third_parties_and_extents_are_refused(void **state)
{
    struct disk *disk = *state;

    send(disk, 0, CDB(0x16, 0x10));
    assert_cdb_field(disk, 1, 4);
    send(disk, 0, CDB(0x17, 0x01));
    assert_cdb_field(disk, 1, 0);
    send(disk, 0, CDB(0x56, 0x02));
    assert_cdb_field(disk, 1, 1);
    send(disk, 0, CDB(0x57, 0, 0, 0, 0, 0, 0, 0, 8));
    assert_cdb_field(disk, 8, 3);
}

static void a_write_protected_unit_can_be_reserved(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.write_protected = true;
    disk = reopen(state, &params);
    send(disk, 0, reserve_6);
    assert_good(disk);
    assert_false(may_read(disk, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reserved_unit_is_its_holders),
        TEST(it_is_released_by_its_holder_only),
        TEST(both_lengths_are_one_command),
        TEST(a_reset_ends_it),
        TEST(it_ends_with_the_nexus),
        TEST(a_lost_nexus_keeps_what_is_persistent),
        TEST(registrations_exclude_it),
        TEST(it_excludes_registrations),
        TEST(a_read_that_waits_while_another_reserves_is_refused),
        TEST(of_two_that_reserve_at_once_one_wins),
        TEST(third_parties_and_extents_are_refused),
        TEST(a_write_protected_unit_can_be_reserved),
    };

    return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
