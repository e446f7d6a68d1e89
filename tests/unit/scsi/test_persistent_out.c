/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* PERSISTENT RESERVE OUT: registering, reserving, releasing, clearing. */

#include "reserve.h"

static void a_key_is_registered_changed_and_taken_back(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 0);
    assert_int_equal(registered(disk), 1 << 0);
    reserve_out(disk, 0, REGISTER, 0, KEY(0), KEY(5));
    assert_good(disk);
    assert_int_equal(registered(disk), 1 << 5);
    reserve_out(disk, 0, REGISTER, 0, KEY(5), 0);
    assert_good(disk);
    assert_int_equal(registered(disk), 0);
}

static void a_wrong_key_registers_nothing(void **state)
{
    struct disk *disk = *state;

    reserve_out(disk, 0, REGISTER, 0, KEY(0), KEY(0));
    assert_conflict(disk);
    enroll(disk, 0);
    reserve_out(disk, 0, REGISTER, 0, KEY(1), KEY(2));
    assert_conflict(disk);
    reserve_out(disk, 0, REGISTER, 0, 0, KEY(2));
    assert_conflict(disk);
    assert_int_equal(registered(disk), 1 << 0);
    assert_int_equal(generation(disk), 1);
}

static void an_existing_key_can_be_ignored(void **state)
{
    struct disk *disk = *state;

    reserve_out(disk, 0, REGISTER_AND_IGNORE, 0, KEY(9), KEY(0));
    assert_good(disk);
    reserve_out(disk, 0, REGISTER_AND_IGNORE, 0, KEY(9), KEY(1));
    assert_good(disk);
    assert_int_equal(registered(disk), 1 << 1);
    reserve_out(disk, 0, REGISTER_AND_IGNORE, 0, KEY(9), 0);
    assert_good(disk);
    assert_int_equal(registered(disk), 0);
}

static void taking_back_what_was_not_registered_is_no_error(void **state)
{
    struct disk *disk = *state;

    reserve_out(disk, 0, REGISTER, 0, 0, 0);
    assert_good(disk);
    reserve_out(disk, 0, REGISTER_AND_IGNORE, 0, 0, 0);
    assert_good(disk);
    assert_int_equal(registered(disk), 0);
}

static void the_generation_counts_changes_of_registrations(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    assert_int_equal(generation(disk), 1);
    reserve_out(disk, 0, RELEASE, WE, KEY(0), 0);
    assert_int_equal(generation(disk), 1);
    reserve_out(disk, 0, REGISTER_AND_IGNORE, 0, 0, KEY(0));
    assert_int_equal(generation(disk), 2);
    enroll(disk, 1);
    reserve_out(disk, 0, PREEMPT, WE, KEY(0), KEY(1));
    assert_int_equal(generation(disk), 4);
    reserve_out(disk, 0, PREEMPT, WE, KEY(0), KEY(1)); /* a conflict: there is no such key */
    assert_int_equal(generation(disk), 4);
    reserve_out(disk, 0, CLEAR, 0, KEY(0), 0);
    assert_int_equal(generation(disk), 5);
}

static void a_registration_outlives_the_nexus(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, EA);
    disk_nexus(disk, 0);
    assert_attention(disk, 0, 0x2900);
    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 512);
    assert_good(disk);
    reserve_out(disk, 0, RELEASE, EA, KEY(0), 0);
    assert_good(disk);
    assert_int_equal(reserved(disk), 0);
}

static void a_registration_is_for_one_target_port(void **state)
{
    struct disk *disk = *state;
    struct scsi_port other = disk->port;

    enroll(disk, 0);
    disk->nexus[1].port = &other;
    scsi_nexus_name(&disk->nexus[1], disk->nexus[0].transport_id, 24);
    reserve_out(disk, 1, RESERVE, WE, KEY(0), 0);
    assert_conflict(disk);
}

static void the_parameter_list_has_24_bytes(void **state)
{
    struct disk *disk = *state;
    static const uint8_t list[32];

    out(disk, CDB(0x5f, 0, 0, 0, 0, B32(23)), list, 23);
    assert_sense(disk, 0x5, 0x1a00);
    out(disk, CDB(0x5f, 0, 0, 0, 0, B32(25)), list, 25);
    assert_sense(disk, 0x5, 0x1a00);
    none(disk, CDB(0x5f));
    assert_sense(disk, 0x5, 0x1a00);
}

static void bad_fields_are_refused(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 0);
    reserve_out(disk, 0, 0x07, 0, KEY(0), 0); /* REGISTER AND MOVE */
    assert_cdb_field(disk, 1, 4);
    reserve_out(disk, 0, RESERVE, 0x10 | WE, KEY(0), 0);
    assert_cdb_field(disk, 2, 7);
    reserve_out(disk, 0, PREEMPT, 0x20 | WE, KEY(0), KEY(0));
    assert_cdb_field(disk, 2, 7);
    reserve_out(disk, 0, PREEMPT_AND_ABORT, 2, KEY(0), KEY(0));
    assert_cdb_field(disk, 2, 3);
    out(disk, CDB(0x5f, 0, 0, 1, 0, B32(24)), (uint8_t[24]){ 0 }, 24);
    assert_cdb_field(disk, 3, 0);
}

/* SCOPE and TYPE mean nothing to them. */
static void registering_and_clearing_ignore_the_type(void **state)
{
    struct disk *disk = *state;

    reserve_out(disk, 0, REGISTER, 0xff, 0, KEY(0));
    assert_good(disk);
    reserve_out(disk, 0, CLEAR, 0xff, KEY(0), 0);
    assert_good(disk);
}

static void register_with(struct disk *disk, uint8_t flags)
{
    const uint8_t list[24] = { [15] = 1, [20] = flags };

    out(disk, CDB(0x5f, 0, 0, 0, 0, B32(24)), list, 24);
}

static void what_cannot_be_kept_is_not_promised(void **state)
{
    struct disk *disk = *state;

    register_with(disk, 0x01); /* APTPL */
    assert_field(disk, false, 20, 0);
    register_with(disk, 0x08); /* SPEC_I_PT */
    assert_field(disk, false, 20, 3);
    register_with(disk, 0x10);
    assert_field(disk, false, 20, 4);
    assert_int_equal(generation(disk), 0);
    register_with(disk, 0x04); /* ALL_TG_PT */
    assert_good(disk);
    assert_int_equal(generation(disk), 1);
}

static void a_full_table_takes_no_more_until_one_leaves(void **state)
{
    struct disk *disk = *state;
    static uint64_t names[SCSI_REGISTRATIONS + 1];

    for (uint64_t i = 0; i <= SCSI_REGISTRATIONS; i++) {
        names[i] = i;
        disk_nexus(disk, 1);
        scsi_nexus_name(&disk->nexus[1], (const uint8_t *)&names[i], 8);
        assert_attention(disk, 1, 0x2900);
        reserve_out(disk, 1, REGISTER, 0, 0, KEY(1));
        if (i < SCSI_REGISTRATIONS)
            assert_good(disk);
    }
    assert_sense(disk, 0x5, 0x5504);
    assert_int_equal(generation(disk), SCSI_REGISTRATIONS);
    scsi_nexus_name(&disk->nexus[1], (const uint8_t *)&names[3], 8);
    reserve_out(disk, 1, REGISTER, 0, KEY(1), 0);
    assert_good(disk);
    enroll(disk, 0);
}

static void only_who_is_registered_can_do_the_rest(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 1);
    for (uint8_t action = RESERVE; action <= PREEMPT_AND_ABORT; action++) {
        reserve_out(disk, 0, action, WE, 0, KEY(1));
        assert_conflict(disk);
        reserve_out(disk, 0, action, WE, KEY(1), KEY(1));
        assert_conflict(disk);
        reserve_out(disk, 1, action, WE, KEY(0), KEY(1)); /* with another's key */
        assert_conflict(disk);
    }
    assert_int_equal(registered(disk), 1 << 1);
    assert_int_equal(reserved(disk), 0);
}

static void reserving_again_changes_nothing(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE_RO);
    enroll(disk, 1);
    reserve_out(disk, 0, RESERVE, WE_RO, KEY(0), 0);
    assert_good(disk);
    reserve_out(disk, 0, RESERVE, EA_RO, KEY(0), 0);
    assert_conflict(disk);
    reserve_out(disk, 1, RESERVE, WE_RO, KEY(1), 0);
    assert_conflict(disk);
    assert_int_equal(reserved(disk), WE_RO);
    assert_int_equal(holders_key(disk), KEY(0));
}

static void each_of_all_registrants_holds_the_reservation(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE_AR);
    enroll(disk, 1);
    reserve_out(disk, 1, RESERVE, WE_AR, KEY(1), 0);
    assert_good(disk);
    reserve_out(disk, 1, RESERVE, EA_AR, KEY(1), 0);
    assert_conflict(disk);
    reserve_out(disk, 1, RELEASE, WE_AR, KEY(1), 0);
    assert_good(disk);
    assert_attention(disk, 0, 0x2a04);
    assert_int_equal(reserved(disk), 0);
}

static void a_holder_releases_with_the_right_type(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, EA);
    reserve_out(disk, 0, RELEASE, WE, KEY(0), 0);
    assert_sense(disk, 0x5, 0x2604);
    reserve_out(disk, 0, RELEASE, 0x10 | EA, KEY(0), 0);
    assert_sense(disk, 0x5, 0x2604);
    assert_int_equal(reserved(disk), EA);
    reserve_out(disk, 0, RELEASE, EA, KEY(0), 0);
    assert_good(disk);
    assert_int_equal(reserved(disk), 0);
    assert_int_equal(registered(disk), 1 << 0);
}

static void others_release_nothing_and_are_not_told(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, EA);
    enroll(disk, 1);
    reserve_out(disk, 1, RELEASE, EA, KEY(1), 0);
    assert_good(disk);
    assert_int_equal(reserved(disk), EA);
    reserve_out(disk, 0, RELEASE, EA, KEY(0), 0);
    reserve_out(disk, 0, RELEASE, EA, KEY(0), 0);
    assert_good(disk);
}

/* Registered nexuses learn the end of a type in which all of them have a part. */
static void a_release_is_told_to_who_had_a_part(void **state)
{
    struct disk *disk = *state;
    static const uint8_t types[] = { WE, EA, WE_RO, EA_RO, WE_AR, EA_AR };

    enroll(disk, 0);
    enroll(disk, 1);
    for (unsigned i = 0; i < COUNT(types); i++) {
        reserve_out(disk, 0, RESERVE, types[i], KEY(0), 0);
        reserve_out(disk, 0, RELEASE, types[i], KEY(0), 0);
        assert_attention(disk, 0, 0);
        assert_attention(disk, 1, types[i] >= WE_RO ? 0x2a04 : 0);
        assert_attention(disk, 1, 0);
        assert_attention(disk, 2, 0);
    }
}

static void a_holder_that_takes_its_key_back_releases(void **state)
{
    struct disk *disk = *state;
    static const uint8_t types[] = { WE, EA, WE_RO, EA_RO };

    enroll(disk, 1);
    for (unsigned i = 0; i < COUNT(types); i++) {
        hold(disk, 0, types[i]);
        reserve_out(disk, 0, REGISTER, 0, KEY(0), 0);
        assert_good(disk);
        assert_int_equal(reserved(disk), 0);
        assert_int_equal(registered(disk), 1 << 1);
        assert_attention(disk, 0, 0);
        assert_attention(disk, 1, types[i] >= WE_RO ? 0x2a04 : 0);
    }
}

static void what_all_registrants_hold_ends_with_the_last(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, EA_AR);
    enroll(disk, 1);
    reserve_out(disk, 0, REGISTER, 0, KEY(0), 0);
    assert_int_equal(reserved(disk), EA_AR);
    assert_attention(disk, 1, 0);
    reserve_out(disk, 1, REGISTER, 0, KEY(1), 0);
    assert_good(disk);
    assert_int_equal(reserved(disk), 0);
}

static void who_takes_its_key_back_has_no_part_any_more(void **state)
{
    struct disk *disk = *state;
    static const uint8_t block[512];

    hold(disk, 0, WE_RO);
    enroll(disk, 1);
    reserve_out(disk, 1, REGISTER, 0, KEY(1), 0);
    disk_run(disk, 1, &disk->unit, CDB(0x2a, 0, B32(0), 0, B16(1)), SCSI_DATA_OUT, block, 512);
    assert_conflict(disk);
}

static void a_changed_key_keeps_the_reservation(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    reserve_out(disk, 0, REGISTER, 0, KEY(0), KEY(4));
    assert_good(disk);
    assert_int_equal(reserved(disk), WE);
    assert_int_equal(holders_key(disk), KEY(4));
}

static void clear_leaves_nothing(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    reserve_out(disk, 1, CLEAR, 0, KEY(1), 0);
    assert_good(disk);
    assert_attention(disk, 0, 0x2a03);
    assert_attention(disk, 0, 0);
    assert_attention(disk, 1, 0);
    assert_attention(disk, 2, 0);
    assert_int_equal(registered(disk), 0);
    assert_int_equal(reserved(disk), 0);
}

static void a_write_protected_unit_can_be_reserved(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.write_protected = true;
    disk = reopen(state, &params);
    hold(disk, 0, EA);
    disk_run(disk, 1, &disk->unit, CDB(0x28, 0, B32(0), 0, B16(1)), SCSI_DATA_IN, NULL, 512);
    assert_conflict(disk);
}

/* SPC-4 5.13: reservations are preserved by resets. */
static void a_reset_keeps_it(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    scsi_unit_attention(&disk->unit, SCSI_UA_LUN_RESET, NULL);
    assert_attention(disk, 0, 0x2903);
    assert_int_equal(reserved(disk), WE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_registered_changed_and_taken_back),
        TEST(a_wrong_key_registers_nothing),
        TEST(an_existing_key_can_be_ignored),
        TEST(taking_back_what_was_not_registered_is_no_error),
        TEST(the_generation_counts_changes_of_registrations),
        TEST(a_registration_outlives_the_nexus),
        TEST(a_registration_is_for_one_target_port),
        TEST(the_parameter_list_has_24_bytes),
        TEST(bad_fields_are_refused),
        TEST(registering_and_clearing_ignore_the_type),
        TEST(what_cannot_be_kept_is_not_promised),
        TEST(a_full_table_takes_no_more_until_one_leaves),
        TEST(only_who_is_registered_can_do_the_rest),
        TEST(reserving_again_changes_nothing),
        TEST(each_of_all_registrants_holds_the_reservation),
        TEST(a_holder_releases_with_the_right_type),
        TEST(others_release_nothing_and_are_not_told),
        TEST(a_release_is_told_to_who_had_a_part),
        TEST(a_holder_that_takes_its_key_back_releases),
        TEST(what_all_registrants_hold_ends_with_the_last),
        TEST(who_takes_its_key_back_has_no_part_any_more),
        TEST(a_changed_key_keeps_the_reservation),
        TEST(clear_leaves_nothing),
        TEST(a_write_protected_unit_can_be_reserved),
        TEST(a_reset_keeps_it),
    };

    return cmocka_run_group_tests_name("persistent_out", tests, NULL, NULL);
}
