/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Parameters, names, LUNs, capacity, READ CAPACITY. */

#include "test.h"

/* A change of good parameters, and the answer to it. */
#define ASSERT_CHECK(change, answer) \
    do { \
        params = disk_params(); \
        params.change; \
        assert_int_equal(scsi_unit_check(&params), answer); \
    } while (0)

static void every_bad_parameter_has_its_own_error(void **state)
{
    struct scsi_unit_params params;

    (void)state;
    ASSERT_CHECK(block_count = 0, SCSI_PARAM_BLOCK_COUNT);
    ASSERT_CHECK(block_count = (UINT64_C(1) << 54) + 1, SCSI_PARAM_BLOCK_COUNT);
    ASSERT_CHECK(block_count = UINT64_C(1) << 54, SCSI_PARAM_OK);
    ASSERT_CHECK(block_length = 0, SCSI_PARAM_BLOCK_LENGTH);
    ASSERT_CHECK(block_length = 256, SCSI_PARAM_BLOCK_LENGTH);
    ASSERT_CHECK(block_length = 520, SCSI_PARAM_BLOCK_LENGTH);
    ASSERT_CHECK(block_length = 131072, SCSI_PARAM_BLOCK_LENGTH);
    ASSERT_CHECK(physical_block_length = 256, SCSI_PARAM_PHYSICAL_BLOCK_LENGTH);
    ASSERT_CHECK(physical_block_length = 3072, SCSI_PARAM_PHYSICAL_BLOCK_LENGTH);
    ASSERT_CHECK(physical_block_length = 1 << 25, SCSI_PARAM_PHYSICAL_BLOCK_LENGTH);
    ASSERT_CHECK(max_transfer_length = 0, SCSI_PARAM_TRANSFER_LENGTH);
    ASSERT_CHECK(max_transfer_length = 1000, SCSI_PARAM_TRANSFER_LENGTH);
    ASSERT_CHECK(max_command_length = 511, SCSI_PARAM_TRANSFER_LENGTH);
    ASSERT_CHECK(max_unmap_ranges = 257, SCSI_PARAM_UNMAP);
    ASSERT_CHECK(max_unmap_blocks = 7, SCSI_PARAM_UNMAP);
    ASSERT_CHECK(max_unmap_blocks = 8, SCSI_PARAM_OK);
    ASSERT_CHECK(unmap = false, SCSI_PARAM_UNMAP);
    ASSERT_CHECK(unmap_zeros = false, SCSI_PARAM_OK);
    ASSERT_CHECK(product_id[3] = '\n', SCSI_PARAM_TEXT);
    ASSERT_CHECK(product_revision[0] = (char)0xe9, SCSI_PARAM_TEXT);
    ASSERT_CHECK(vendor_id[0] = 'A', SCSI_PARAM_TEXT); /* without the spaces behind it */
    ASSERT_CHECK(rotation_rate = 0x0002, SCSI_PARAM_ROTATION);
    ASSERT_CHECK(rotation_rate = 0x0400, SCSI_PARAM_ROTATION);
    ASSERT_CHECK(rotation_rate = 0x0401, SCSI_PARAM_OK);
    ASSERT_CHECK(rotation_rate = 0xfffe, SCSI_PARAM_OK);
    ASSERT_CHECK(rotation_rate = 0xffff, SCSI_PARAM_ROTATION);
    params = disk_params();
    memset(params.guid, 0, 16);
    assert_int_equal(scsi_unit_check(&params), SCSI_PARAM_GUID);
}

/* SPC-4 7.8.6.6 */
static void a_wwn_has_the_length_of_its_naa(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    for (unsigned length = 0; length <= 17; length++) {
        for (unsigned naa = 0; naa < 16; naa++) {
            bool right = length == 8 ? naa == 2 || naa == 3 || naa == 5 : length == 16 && naa == 6;

            params.wwn_length = (uint8_t)length;
            params.wwn[0] = length ? (uint8_t)(naa << 4 | 1) : 0;
            right = right || !length;
            assert_int_equal(scsi_unit_check(&params), right ? SCSI_PARAM_OK : SCSI_PARAM_WWN);
        }
    }
    params.wwn_length = 8;
    params.wwn[0] = 0x50;
    params.wwn[7] = 1;
    assert_int_equal(scsi_unit_check(&params), SCSI_PARAM_OK);
    params.wwn[8] = 1;
    assert_int_equal(scsi_unit_check(&params), SCSI_PARAM_WWN);
}

static void a_guid_prints_in_its_own_order(void **state)
{
    struct scsi_unit_params params = disk_params();
    char text[37];

    (void)state;
    scsi_guid_text(params.guid, text);
    assert_string_equal(text, "8a1b2c3d-4e5f-4a6b-9c7d-102132435465");
}

static uint64_t lun(uint8_t b0, uint8_t b1, uint8_t b2, uint8_t b7)
{
    return scsi_lun_decode((uint8_t[8]){ b0, b1, b2, 0, 0, 0, 0, b7 });
}

static void single_level_luns_have_one_value_in_both_forms(void **state)
{
    (void)state;
    assert_int_equal(lun(0, 0, 0, 0), 0);
    assert_int_equal(lun(0, 7, 0, 0), UINT64_C(7) << 48);
    assert_int_equal(lun(0x40, 7, 0, 0), UINT64_C(7) << 48);
    assert_int_equal(lun(0x41, 0x23, 0, 0), UINT64_C(0x4123) << 48);
}

static void other_luns_are_none(void **state)
{
    (void)state;
    assert_true(lun(0x01, 0, 0, 0) == UINT64_MAX);
    assert_true(lun(0x80, 0, 0, 0) == UINT64_MAX);
    assert_true(lun(0xc1, 0, 0, 0) == UINT64_MAX);
    assert_true(lun(0, 0, 1, 0) == UINT64_MAX);
    assert_true(lun(0, 0, 0, 1) == UINT64_MAX);
}

static void a_resize_is_seen_and_announced(void **state)
{
    struct disk *disk = *state;

    assert_true(scsi_unit_resize(&disk->unit, 100));
    none(disk, CDB(0x00));
    assert_sense(disk, 0x6, 0x2a09);
    assert_int_equal(be32_get(in(disk, CDB(0x25), 8)), 99);
    in(disk, CDB(0x28, 0, B32(100), 0, B16(1)), 512);
    assert_sense(disk, 0x5, 0x2100);
}

static void an_impossible_resize_changes_nothing(void **state)
{
    struct disk *disk = *state;

    assert_false(scsi_unit_resize(&disk->unit, 0));
    assert_false(scsi_unit_resize(&disk->unit, UINT64_MAX));
    none(disk, CDB(0x00));
    assert_good(disk);
    assert_int_equal(be32_get(in(disk, CDB(0x25), 8)), 16383);
}

static void read_capacity_10_says_the_last_lba(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x25), 8);

    assert_length(disk, 8);
    assert_int_equal(be32_get(reply), 16383);
    assert_int_equal(be32_get(reply + 4), 512);
    none(disk, CDB(0x25, 0, 1));
    assert_cdb_field(disk, 2, 0);
}

static void read_capacity_10_gives_up_past_32_bits(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.block_count = UINT64_C(0xffffffff);
    disk = reopen(state, &params);
    assert_int_equal(be32_get(in(disk, CDB(0x25), 8)), 0xfffffffe);
    params.block_count++;
    disk = reopen(state, &params);
    assert_int_equal(be32_get(in(disk, CDB(0x25), 8)), 0xffffffff);
    params.block_count++;
    disk = reopen(state, &params);
    assert_int_equal(be32_get(in(disk, CDB(0x25), 8)), 0xffffffff);
}

static void read_capacity_16_tells_everything(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x9e, 0x10, B64(0), B32(32)), 32);

    assert_length(disk, 32);
    assert_int_equal(be64_get(reply), 16383);
    assert_int_equal(be32_get(reply + 8), 512);
    assert_int_equal(reply[12], 0);
    assert_int_equal(reply[13], 3);
    assert_int_equal(reply[14], 0xc0);
    params.unmap_zeros = false;
    disk = reopen(state, &params);
    assert_int_equal(in(disk, CDB(0x9e, 0x10, B64(0), B32(32)), 32)[14], 0x80);
    params.unmap = false;
    params.block_count = UINT64_C(1) << 54;
    disk = reopen(state, &params);
    reply = in(disk, CDB(0x9e, 0x10, B64(0), B32(32)), 32);
    assert_int_equal(be64_get(reply), (UINT64_C(1) << 54) - 1);
    assert_int_equal(reply[14], 0);
}

static void read_capacity_16_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x9e, 0x10, B64(0), B32(12)), 32);
    assert_length(disk, 12);
    assert_true(disk->task.underflow);
    assert_int_equal(disk->task.residual, 20);
    none(disk, CDB(0x9e, 0x10));
    assert_length(disk, 0);
    none(disk, CDB(0x9e, 0x30));
    assert_cdb_field(disk, 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_bad_parameter_has_its_own_error),
        TEST(a_wwn_has_the_length_of_its_naa),
        TEST(a_guid_prints_in_its_own_order),
        TEST(single_level_luns_have_one_value_in_both_forms),
        TEST(other_luns_are_none),
        TEST(a_resize_is_seen_and_announced),
        TEST(an_impossible_resize_changes_nothing),
        TEST(read_capacity_10_says_the_last_lba),
        TEST(read_capacity_10_gives_up_past_32_bits),
        TEST(read_capacity_16_tells_everything),
        TEST(read_capacity_16_is_cut_to_the_allocation_length),
    };

    return cmocka_run_group_tests_name("unit", tests, NULL, NULL);
}
