/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* GET LBA STATUS, and what a device may say for it. */

#include "test.h"

enum { BLOCKS = 16384, ALLOCATION = 4096 };

static const uint8_t *status_from(struct disk *disk, uint64_t lba, uint32_t allocation)
{
    return in(disk, CDB(0x9e, 0x12, B64(lba), B32(allocation)), allocation);
}

static void assert_extent(
    const uint8_t *reply, unsigned n, uint64_t lba, uint32_t blocks, uint8_t state)
{
    static const uint8_t reserved[3];
    const uint8_t *at = reply + 8 + 16 * n;

    assert_int_equal(be64_get(at), lba);
    assert_int_equal(be32_get(at + 8), blocks);
    assert_int_equal(at[12], state);
    assert_memory_equal(at + 13, reserved, sizeof reserved);
}

static void assert_extents(const struct disk *disk, const uint8_t *reply, uint32_t count)
{
    assert_length(disk, 8 + 16 * count);
    assert_int_equal(be32_get(reply), 4 + 16 * count);
    assert_int_equal(be32_get(reply + 4), 0);
}

static struct disk *reopen_knowing(void **state)
{
    struct scsi_unit_params params = disk_params();

    params.extents = true;
    return reopen(state, &params);
}

static void get_lba_status_says_mapped_to_the_end(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x9e, 0x12, B64(100), B32(24)), 24);

    assert_length(disk, 24);
    assert_int_equal(be32_get(reply), 20);
    assert_int_equal(be64_get(reply + 8), 100);
    assert_int_equal(be32_get(reply + 16), 16284);
    assert_int_equal(reply[20], 0);
    in(disk, CDB(0x9e, 0x12, B64(0), B32(8)), 24);
    assert_length(disk, 8);
}

static void get_lba_status_checks_range_and_reserved_bits(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x9e, 0x12, B64(16384), B32(24)), 24);
    assert_sense(disk, 0x5, 0x2100);
    assert_information(disk, 16384);
    in(disk, CDB(0x9e, 0x92, B64(0), B32(24)), 24);
    assert_cdb_field(disk, 1, 7);
}

/* Without thin provisioning (LBPME = 0) every block has space, whatever the device would say. */
static void a_unit_that_is_not_thin_has_all_blocks_mapped(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    const uint8_t *reply;

    params.extents = true;
    params.unmap = params.unmap_zeros = false;
    disk = reopen(state, &params);
    reply = status_from(disk, 5, ALLOCATION);
    assert_extents(disk, reply, 1);
    assert_extent(reply, 0, 5, BLOCKS - 5, SCSI_MAPPED);
    assert_int_equal(disk->log_count, 0);
}

static void extents_are_in_order_and_as_long_as_they_can_be(void **state)
{
    struct disk *disk = reopen_knowing(state);
    const uint8_t *reply;

    write_blocks(disk, 10, 20, 0xdd);
    write_blocks(disk, BLOCKS - 1, 1, 0xdd);
    reply = status_from(disk, 3, ALLOCATION);
    assert_extents(disk, reply, 4);
    assert_extent(reply, 0, 3, 7, SCSI_DEALLOCATED);
    assert_extent(reply, 1, 10, 20, SCSI_MAPPED);
    assert_extent(reply, 2, 30, BLOCKS - 31, SCSI_DEALLOCATED);
    assert_extent(reply, 3, BLOCKS - 1, 1, SCSI_MAPPED);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].op.lba, 3);
    assert_int_equal(disk->log[0].op.blocks, BLOCKS - 3);
    reply = status_from(disk, 29, ALLOCATION);
    assert_extent(reply, 0, 29, 1, SCSI_MAPPED);
    reply = status_from(disk, BLOCKS - 1, ALLOCATION);
    assert_extents(disk, reply, 1);
    assert_extent(reply, 0, BLOCKS - 1, 1, SCSI_MAPPED);
}

/* As many descriptors as there is room for, and never less than one, which is cut. */
static void the_allocation_length_bounds_the_answer(void **state)
{
    static const struct {
        uint32_t allocation, moved, count;
    } rows[] = { { 0, 0, 1 }, { 4, 4, 1 }, { 8, 8, 1 }, { 23, 23, 1 }, { 24, 24, 1 },
        { 39, 24, 1 }, { 40, 40, 2 }, { 56, 56, 3 }, { 72, 72, 4 }, { 88, 88, 5 }, { 104, 88, 5 } };
    struct disk *disk = reopen_knowing(state);

    write_blocks(disk, 10, 20, 0xdd);
    write_blocks(disk, 100, 20, 0xdd);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        const uint8_t *reply = status_from(disk, 9, rows[i].allocation);

        assert_length(disk, rows[i].moved);
        if (rows[i].moved >= 4)
            assert_int_equal(be32_get(reply), 4 + 16 * rows[i].count);
        if (rows[i].moved >= 24)
            assert_extent(reply, 0, 9, 1, SCSI_DEALLOCATED);
    }
}

static void more_extents_than_fit_are_for_the_next_command(void **state)
{
    enum { MOST = (4096 - 8) / 16 };
    struct disk *disk = reopen_knowing(state);
    const uint8_t *reply;

    for (unsigned i = 0; i < 2 * MOST; i += 2)
        write_blocks(disk, i, 1, 0xdd);
    reply = in(disk, CDB(0x9e, 0x12, B64(0), B32(65536)), 65536);
    assert_extents(disk, reply, MOST);
    for (unsigned i = 0; i < MOST; i++)
        assert_extent(reply, i, i, 1, i % 2 ? SCSI_DEALLOCATED : SCSI_MAPPED);
    reply = status_from(disk, MOST, ALLOCATION);
    assert_extent(reply, 0, MOST, 1, SCSI_DEALLOCATED);
}

/* VPD page B2h announces no anchored blocks. */
static void say_anchored(struct scsi_extents *extents)
{
    assert_true(scsi_extents_add(extents, 5, SCSI_ANCHORED));
    assert_true(scsi_extents_add(extents, 0, SCSI_MAPPED));
    assert_true(scsi_extents_add(extents, 6, SCSI_DEALLOCATED));
    assert_false(scsi_extents_add(extents, UINT64_MAX, (enum scsi_provisioning)77));
    assert_false(scsi_extents_add(extents, 1, SCSI_DEALLOCATED));
}

static void what_initiators_cannot_know_is_mapped(void **state)
{
    struct disk *disk = reopen_knowing(state);
    const uint8_t *reply;

    disk->describe = say_anchored;
    reply = status_from(disk, 0, ALLOCATION);
    assert_extents(disk, reply, 3);
    assert_extent(reply, 0, 0, 5, SCSI_MAPPED);
    assert_extent(reply, 1, 5, 6, SCSI_DEALLOCATED);
    assert_extent(reply, 2, 11, BLOCKS - 11, SCSI_MAPPED);
}

static void say_nothing(struct scsi_extents *extents)
{
    (void)extents;
}

static void say_a_part(struct scsi_extents *extents)
{
    scsi_extents_add(extents, 3, SCSI_DEALLOCATED);
    scsi_extents_add(extents, 4, SCSI_DEALLOCATED);
}

static void a_device_that_says_nothing_or_a_part_is_understood(void **state)
{
    struct disk *disk = reopen_knowing(state);
    const uint8_t *reply;

    disk->describe = say_nothing;
    reply = status_from(disk, 7, ALLOCATION);
    assert_extents(disk, reply, 1);
    assert_extent(reply, 0, 7, BLOCKS - 7, SCSI_MAPPED);
    disk->describe = say_a_part;
    reply = status_from(disk, 7, ALLOCATION);
    assert_extents(disk, reply, 1);
    assert_extent(reply, 0, 7, 7, SCSI_DEALLOCATED);
}

/* Marsaglia's xorshift64*. */
static uint32_t any(uint64_t *random, uint32_t below)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (uint32_t)(*random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

static uint64_t seed;

static void say_anything(struct scsi_extents *extents)
{
    for (unsigned i = any(&seed, 600); i; i--)
        scsi_extents_add(extents, any(&seed, 8) ? any(&seed, 90) : UINT64_MAX - any(&seed, 3),
            (enum scsi_provisioning)any(&seed, 4));
}

/* Whatever a device does: consecutive extents of the range, one for each change of state. */
static void no_device_can_spoil_the_answer(void **state)
{
    struct disk *disk = reopen_knowing(state);

    disk->describe = say_anything;
    for (seed = 1; seed < 1000;) {
        uint64_t before = seed, next = seed % BLOCKS;
        const uint8_t *reply = status_from(disk, next, ALLOCATION);
        uint32_t count = (be32_get(reply) - 4) / 16;

        assert_extents(disk, reply, count);
        assert_in_range(count, 1, (ALLOCATION - 8) / 16);
        for (unsigned i = 0; i < count; i++) {
            const uint8_t *at = reply + 8 + 16 * i;

            assert_extent(reply, i, next, be32_get(at + 8), at[12]);
            assert_true(be32_get(at + 8) > 0 && at[12] <= SCSI_DEALLOCATED);
            assert_true(!i || at[12] != at[12 - 16]);
            next += be32_get(at + 8);
        }
        assert_true(next <= BLOCKS);
        seed = before + 1;
    }
}

/* Descriptors count in 32 bits. */
static void a_huge_hole_is_described_as_far_as_a_descriptor_goes(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    const uint8_t *reply;

    params.extents = true;
    params.block_count = UINT64_C(1) << 40;
    disk = reopen(state, &params);
    disk->describe = say_anchored;
    reply = status_from(disk, 9, ALLOCATION);
    assert_extents(disk, reply, 3);
    assert_extent(reply, 2, 9 + 11, UINT32_MAX - 11, SCSI_MAPPED);
}

static void an_error_of_the_device_is_the_answer(void **state)
{
    struct disk *disk = reopen_knowing(state);

    disk->fail_at = 1;
    disk->fail_with = (struct scsi_outcome){
        .status = SCSI_CHECK_CONDITION, .sense_key = 0x3, .asc = 0x11,
        .information_valid = true, .information = 600 };
    status_from(disk, 7, ALLOCATION);
    assert_sense(disk, 0x3, 0x1100);
    assert_information(disk, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_lba_status_says_mapped_to_the_end),
        TEST(get_lba_status_checks_range_and_reserved_bits),
        TEST(a_unit_that_is_not_thin_has_all_blocks_mapped),
        TEST(extents_are_in_order_and_as_long_as_they_can_be),
        TEST(the_allocation_length_bounds_the_answer),
        TEST(more_extents_than_fit_are_for_the_next_command),
        TEST(what_initiators_cannot_know_is_mapped),
        TEST(a_device_that_says_nothing_or_a_part_is_understood),
        TEST(no_device_can_spoil_the_answer),
        TEST(a_huge_hole_is_described_as_far_as_a_descriptor_goes),
        TEST(an_error_of_the_device_is_the_answer),
    };

    return cmocka_run_group_tests_name("extents", tests, NULL, NULL);
}
