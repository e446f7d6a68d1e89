/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* UNMAP. */

#include "test.h"

struct list {
    uint8_t bytes[8 + 300 * 16];
    uint32_t length;
};

static void add(struct list *list, uint64_t lba, uint32_t blocks)
{
    uint8_t *at;

    if (!list->length)
        list->length = 8;
    at = list->bytes + list->length;
    memset(at, 0, 16);
    be64_put(at, lba);
    be32_put(at + 8, blocks);
    list->length += 16;
    be16_put(list->bytes, (uint16_t)(list->length - 2));
    be16_put(list->bytes + 2, (uint16_t)(list->length - 8));
}

static void send(struct disk *disk, const struct list *list)
{
    out(disk, CDB(0x42, 0, 0, 0, 0, 0, 0, B16(list->length)), list->bytes, list->length);
}

static void all_ranges_go_to_the_device_in_one_operation(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    write_blocks(disk, 0, 100, 0xee);
    add(&list, 10, 5);
    add(&list, 0, 1);
    add(&list, 50, 20);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->task.residual, 0);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_UNMAP);
    assert_int_equal(disk->log[0].op.range_count, 3);
    assert_int_equal(disk->log[0].ranges[0].lba, 10);
    assert_int_equal(disk->log[0].ranges[2].blocks, 20);
    assert_true(medium_is(disk, 10, 5, 0));
    assert_true(medium_is(disk, 1, 9, 0xee));
}

static void no_operation_has_more_ranges_than_its_limit(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct list list = { .length = 0 };
    struct disk *disk;

    params.max_op_ranges = 2;
    disk = reopen(state, &params);
    write_blocks(disk, 0, 100, 0xee);
    disk->log_count = 0;
    for (unsigned i = 0; i < 5; i++)
        add(&list, 10 * i, 1 + i);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log_count, 3);
    assert_int_equal(disk->log[0].op.range_count, 2);
    assert_int_equal(disk->log[1].ranges[0].lba, 20);
    assert_int_equal(disk->log[2].op.range_count, 1);
    assert_int_equal(disk->log[2].ranges[0].blocks, 5);
    assert_true(medium_is(disk, 40, 5, 0));
    assert_true(medium_is(disk, 45, 5, 0xee));
}

/* A disk of 8 TiB, whose granule has eight blocks; one operation takes half a million. */
static struct disk *open_large(void **state)
{
    struct scsi_unit_params params = disk_params();

    params.block_count = UINT64_C(1) << 34;
    return reopen(state, &params);
}

enum { OPERATION = SCSI_UNMAP_OP_MAX / 512 };

static void a_long_range_goes_in_parts_that_end_with_a_granule(void **state)
{
    struct disk *disk = open_large(state);
    struct list list = { .length = 0 };
    uint64_t next = 3;

    add(&list, 3, UINT32_MAX);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log_count, 8193);
    for (unsigned i = 0; i < DISK_LOG_MAX; i++) {
        const struct scsi_range *range = &disk->log[i].ranges[0];

        assert_int_equal(disk->log[i].op.range_count, 1);
        assert_int_equal(range->lba, next);
        assert_int_equal(range->reserved, 0);
        assert_in_range(range->blocks, OPERATION - 7, OPERATION);
        next += range->blocks;
        assert_int_equal(next % 8, 0);
    }
}

static void an_operation_has_no_more_blocks_than_its_limit(void **state)
{
    static const struct { unsigned ranges; uint64_t lba; uint32_t blocks; } rows[] = {
        { 2, 0, OPERATION - 16 },         /* the first two */
        { 1, 1 << 20, OPERATION },        /* the third begins */
        { 1, (1 << 20) + OPERATION, OPERATION },
        { 2, (1 << 20) + 2 * OPERATION, 1 },
    };
    struct disk *disk = open_large(state);
    struct list list = { .length = 0 };

    add(&list, 0, OPERATION - 16);
    add(&list, OPERATION, 16);
    add(&list, 1 << 20, 2 * OPERATION + 1);
    add(&list, 0, OPERATION - 1);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log_count, COUNT(rows));
    for (unsigned i = 0; i < COUNT(rows); i++) {
        assert_int_equal(disk->log[i].op.range_count, rows[i].ranges);
        assert_int_equal(disk->log[i].ranges[0].lba, rows[i].lba);
        assert_int_equal(disk->log[i].ranges[0].blocks, rows[i].blocks);
    }
    assert_int_equal(disk->log[3].ranges[1].blocks, OPERATION - 1);
}

/* SBC-3 6.5.5: with WCE zero what is GOOD is on the medium. */
static void with_the_cache_switched_off_one_flush_comes_last(void **state)
{
    struct scsi_unit_params params = disk_params();

    params.max_op_ranges = 1;
    for (unsigned cached = 0; cached < 2; cached++) {
        struct list list = { .length = 0 };
        struct disk *disk;

        params.cache = cached;
        disk = reopen(state, &params);
        disk->unit.mode = 0;
        add(&list, 0, 8);
        add(&list, 16, 8);
        send(disk, &list);
        assert_good(disk);
        assert_int_equal(disk->log_count, cached ? 3 : 2);
        assert_int_equal(disk->log[1].step, SCSI_UNMAP);
        if (cached) {
            assert_int_equal(disk->log[2].step, SCSI_FLUSH);
            assert_int_equal(disk->log[2].op.blocks, 0);
        }
        list.length = 8;
        be16_put(list.bytes + 2, 0);
        send(disk, &list);
        assert_good(disk);
        assert_int_equal(disk->log_count, 0); /* nothing to make durable */
    }
}

static void a_flush_that_fails_fails_the_command(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    disk->unit.mode = 0;
    disk->fail_at = 2;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x0c };
    add(&list, 0, 8);
    send(disk, &list);
    assert_sense(disk, 0x3, 0x0c00);
}

static void an_empty_list_and_ranges_of_no_blocks_are_good(void **state)
{
    struct disk *disk = *state;
    struct list list = { .bytes = { 0, 6 }, .length = 8 };

    none(disk, CDB(0x42));
    assert_good(disk);
    send(disk, &list);
    assert_good(disk);
    add(&list, 3, 0);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
}

static void a_range_past_the_end_unmaps_nothing_at_all(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    add(&list, 0, 1);
    add(&list, 16383, 2);
    send(disk, &list);
    assert_sense(disk, 0x5, 0x2100);
    assert_information(disk, 16384);
    assert_int_equal(disk->log_count, 0);
}

static void a_range_that_wraps_around_is_refused(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    add(&list, UINT64_MAX - 1, 8);
    send(disk, &list);
    assert_sense(disk, 0x5, 0x2100);
}

static void a_list_that_is_cut_short_is_refused(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    add(&list, 0, 1);
    for (uint32_t length = 1; length < 24; length++) {
        list.length = length;
        send(disk, &list);
        assert_sense(disk, 0x5, 0x1a00);
    }
    assert_int_equal(disk->log_count, 0);
}

static void bytes_after_the_last_whole_descriptor_are_ignored(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    add(&list, 0, 1);
    add(&list, 99999, 1);
    be16_put(list.bytes + 2, 31);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log[0].op.range_count, 1);
}

static void more_ranges_than_block_limits_allow_are_refused(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    for (unsigned i = 0; i < 16; i++)
        add(&list, i, 1);
    send(disk, &list);
    assert_good(disk);
    add(&list, 16, 1);
    send(disk, &list);
    assert_field(disk, false, 2, 8);
}

static void the_most_ranges_fit(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    struct list list = { .length = 0 };

    params.max_unmap_ranges = 0;
    disk = reopen(state, &params);
    for (unsigned i = 0; i < SCSI_UNMAP_RANGES_MAX; i++)
        add(&list, i * 2, 1);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log[0].op.range_count, SCSI_UNMAP_RANGES_MAX);
    add(&list, 0, 1);
    send(disk, &list);
    assert_field(disk, false, 2, 8);
}

static void anchor_and_reserved_bits_are_refused(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x42, 0x01));
    assert_cdb_field(disk, 1, 0);
    none(disk, CDB(0x42, 0, 0, 0, 0, 0, 0x20));
    assert_cdb_field(disk, 6, 5);
}

static void a_write_protected_unit_refuses(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    struct list list = { .length = 0 };

    params.write_protected = true;
    disk = reopen(state, &params);
    add(&list, 0, 1);
    send(disk, &list);
    assert_sense(disk, 0x7, 0x2700);
}

static void without_thin_provisioning_there_is_no_such_command(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.unmap = params.unmap_zeros = false;
    disk = reopen(state, &params);
    none(disk, CDB(0x42));
    assert_sense(disk, 0x5, 0x2000);
}

/* MAXIMUM UNMAP LBA COUNT is that of all descriptors together (SBC-3 6.6.3). */
static void more_blocks_than_block_limits_allow_are_refused(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;
    struct list list = { .length = 0 };

    params.max_unmap_blocks = 100;
    disk = reopen(state, &params);
    add(&list, 0, 60);
    add(&list, 1000, 40);
    send(disk, &list);
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    add(&list, 2000, 1);
    send(disk, &list);
    assert_field(disk, false, 8 + 2 * 16 + 8, 8);
    assert_int_equal(disk->log_count, 0);
}

static void a_devices_error_is_reported(void **state)
{
    struct disk *disk = *state;
    struct list list = { .length = 0 };

    disk->fail_at = 1;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x7,
        .asc = 0x27, .ascq = 0x07 };
    add(&list, 0, 1);
    send(disk, &list);
    assert_sense(disk, 0x7, 0x2707);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_ranges_go_to_the_device_in_one_operation),
        TEST(no_operation_has_more_ranges_than_its_limit),
        TEST(a_long_range_goes_in_parts_that_end_with_a_granule),
        TEST(an_operation_has_no_more_blocks_than_its_limit),
        TEST(with_the_cache_switched_off_one_flush_comes_last),
        TEST(a_flush_that_fails_fails_the_command),
        TEST(an_empty_list_and_ranges_of_no_blocks_are_good),
        TEST(a_range_past_the_end_unmaps_nothing_at_all),
        TEST(a_range_that_wraps_around_is_refused),
        TEST(a_list_that_is_cut_short_is_refused),
        TEST(bytes_after_the_last_whole_descriptor_are_ignored),
        TEST(more_ranges_than_block_limits_allow_are_refused),
        TEST(the_most_ranges_fit),
        TEST(anchor_and_reserved_bits_are_refused),
        TEST(more_blocks_than_block_limits_allow_are_refused),
        TEST(a_write_protected_unit_refuses),
        TEST(without_thin_provisioning_there_is_no_such_command),
        TEST(a_devices_error_is_reported),
    };

    return cmocka_run_group_tests_name("unmap", tests, NULL, NULL);
}
