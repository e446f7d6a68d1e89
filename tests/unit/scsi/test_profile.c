/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The profile of the original WinSpd: golden files that its programs rely on, and what stays as in
 * the modern profile. The fixture sets all that a program could set besides the profile. */

#include "test.h"
#include "pages.h"

static const uint8_t process[] = { 0x01, 0x00, 0x00, 0x08, 'P', 'I', 'D', ' ', 0x12, 0x34, 0x56,
    0x78 };

static struct scsi_unit_params original_params(void)
{
    struct scsi_unit_params params = disk_params();

    params.profile = SCSI_PROFILE_WINSPD;
    params.max_command_length = 0;
    params.max_unmap_ranges = 0;
    params.wwn_length = 8;
    memcpy(params.wwn, "\x50\x01\x02\x03\x04\x05\x06\x07", 8);
    return params;
}

/* The driver's designators in the place of the fixture's. */
static struct disk *reopen_original(void **state, const struct scsi_unit_params *params)
{
    struct disk *disk = reopen(state, params);

    disk->port.designators = process;
    disk->port.designators_length = sizeof process;
    return disk;
}

static int open_original(void **state)
{
    struct scsi_unit_params params = original_params();

    if (open_reference(state))
        return -1;
    reopen_original(state, &params);
    return 0;
}

static const uint8_t *vpd(struct disk *disk, uint8_t page)
{
    return in(disk, CDB(0x12, 0x01, page, 0x02, 0x00), 512);
}

static const struct field listed[] = { VPD_HEADER, BYTES(4, 5, "supported pages") };

static const struct page vpd_pages[] = {
    { "winspd-vpd-00", 0x00, 0, FIELDS(listed) },
    { "winspd-vpd-80", 0x80, 0, FIELDS(vpd_80) },
    { "winspd-vpd-b0", 0xb0, 0, FIELDS(vpd_b0) },
    { "winspd-vpd-b2", 0xb2, 0, FIELDS(vpd_b2) },
};

static void vital_product_data(void **state)
{
    static const char *const titles[] = { "with unmap\n", "\nwithout unmap\n" };

    for (unsigned i = 0; i < COUNT(vpd_pages); i++) {
        const struct page *page = &vpd_pages[i];
        FILE *text = golden_begin();

        for (unsigned without = 0; without < 2; without++) {
            struct scsi_unit_params params = original_params();
            struct disk *disk;
            const uint8_t *reply;

            if (without)
                params.unmap = params.unmap_zeros = false;
            disk = reopen_original(state, &params);
            reply = vpd(disk, page->code);
            assert_good(disk);
            fputs(titles[without], text);
            golden_fields(text, reply, disk->task.moved_length, page->fields, page->count);
        }
        golden_compare(page->name);
    }
}

static void device_identification(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = vpd(disk, 0x83);

    golden_designators(golden_begin(), reply, disk->task.moved_length);
    golden_compare("winspd-vpd-83");
}

/* MODE SENSE of 6 or 10 bytes. */
struct form {
    const char *name;
    uint8_t opcode;
    uint8_t length_at; /* ALLOCATION LENGTH, its last byte */
    uint8_t header;
    const struct field *fields;
    size_t count;
};

static const struct form forms[] = {
    { "winspd-mode-6", 0x1a, 4, 4, FIELDS(mode_header_6) },
    { "winspd-mode-10", 0x5a, 8, 8, FIELDS(mode_header_10) },
};

static const uint8_t *mode_sense(struct disk *disk, const struct form *form, uint8_t page)
{
    uint8_t cdb[16] = { form->opcode, 0, page };

    cdb[form->length_at] = 255;
    return in(disk, cdb, 255);
}

static void print_mode_page(FILE *text, const uint8_t *page)
{
    bool caching = (page[0] & 0x3f) == 0x08;

    golden_fields(text, page, page[1] + 2u, caching ? mode_08 : mode_0a,
        caching ? COUNT(mode_08) : COUNT(mode_0a));
}

/* As the original's own test has them: write protection and cache are 0 and 0, 0 and 1, 1 and 0. */
static void print_mode_data(FILE *text, void **state, const struct form *form, uint8_t page)
{
    static const struct { bool write_protected, cache; } rows[] = { { 0, 0 }, { 0, 1 }, { 1, 0 } };

    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct scsi_unit_params params = original_params();
        struct disk *disk;
        const uint8_t *reply;

        params.write_protected = rows[i].write_protected;
        params.cache = rows[i].cache;
        disk = reopen_original(state, &params);
        reply = mode_sense(disk, form, page);
        assert_good(disk);
        fprintf(text, "%swrite-protected %d, cache %d\n", i ? "\n" : "", rows[i].write_protected,
            rows[i].cache);
        golden_fields(text, reply, form->header, form->fields, form->count);
        for (uint64_t at = form->header; at < disk->task.moved_length; at += 2 + reply[at + 1]) {
            fprintf(text, "mode page at byte %u\n", (unsigned)at);
            print_mode_page(text, reply + at);
        }
    }
}

static void mode_parameters(void **state)
{
    static const uint8_t pages[] = { 0x08, 0x3f };
    char name[64];

    for (unsigned i = 0; i < COUNT(forms); i++) {
        for (unsigned p = 0; p < COUNT(pages); p++) {
            print_mode_data(golden_begin(), state, &forms[i], pages[p]);
            snprintf(name, sizeof name, "%s-%02x", forms[i].name, pages[p]);
            golden_compare(name);
        }
    }
}

static void page_00_lists_exactly_the_pages_that_answer(void **state)
{
    struct disk *disk = *state;
    bool is_listed[256] = { false };
    const uint8_t *reply = vpd(disk, 0x00);

    for (unsigned i = 0; i < be16_get(reply + 2); i++)
        is_listed[reply[4 + i]] = true;
    for (unsigned page = 0; page < 256; page++) {
        reply = vpd(disk, (uint8_t)page);
        if (is_listed[page])
            assert_int_equal(reply[1], page);
        else
            assert_cdb_field(disk, 2, 7);
    }
}

static void other_mode_pages_are_refused(void **state)
{
    static const uint8_t absent[] = { 0x00, 0x01, 0x02, 0x1c };
    uint8_t list[4 + 12] = { [4] = 0x1c, 0x0a, 0x08 };
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(absent); i++) {
        mode_sense(disk, &forms[0], absent[i]);
        assert_cdb_field(disk, 2, 5);
    }
    out(disk, CDB(0x15, 0x10, 0, 0, sizeof list), list, sizeof list);
    assert_field(disk, false, 4, 5);
}

/* Neither DBD nor LLBAA makes a difference. */
static void no_flag_brings_a_block_descriptor(void **state)
{
    struct disk *disk = *state;

    for (unsigned flags = 0; flags < 0x20; flags += 8) {
        const uint8_t *reply = in(disk, CDB(0x5a, flags, 0x08, 0, 0, 0, 0, 0, 255), 255);

        assert_length(disk, 8 + 20);
        assert_int_equal(reply[4], 0);
        assert_int_equal(be16_get(reply + 6), 0);
        assert_int_equal(reply[8], 0x08);
    }
}

/* Known weaknesses 1, 2, 8 and 9 of the original stay fixed. */
static void replies_are_cut_and_page_control_is_heeded(void **state)
{
    uint8_t list[4 + 12] = { [4] = 0x0a, 0x0a, 0x00, 0x10, 0x08 };
    struct disk *disk = *state;

    for (uint8_t length = 0; length < 84; length++) {
        in(disk, CDB(0x12, 0x01, 0x83, 0, length), 255);
        assert_length(disk, length);
    }
    assert_int_equal(in(disk, CDB(0x1a, 0, 0x3f, 0, 5), 255)[0], 4 + 20 + 12 - 1);
    assert_length(disk, 5);
    assert_int_equal(mode_sense(disk, &forms[0], 0x48)[4 + 2], 0x04);
    mode_sense(disk, &forms[0], 0xc8);
    assert_sense(disk, 0x5, 0x3900);
    out(disk, CDB(0x15, 0x10, 0, 0, sizeof list), list, sizeof list);
    assert_good(disk);
    assert_int_equal(mode_sense(disk, &forms[0], 0x0a)[2], 0x90); /* SWP shows as WP */
}

static void what_mode_sense_returned_can_be_selected(void **state)
{
    struct disk *disk = *state;
    uint8_t list[4 + 20 + 12];

    memcpy(list, mode_sense(disk, &forms[0], 0x3f), sizeof list);
    assert_length(disk, sizeof list);
    out(disk, CDB(0x15, 0x10, 0, 0, sizeof list), list, sizeof list);
    assert_good(disk);
}

/* A promise of zeros is not passed on. The size of a physical block is. */
static void zeros_are_promised_to_nobody(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x9e, 0x10, [13] = 32), 32);
    uint8_t zeros[512] = { 0 };

    assert_length(disk, 32);
    assert_int_equal(reply[13], 3);
    assert_int_equal(reply[14], 0x80);
    out(disk, CDB(0x93, 0x08, B64(0), B32(8)), zeros, sizeof zeros);
    assert_cdb_field(disk, 1, 3);
    assert_int_equal(in(disk, CDB(0xa3, 0x0c, 1, 0x93, 0, 0, B32(64)), 64)[4 + 1] & 0x08, 0);
}

static void commands_longer_than_the_maximum_are_cut(void **state)
{
    static const uint32_t pieces[] = { 128, 128, 44 };
    struct disk *disk = *state;

    assert_int_equal(be32_get(vpd(disk, 0xb0) + 8), 128);
    write_blocks(disk, 7, 300, 0x5a);
    for (unsigned write = 2; write-- > 0;) {
        assert_int_equal(disk->log_count, COUNT(pieces));
        for (unsigned i = 0; i < COUNT(pieces); i++) {
            assert_int_equal(disk->log[i].step, write ? SCSI_WRITE : SCSI_READ);
            assert_int_equal(disk->log[i].op.lba, 7 + 128 * i);
            assert_int_equal(disk->log[i].op.blocks, pieces[i]);
        }
        in(disk, CDB(0x88, 0, B64(7), B32(300)), 300 * 512);
        assert_length(disk, 300 * 512);
    }
    assert_true(medium_is(disk, 7, 300, 0x5a));
}

/* UNMAP of so many ranges of one block each; the sense when it is refused. */
static void unmap_ranges(struct disk *disk, uint32_t count)
{
    static uint8_t list[8 + 16 * SCSI_UNMAP_RANGES_LIMIT];
    uint16_t length = (uint16_t)(8 + 16 * count);

    memset(list, 0, sizeof list);
    be16_put(list, (uint16_t)(length - 2));
    be16_put(list + 2, (uint16_t)(length - 8));
    for (uint32_t i = 0; i < count; i++) {
        be64_put(list + 8 + 16 * i, 2 * i);
        be32_put(list + 8 + 16 * i + 8, 1);
    }
    out(disk, CDB(0x42, 0, 0, 0, 0, 0, 0, B16(length)), list, length);
}

/* The original passes a list on as one request, as long as the program's buffer has room. */
static void a_list_of_ranges_is_as_long_as_a_transfer(void **state)
{
    struct scsi_unit_params params = original_params();
    struct disk *disk = *state;

    assert_int_equal(be32_get(vpd(disk, 0xb0) + 24), 4096);
    unmap_ranges(disk, SCSI_UNMAP_RANGES_LIMIT);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].op.range_count, SCSI_UNMAP_RANGES_LIMIT);
    params.max_transfer_length = 8192;
    disk = reopen(state, &params);
    assert_int_equal(be32_get(vpd(disk, 0xb0) + 24), 512);
    unmap_ranges(disk, 512);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    unmap_ranges(disk, 513);
    assert_field(disk, false, 2, 8);
}

int main(void)
{
#define ORIGINAL(name) cmocka_unit_test_setup_teardown(name, open_original, close_disk)
    const struct CMUnitTest tests[] = {
        ORIGINAL(vital_product_data),
        ORIGINAL(device_identification),
        ORIGINAL(mode_parameters),
        ORIGINAL(page_00_lists_exactly_the_pages_that_answer),
        ORIGINAL(other_mode_pages_are_refused),
        ORIGINAL(no_flag_brings_a_block_descriptor),
        ORIGINAL(replies_are_cut_and_page_control_is_heeded),
        ORIGINAL(what_mode_sense_returned_can_be_selected),
        ORIGINAL(zeros_are_promised_to_nobody),
        ORIGINAL(commands_longer_than_the_maximum_are_cut),
        ORIGINAL(a_list_of_ranges_is_as_long_as_a_transfer),
    };

    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
