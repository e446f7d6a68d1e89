/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sense data and unit attentions. */

#include "test.h"

static void set_d_sense(struct disk *disk, bool on)
{
    uint8_t list[4 + 12] = { 0, 0, 0, 0, 0x0a, 0x0a, on ? 0x04 : 0, 0x10 };

    out(disk, CDB(0x15, 0x10, 0, 0, sizeof list), list, sizeof list);
    assert_good(disk);
}

static void fixed_sense_points_at_a_bad_cdb_field(void **state)
{
    struct disk *disk = *state;
    static const uint8_t expected[18] = { 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0x00, 0,
        0xcf, 0x00, 0x01 };

    none(disk, CDB(0x00, 0x80));
    assert_int_equal(disk->task.sense_length, 18);
    assert_memory_equal(disk->task.sense, expected, 18);
}

static void descriptor_sense_points_at_a_bad_cdb_field(void **state)
{
    struct disk *disk = *state;
    static const uint8_t expected[16] = { 0x72, 0x05, 0x24, 0x00, 0, 0, 0, 8, 0x02, 0x06, 0, 0,
        0xcf, 0x00, 0x01, 0 };

    set_d_sense(disk, true);
    none(disk, CDB(0x00, 0x80));
    assert_int_equal(disk->task.sense_length, sizeof expected);
    assert_memory_equal(disk->task.sense, expected, sizeof expected);
    set_d_sense(disk, false);
    none(disk, CDB(0x00, 0x80));
    assert_int_equal(disk->task.sense[0], 0x70);
}

static void descriptor_sense_carries_64_bits_of_information(void **state)
{
    struct disk *disk = *state;
    static const uint8_t expected[20] = { 0x72, 0x05, 0x21, 0x00, 0, 0, 0, 12, 0x00, 0x0a, 0x80, 0,
        0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0 };

    set_d_sense(disk, true);
    in(disk, CDB(0x88, 0, B64(UINT64_C(0x123456789abcdef0)), B32(1)), 512);
    assert_int_equal(disk->task.sense_length, sizeof expected);
    assert_memory_equal(disk->task.sense, expected, sizeof expected);
}

static void fixed_sense_leaves_out_information_over_32_bits(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x88, 0, B64(UINT32_MAX), B32(1)), 512);
    assert_information(disk, UINT32_MAX);
    in(disk, CDB(0x88, 0, B64(UINT64_C(0x100000000)), B32(1)), 512);
    assert_sense(disk, 0x5, 0x2100);
    assert_int_equal(disk->task.sense[0], 0x70);
    assert_int_equal(be32_get(disk->task.sense + 3), 0);
}

static void the_outcome_is_whole_where_sense_has_no_room(void **state)
{
    struct disk *disk = *state;
    struct scsi_outcome outcome = { .status = SCSI_CHECK_CONDITION, .sense_key = 0x3, .asc = 0x11,
        .ascq = 0x04, .information_valid = true, .information = UINT64_C(0x123456789abcdef0) };

    disk->fail_at = 1;
    disk->fail_with = outcome;
    in(disk, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 512);
    assert_sense(disk, 0x3, 0x1104);
    assert_int_equal(disk->task.sense[0], 0x70);
    assert_memory_equal(&disk->task.outcome, &outcome, sizeof outcome);
    in(disk, CDB(0x88, 0, B64(UINT64_C(0x100000000)), B32(1)), 512);
    assert_int_equal(disk->task.outcome.asc, 0x21);
    assert_int_equal(disk->task.outcome.information, UINT64_C(0x100000000));
    none(disk, CDB(0x00));
    assert_int_equal(disk->task.outcome.status, SCSI_GOOD);
    assert_int_equal(disk->task.outcome.asc, 0);
}

static void a_nexus_without_attentions_meets_none(void **state)
{
    struct disk *disk = *state;

    scsi_nexus_init(&disk->nexus[0], &disk->unit, &disk->port);
    disk->nexus[0].no_attentions = true;
    none(disk, CDB(0x00));
    assert_good(disk);
    scsi_unit_attention(&disk->unit, SCSI_UA_CAPACITY, NULL);
    none(disk, CDB(0x00));
    assert_good(disk);
}

static void request_sense_says_no_sense_when_there_is_none(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x03, 0, 0, 0, 252), 252);

    assert_length(disk, 18);
    assert_int_equal(reply[0], 0x70);
    assert_int_equal(reply[2], 0);
    reply = in(disk, CDB(0x03, 0x01, 0, 0, 252), 252);
    assert_length(disk, 8);
    assert_int_equal(reply[0], 0x72);
}

static void request_sense_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x03, 0, 0, 0, 4), 252);
    assert_length(disk, 4);
    none(disk, CDB(0x03));
    assert_length(disk, 0);
    none(disk, CDB(0x03, 0x02));
    assert_cdb_field(disk, 1, 1);
}

static void request_sense_reports_and_clears_an_attention(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply;

    scsi_unit_attention(&disk->unit, SCSI_UA_LUN_RESET, NULL);
    reply = in(disk, CDB(0x03, 0, 0, 0, 18), 18);
    assert_length(disk, 18);
    assert_int_equal(reply[2], 0x06);
    assert_int_equal(be16_get(reply + 12), 0x2903);
    none(disk, CDB(0x00));
    assert_good(disk);
}

static void a_new_nexus_hears_of_power_on_once(void **state)
{
    struct disk *disk = *state;

    scsi_nexus_init(&disk->nexus[0], &disk->unit, &disk->port);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2900);
    none(disk, CDB(0x00));
    assert_good(disk);
}

static void a_new_nexus_does_not_hear_of_older_attentions(void **state)
{
    struct disk *disk = *state;

    scsi_unit_attention(&disk->unit, SCSI_UA_CAPACITY, NULL);
    scsi_nexus_init(&disk->nexus[0], &disk->unit, &disk->port);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2900);
    none(disk, CDB(0x00));
    assert_good(disk);
}

static void an_attention_reaches_every_nexus_but_the_exempt_one(void **state)
{
    struct disk *disk = *state;

    scsi_unit_attention(&disk->unit, SCSI_UA_CLEARED, &disk->nexus[1]);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2f00);
    disk_run(disk, 1, &disk->unit, CDB(0x00), SCSI_NO_DATA, NULL, 0);
    assert_good(disk);
}

static void an_exempt_nexus_keeps_what_was_pending_before(void **state)
{
    struct disk *disk = *state;

    scsi_unit_attention(&disk->unit, SCSI_UA_MODE, NULL);
    scsi_unit_attention(&disk->unit, SCSI_UA_MODE, &disk->nexus[0]);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2a01);
    none(disk, CDB(0x00));
    assert_good(disk);
}

static void several_attentions_come_one_by_one_the_reset_first(void **state)
{
    struct disk *disk = *state;

    scsi_unit_attention(&disk->unit, SCSI_UA_CAPACITY, NULL);
    scsi_unit_attention(&disk->unit, SCSI_UA_RESET, NULL);
    scsi_unit_attention(&disk->unit, SCSI_UA_CAPACITY, NULL);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2902);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2a09);
    none(disk, CDB(0x00));
    assert_good(disk);
}

static void inquiry_and_report_luns_pass_an_attention_by(void **state)
{
    struct disk *disk = *state;

    scsi_unit_attention(&disk->unit, SCSI_UA_RESET, NULL);
    in(disk, CDB(0x12, 0, 0, 0, 36), 36);
    assert_length(disk, 36);
    in(disk, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16), 16);
    assert_length(disk, 16);
    in(disk, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 512);
    assert_sense(disk, 0x6, 0x2902);
}

static void an_unknown_command_meets_the_attention_first(void **state)
{
    struct disk *disk = *state;

    scsi_unit_attention(&disk->unit, SCSI_UA_RESET, NULL);
    none(disk, CDB(0x06));
    assert_sense(disk, 0x6, 0x2902);
    none(disk, CDB(0x06));
    assert_sense(disk, 0x5, 0x2000);
}

static void a_reset_restores_the_default_mode_parameters(void **state)
{
    struct disk *disk = *state;

    set_d_sense(disk, true);
    scsi_unit_attention(&disk->unit, SCSI_UA_LUN_RESET, NULL);
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2903);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fixed_sense_points_at_a_bad_cdb_field),
        TEST(descriptor_sense_points_at_a_bad_cdb_field),
        TEST(descriptor_sense_carries_64_bits_of_information),
        TEST(fixed_sense_leaves_out_information_over_32_bits),
        TEST(the_outcome_is_whole_where_sense_has_no_room),
        TEST(a_nexus_without_attentions_meets_none),
        TEST(request_sense_says_no_sense_when_there_is_none),
        TEST(request_sense_is_cut_to_the_allocation_length),
        TEST(request_sense_reports_and_clears_an_attention),
        TEST(a_new_nexus_hears_of_power_on_once),
        TEST(a_new_nexus_does_not_hear_of_older_attentions),
        TEST(an_attention_reaches_every_nexus_but_the_exempt_one),
        TEST(an_exempt_nexus_keeps_what_was_pending_before),
        TEST(several_attentions_come_one_by_one_the_reset_first),
        TEST(inquiry_and_report_luns_pass_an_attention_by),
        TEST(an_unknown_command_meets_the_attention_first),
        TEST(a_reset_restores_the_default_mode_parameters),
    };

    return cmocka_run_group_tests_name("sense", tests, NULL, NULL);
}
