/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* MODE SENSE and MODE SELECT. */

#include "test.h"

static const uint8_t *sense6(struct disk *disk, uint8_t flags, uint8_t page, uint8_t subpage)
{
    return in(disk, CDB(0x1a, flags, page, subpage, 255), 255);
}

static void select6(struct disk *disk, const uint8_t *list, uint8_t length)
{
    out(disk, CDB(0x15, 0x10, 0, 0, length), list, length);
}

/* Header and caching page of MODE SELECT(6), with byte 2 of the page as given. */
static void select_caching(struct disk *disk, uint8_t flags)
{
    uint8_t list[4 + 20] = { 0, 0, 0, 0, 0x08, 0x12, flags };

    select6(disk, list, sizeof list);
}

static void select_control(struct disk *disk, uint8_t byte2, uint8_t byte4)
{
    uint8_t list[4 + 12] = { 0, 0, 0, 0, 0x0a, 0x0a, byte2, 0x10, byte4 };

    select6(disk, list, sizeof list);
}

static void the_short_header_has_a_short_block_descriptor(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = sense6(disk, 0x00, 0x08, 0);

    assert_length(disk, 4 + 8 + 20);
    assert_int_equal(reply[0], disk->task.moved_length - 1);
    assert_int_equal(reply[1], 0);
    assert_int_equal(reply[2], 0x10);
    assert_int_equal(reply[3], 8);
    assert_int_equal(be32_get(reply + 4), 16384);
    assert_int_equal(be32_get(reply + 8), 512);
    assert_int_equal(reply[12], 0x08);
}

static void dbd_leaves_the_block_descriptor_out(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = sense6(disk, 0x08, 0x08, 0);

    assert_length(disk, 4 + 20);
    assert_int_equal(reply[3], 0);
    assert_int_equal(reply[4], 0x08);
}

static void the_long_header_may_have_a_long_block_descriptor(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    const uint8_t *reply;

    params.block_count = UINT64_C(0x123456789a);
    disk = reopen(state, &params);
    reply = in(disk, CDB(0x5a, 0x10, 0x08, 0, 0, 0, 0, B16(512)), 512);
    assert_length(disk, 8 + 16 + 20);
    assert_int_equal(be16_get(reply), disk->task.moved_length - 2);
    assert_int_equal(reply[3], 0x10);
    assert_int_equal(reply[4], 0x01);
    assert_int_equal(be16_get(reply + 6), 16);
    assert_int_equal(be64_get(reply + 8), UINT64_C(0x123456789a));
    assert_int_equal(be32_get(reply + 20), 512);
    reply = in(disk, CDB(0x5a, 0x00, 0x08, 0, 0, 0, 0, B16(512)), 512);
    assert_length(disk, 8 + 8 + 20);
    assert_int_equal(reply[4], 0);
    assert_int_equal(be16_get(reply + 6), 8);
    assert_int_equal(be32_get(reply + 8), UINT32_MAX); /* too many for the short form */
}

static void all_pages_come_in_ascending_order(void **state)
{
    struct disk *disk = *state;
    static const uint8_t expected[] = { 0x01, 0x08, 0x0a, 0x1c };
    static const uint8_t subpages[] = { 0x00, 0xff };

    for (unsigned s = 0; s < COUNT(subpages); s++) {
        const uint8_t *reply = sense6(disk, 0x08, 0x3f, subpages[s]);
        uint64_t at = 4;

        for (unsigned i = 0; i < COUNT(expected); i++, at += 2 + reply[at + 1])
            assert_int_equal(reply[at], expected[i]);
        assert_length(disk, at);
    }
}

static void changeable_values_are_what_mode_select_accepts(void **state)
{
    struct disk *disk = *state;
    const uint8_t *page = sense6(disk, 0x08, 0x40 | 0x08, 0) + 4;

    for (unsigned i = 2; i < 20; i++)
        assert_int_equal(page[i], i == 2 ? 0x04 : 0);
    page = sense6(disk, 0x08, 0x40 | 0x0a, 0) + 4;
    for (unsigned i = 2; i < 12; i++)
        assert_int_equal(page[i], i == 2 ? 0x04 : i == 4 ? 0x08 : 0);
}

static void default_values_do_not_follow_changes(void **state)
{
    struct disk *disk = *state;

    select_caching(disk, 0x00);
    assert_good(disk);
    assert_int_equal(sense6(disk, 0x08, 0x08, 0)[4 + 2], 0x00);
    assert_int_equal(sense6(disk, 0x08, 0x88, 0)[4 + 2], 0x04);
}

static void saved_values_are_refused(void **state)
{
    struct disk *disk = *state;

    sense6(disk, 0x08, 0xc8, 0);
    assert_sense(disk, 0x5, 0x3900);
    in(disk, CDB(0x5a, 0x08, 0xff, 0, 0, 0, 0, B16(512)), 512);
    assert_sense(disk, 0x5, 0x3900);
}

static void unknown_pages_and_subpages_are_refused(void **state)
{
    struct disk *disk = *state;

    sense6(disk, 0x08, 0x02, 0);
    assert_cdb_field(disk, 2, 5);
    sense6(disk, 0x08, 0x00, 0);
    assert_cdb_field(disk, 2, 5);
    sense6(disk, 0x08, 0x08, 0x01);
    assert_cdb_field(disk, 3, 7);
    sense6(disk, 0x88, 0x08, 0);
    assert_cdb_field(disk, 1, 7);
}

static void mode_sense_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;

    assert_int_equal(in(disk, CDB(0x1a, 0, 0x3f, 0, 4), 255)[0], 4 + 8 + 56 - 1);
    assert_length(disk, 4);
    in(disk, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, B16(10)), 255);
    assert_length(disk, 10);
}

static void a_unit_without_cache_says_so_and_cannot_have_one(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.cache = false;
    disk = reopen(state, &params);
    assert_int_equal(sense6(disk, 0x08, 0x08, 0)[4 + 2], 0x01);
    assert_int_equal(sense6(disk, 0x08, 0x48, 0)[4 + 2], 0x00);
    select_caching(disk, 0x05);
    assert_field(disk, false, 4 + 2, 2);
}

static void write_protection_shows_in_the_header(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.write_protected = true;
    disk = reopen(state, &params);
    assert_int_equal(sense6(disk, 0x08, 0x08, 0)[2], 0x90);
    assert_int_equal(in(disk, CDB(0x5a, 0x08, 0x08, 0, 0, 0, 0, B16(512)), 512)[3], 0x90);
}

static void switching_the_write_cache_off_flushes_and_makes_writes_durable(void **state)
{
    struct disk *disk = *state;

    select_caching(disk, 0x00);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_FLUSH);
    assert_int_equal(disk->log[0].op.blocks, 0);
    write_blocks(disk, 0, 1, 1);
    assert_true(disk->log[0].op.fua);
    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 512);
    assert_false(disk->log[0].op.fua);
    select_caching(disk, 0x04);
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
    write_blocks(disk, 0, 1, 1);
    assert_false(disk->log[0].op.fua);
}

static void software_write_protection_stops_writes(void **state)
{
    struct disk *disk = *state;
    uint8_t data[512] = { 0 };

    select_control(disk, 0x00, 0x08);
    assert_good(disk);
    out(disk, CDB(0x2a, 0, B32(0), 0, B16(1)), data, 512);
    assert_sense(disk, 0x7, 0x2702);
    assert_int_equal(sense6(disk, 0x08, 0x08, 0)[2], 0x90);
    in(disk, CDB(0x28, 0, B32(0), 0, B16(1)), 512);
    assert_good(disk);
    select_control(disk, 0x00, 0x00);
    out(disk, CDB(0x2a, 0, B32(0), 0, B16(1)), data, 512);
    assert_good(disk);
}

static void a_change_is_announced_to_the_other_nexuses(void **state)
{
    struct disk *disk = *state;

    select_control(disk, 0x04, 0x00);
    assert_good(disk);
    none(disk, CDB(0x00));
    assert_good(disk);
    disk_run(disk, 1, &disk->unit, CDB(0x03, 0, 0, 0, 18), SCSI_DATA_IN, NULL, 18);
    assert_int_equal(be16_get(disk_reply(disk) + 12), 0x2a01);
}

static void selecting_what_is_already_so_is_not_announced(void **state)
{
    struct disk *disk = *state;

    select_caching(disk, 0x04);
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
    disk_run(disk, 1, &disk->unit, CDB(0x00), SCSI_NO_DATA, NULL, 0);
    assert_good(disk);
}

static void what_mode_sense_returned_can_be_selected(void **state)
{
    struct disk *disk = *state;
    uint8_t list[512];
    uint16_t length;

    memcpy(list, in(disk, CDB(0x5a, 0x10, 0x3f, 0, 0, 0, 0, B16(512)), 512), 8 + 16 + 56);
    length = (uint16_t)disk->task.moved_length;
    out(disk, CDB(0x55, 0x10, 0, 0, 0, 0, 0, B16(length)), list, length);
    assert_good(disk);
    memcpy(list, sense6(disk, 0x00, 0x3f, 0), 4 + 8 + 56);
    length = (uint16_t)disk->task.moved_length;
    select6(disk, list, (uint8_t)length);
    assert_good(disk);
}

static void a_bit_that_cannot_change_is_pointed_at(void **state)
{
    struct disk *disk = *state;

    select_caching(disk, 0x04 | 0x20);
    assert_field(disk, false, 4 + 2, 5);
    select_caching(disk, 0x05);
    assert_field(disk, false, 4 + 2, 0);
    assert_int_equal(sense6(disk, 0x08, 0x08, 0)[4 + 2], 0x04);
}

static void one_bad_page_changes_nothing_of_the_others(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4 + 20 + 12] = { [4] = 0x08, 0x12, 0x00, [24] = 0x0a, 0x0a, 0x00, 0x20 };

    select6(disk, list, sizeof list);
    assert_field(disk, false, 24 + 3, 5);
    assert_int_equal(sense6(disk, 0x08, 0x08, 0)[4 + 2], 0x04);
}

static void of_a_page_given_twice_the_last_counts(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4 + 12 + 12] = { [4] = 0x0a, 0x0a, 0x04, 0x10, [16] = 0x0a, 0x0a, 0x00, 0x10 };

    select6(disk, list, sizeof list);
    assert_good(disk);
    assert_int_equal(sense6(disk, 0x08, 0x0a, 0)[4 + 2], 0x00);
}

static void a_page_with_a_wrong_length_is_refused(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4 + 20] = { [4] = 0x08, 0x0a, 0x04 };

    select6(disk, list, sizeof list);
    assert_field(disk, false, 5, 4);
}

static void unknown_pages_in_the_list_are_refused(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4 + 12] = { [4] = 0x1a, 0x0a };

    select6(disk, list, sizeof list);
    assert_field(disk, false, 4, 5);
    list[4] = 0x40 | 0x0a;
    select6(disk, list, sizeof list);
    assert_field(disk, false, 4, 6);
}

static void a_list_that_is_cut_short_is_refused(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4 + 8 + 20] = { 0, 0, 0, 8, B32(16384), B32(512), 0x08, 0x12, 0x00 };

    for (uint8_t length = 1; length < sizeof list; length++) {
        select6(disk, list, length);
        if (length == 4 + 8)
            assert_good(disk);
        else
            assert_sense(disk, 0x5, 0x1a00);
    }
    select6(disk, list, sizeof list);
    assert_good(disk);
}

static void an_empty_list_is_good(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x15, 0x10));
    assert_good(disk);
    none(disk, CDB(0x55, 0x10));
    assert_good(disk);
}

static void the_block_descriptor_must_be_the_present_format(void **state)
{
    struct disk *disk = *state;
    uint8_t list[12] = { 0, 0, 0, 8, B32(0), B32(512) };

    select6(disk, list, sizeof list);
    assert_good(disk);
    be32_put(list + 4, 100);
    select6(disk, list, sizeof list);
    assert_field(disk, false, 4, 8);
    be32_put(list + 4, UINT32_MAX);
    be32_put(list + 8, 4096);
    select6(disk, list, sizeof list);
    assert_field(disk, false, 4 + 5, 8);
    list[3] = 7;
    select6(disk, list, sizeof list);
    assert_field(disk, false, 3, 8);
}

static void saving_and_vendor_formats_are_refused(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4] = { 0 };

    out(disk, CDB(0x15, 0x11, 0, 0, 4), list, 4);
    assert_cdb_field(disk, 1, 0);
    out(disk, CDB(0x15, 0x00, 0, 0, 4), list, 4);
    assert_cdb_field(disk, 1, 4);
    out(disk, CDB(0x55, 0x00, 0, 0, 0, 0, 0, 0, 4), list, 4);
    assert_cdb_field(disk, 1, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_short_header_has_a_short_block_descriptor),
        TEST(dbd_leaves_the_block_descriptor_out),
        TEST(the_long_header_may_have_a_long_block_descriptor),
        TEST(all_pages_come_in_ascending_order),
        TEST(changeable_values_are_what_mode_select_accepts),
        TEST(default_values_do_not_follow_changes),
        TEST(saved_values_are_refused),
        TEST(unknown_pages_and_subpages_are_refused),
        TEST(mode_sense_is_cut_to_the_allocation_length),
        TEST(a_unit_without_cache_says_so_and_cannot_have_one),
        TEST(write_protection_shows_in_the_header),
        TEST(switching_the_write_cache_off_flushes_and_makes_writes_durable),
        TEST(software_write_protection_stops_writes),
        TEST(a_change_is_announced_to_the_other_nexuses),
        TEST(selecting_what_is_already_so_is_not_announced),
        TEST(what_mode_sense_returned_can_be_selected),
        TEST(a_bit_that_cannot_change_is_pointed_at),
        TEST(one_bad_page_changes_nothing_of_the_others),
        TEST(of_a_page_given_twice_the_last_counts),
        TEST(a_page_with_a_wrong_length_is_refused),
        TEST(unknown_pages_in_the_list_are_refused),
        TEST(a_list_that_is_cut_short_is_refused),
        TEST(an_empty_list_is_good),
        TEST(the_block_descriptor_must_be_the_present_format),
        TEST(saving_and_vendor_formats_are_refused),
    };

    return cmocka_run_group_tests_name("mode", tests, NULL, NULL);
}
