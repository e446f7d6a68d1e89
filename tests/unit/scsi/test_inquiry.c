/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* INQUIRY: standard data and vital product data. */

#include "test.h"

static const uint8_t *vpd(struct disk *disk, uint8_t page)
{
    return in(disk, CDB(0x12, 0x01, page, 0x02, 0x00), 512);
}

static void standard_data_names_vendor_product_and_revision(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x12, 0, 0, 0, 255), 255);

    assert_length(disk, 96);
    assert_int_equal(reply[0], 0x00);
    assert_int_equal(reply[1], 0x00);
    assert_int_equal(reply[2], 0x06);
    assert_int_equal(reply[3], 0x12);
    assert_int_equal(reply[4], 91);
    assert_int_equal(reply[5], 0x00);
    assert_int_equal(reply[6], 0x00);
    assert_int_equal(reply[7], 0x02);
    assert_memory_equal(reply + 8, "WinSpd  Reference Disk  1.0 ", 28);
}

static void version_descriptors_include_the_ports(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x12, 0, 0, 0, 96), 96);

    assert_int_equal(be16_get(reply + 58), 0x00a0);
    assert_int_equal(be16_get(reply + 60), 0x0460);
    assert_int_equal(be16_get(reply + 62), 0x04c0);
    assert_int_equal(be16_get(reply + 64), 0x0960);
    assert_int_equal(be16_get(reply + 66), 0);
}

static void standard_data_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;

    for (unsigned length = 0; length < 97; length++) {
        const uint8_t *reply = in(disk, CDB(0x12, 0, 0, 0, length), 255);

        assert_length(disk, length < 96 ? length : 96);
        assert_int_equal(disk->task.residual, 255 - disk->task.moved_length);
        if (length > 4)
            assert_int_equal(reply[4], 91); /* what there is, not what was sent */
    }
}

static void a_reply_longer_than_the_initiator_takes_is_overflow(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x12, 0, 0, 0, 96), 36);
    assert_length(disk, 36);
    assert_true(disk->task.overflow);
    assert_int_equal(disk->task.residual, 60);
}

static void a_page_code_without_evpd_is_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x12, 0, 0x80, 0, 96), 96);
    assert_cdb_field(disk, 2, 7);
    in(disk, CDB(0x12, 0x02, 0, 0, 96), 96); /* CMDDT, obsolete */
    assert_cdb_field(disk, 1, 1);
}

static void an_unknown_vpd_page_is_refused(void **state)
{
    struct disk *disk = *state;

    vpd(disk, 0xb7);
    assert_cdb_field(disk, 2, 7);
}

static void page_00_lists_exactly_the_pages_that_answer(void **state)
{
    struct disk *disk = *state;
    bool listed[256] = { false };
    const uint8_t *reply = vpd(disk, 0x00);

    for (unsigned i = 0; i < be16_get(reply + 2); i++) {
        assert_true(i == 0 || reply[4 + i] > reply[3 + i]);
        listed[reply[4 + i]] = true;
    }
    for (unsigned page = 0; page < 256; page++) {
        reply = vpd(disk, (uint8_t)page);
        assert_int_equal(disk->task.status == SCSI_GOOD, listed[page]);
        if (!listed[page])
            continue;
        assert_int_equal(reply[1], page);
        assert_int_equal(disk->task.moved_length, 4 + be16_get(reply + 2));
    }
}

static void every_vpd_page_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;
    static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2 };

    for (unsigned i = 0; i < COUNT(pages); i++) {
        in(disk, CDB(0x12, 0x01, pages[i], 0, 5), 512);
        assert_length(disk, 5);
    }
}

static void the_serial_number_is_the_guid(void **state)
{
    struct disk *disk = *state;

    assert_memory_equal(vpd(disk, 0x80) + 4, "8a1b2c3d-4e5f-4a6b-9c7d-102132435465", 36);
    assert_length(disk, 40);
}

/* The NAA designator, by which systems name a disk. */
static const uint8_t *naa_of(struct disk *disk, uint8_t length)
{
    const uint8_t header[4] = { 0x01, 0x03, 0x00, length };

    assert_memory_equal(vpd(disk, 0x83) + 4, header, sizeof header);
    return disk_reply(disk) + 8;
}

/* The values are those that sha256sum gives for the 16 bytes. */
static void the_first_designator_is_a_digest_of_the_guid(void **state)
{
    static const struct { uint8_t guid; uint8_t naa[8]; } rows[] = {
        { 0x11, { 0x3b, 0x8f, 0x12, 0xea, 0x8c, 0x9a, 0x95, 0xd4 } },
        { 0x22, { 0x33, 0xdc, 0x30, 0xfb, 0xac, 0x84, 0x17, 0xf7 } },
    };
    struct scsi_unit_params params = disk_params();

    for (unsigned i = 0; i < COUNT(rows); i++) {
        memset(params.guid, rows[i].guid, sizeof params.guid);
        assert_memory_equal(naa_of(reopen(state, &params), 8), rows[i].naa, 8);
    }
}

/* Every bit of a GUID may be all that tells two disks apart. */
static void the_first_designator_depends_on_every_bit_of_the_guid_and_on_nothing_else(void **state)
{
    struct scsi_unit_params params = disk_params();
    uint8_t naa[8];

    memcpy(naa, naa_of(*state, 8), sizeof naa);
    params.product_revision[0] = '2';
    assert_memory_equal(naa_of(reopen(state, &params), 8), naa, sizeof naa);
    for (unsigned bit = 0; bit < 128; bit++) {
        params.guid[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_memory_not_equal(naa_of(reopen(state, &params), 8), naa, sizeof naa);
        params.guid[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_wwn_that_is_given_is_the_first_designator(void **state)
{
    static const uint8_t wwn[16] = { 0x65, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    struct scsi_unit_params params = disk_params();

    params.wwn_length = 16;
    memcpy(params.wwn, wwn, 16);
    assert_memory_equal(naa_of(reopen(state, &params), 16), wwn, 16);
    params.wwn_length = 8;
    memset(params.wwn + 8, 0, 8);
    params.wwn[0] = 0x55;
    assert_memory_equal(naa_of(reopen(state, &params), 8), params.wwn, 8);
}

static void the_ports_designators_come_last(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = vpd(disk, 0x83);
    uint64_t length = disk->task.moved_length;

    assert_memory_equal(reply + length - disk->port.designators_length, disk->port.designators,
        disk->port.designators_length);
    disk->nexus[0].port = NULL;
    vpd(disk, 0x83);
    assert_length(disk, length - disk->port.designators_length);
}

static void block_limits_follow_the_parameters(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;
    const uint8_t *reply = vpd(disk, 0xb0);

    assert_length(disk, 64);
    assert_int_equal(reply[5], 128);             /* COMPARE AND WRITE */
    assert_int_equal(be16_get(reply + 6), 8);    /* 4 KiB */
    assert_int_equal(be32_get(reply + 8), 2048); /* 1 MiB */
    assert_int_equal(be32_get(reply + 12), 128); /* 64 KiB */
    assert_int_equal(be32_get(reply + 20), UINT32_MAX);
    assert_int_equal(be32_get(reply + 24), 16);
    assert_int_equal(be32_get(reply + 28), 8);
    assert_int_equal(be32_get(reply + 32), 0x80000000);
    params.max_unmap_blocks = 1000;
    disk = reopen(state, &params);
    reply = vpd(disk, 0xb0);
    assert_int_equal(be32_get(reply + 20), 1000);
    assert_int_equal(be64_get(reply + 36), 1000); /* WRITE SAME unmaps, too */
    params.unmap_zeros = false;
    disk = reopen(state, &params);
    reply = vpd(disk, 0xb0);
    assert_int_equal(be32_get(reply + 20), 1000);
    assert_int_equal(be64_get(reply + 36), 2048);
    params.unmap = false;
    params.max_command_length = 0;
    disk = reopen(state, &params);
    reply = vpd(disk, 0xb0);
    assert_int_equal(be32_get(reply + 8), 0);
    for (unsigned i = 20; i < 36; i++)
        assert_int_equal(reply[i], 0);
}

static void provisioning_is_thin_only_with_unmap(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;
    const uint8_t *reply = vpd(disk, 0xb2);

    assert_length(disk, 8);
    assert_int_equal(reply[5], 0xe4);
    assert_int_equal(reply[6], 0x02);
    params.unmap_zeros = false;
    disk = reopen(state, &params);
    reply = vpd(disk, 0xb2);
    assert_int_equal(reply[5], 0x80); /* LBPU, and nothing of zeros */
    assert_int_equal(reply[6], 0x02);
    params.unmap = false;
    disk = reopen(state, &params);
    reply = vpd(disk, 0xb2);
    assert_int_equal(reply[5], 0);
    assert_int_equal(reply[6], 0);
}

static void a_volatile_cache_is_claimed_only_where_there_is_one(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    assert_int_equal(vpd(disk, 0x86)[6], 0x01);
    params.cache = false;
    disk = reopen(state, &params);
    assert_int_equal(vpd(disk, 0x86)[6], 0x00);
}

/* SPC-4 6.6.2, 7.8.6.4 */
static void a_vendor_that_is_given_is_in_the_data_and_in_the_designator(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    const uint8_t *page;
    unsigned found = 0;

    memcpy(params.vendor_id, "ACME    ", 8);
    disk = reopen(state, &params);
    assert_memory_equal(in(disk, CDB(0x12, 0, 0, 0, 96), 96) + 8, "ACME    Reference Disk  ", 24);
    page = vpd(disk, 0x83);
    for (unsigned at = 4; at < 4u + be16_get(page + 2); at += 4u + page[at + 3])
        if ((page[at + 1] & 0x3f) == 0x01)
            found += !memcmp(page + at + 4, "ACME    Reference Disk  ", 24);
    assert_int_equal(found, 1);
}

/* SBC-3 6.6.2 */
static void the_medium_rotates_only_if_a_rate_is_given(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    assert_int_equal(be16_get(vpd(disk, 0xb1) + 4), 1);
    params.rotation_rate = 7200;
    disk = reopen(state, &params);
    assert_int_equal(be16_get(vpd(disk, 0xb1) + 4), 7200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(standard_data_names_vendor_product_and_revision),
        TEST(version_descriptors_include_the_ports),
        TEST(standard_data_is_cut_to_the_allocation_length),
        TEST(a_reply_longer_than_the_initiator_takes_is_overflow),
        TEST(a_page_code_without_evpd_is_refused),
        TEST(an_unknown_vpd_page_is_refused),
        TEST(page_00_lists_exactly_the_pages_that_answer),
        TEST(every_vpd_page_is_cut_to_the_allocation_length),
        TEST(the_serial_number_is_the_guid),
        TEST(the_first_designator_is_a_digest_of_the_guid),
        TEST(the_first_designator_depends_on_every_bit_of_the_guid_and_on_nothing_else),
        TEST(a_wwn_that_is_given_is_the_first_designator),
        TEST(the_ports_designators_come_last),
        TEST(block_limits_follow_the_parameters),
        TEST(provisioning_is_thin_only_with_unmap),
        TEST(a_vendor_that_is_given_is_in_the_data_and_in_the_designator),
        TEST(the_medium_rotates_only_if_a_rate_is_given),
        TEST(a_volatile_cache_is_claimed_only_where_there_is_one),
    };

    return cmocka_run_group_tests_name("inquiry", tests, NULL, NULL);
}
