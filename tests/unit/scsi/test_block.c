/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Block operations: what they do, and the checks that they share with the commands they are like.
 * test_block_ranges.c has those of any number of blocks. */

#include "block.h"
#include "reserve.h"

enum { CAPACITY = 16384 };

/* Those that there are, in the order of their numbers. */
static const uint8_t operations[] = { SCSI_BLOCK_READ, SCSI_BLOCK_WRITE, SCSI_BLOCK_FLUSH,
    SCSI_BLOCK_UNMAP, SCSI_BLOCK_WRITE_ZEROES };

static bool changes_medium(uint8_t operation)
{
    return operation == SCSI_BLOCK_WRITE || operation == SCSI_BLOCK_UNMAP ||
        operation == SCSI_BLOCK_WRITE_ZEROES;
}

static void assert_one_step(const struct disk *disk, enum scsi_step step, uint64_t lba,
    uint32_t blocks)
{
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, step);
    assert_int_equal(disk->log[0].op.lba, lba);
    assert_int_equal(disk->log[0].op.blocks, blocks);
}

static void a_write_and_a_read_move_their_blocks(void **state)
{
    struct disk *disk = *state;

    block_by(disk, 0, SCSI_BLOCK_WRITE, 0, 100, 7, 0xab);
    assert_one_step(disk, SCSI_WRITE, 100, 7);
    assert_false(disk->log[0].op.fua);
    assert_int_equal(disk->task.direction, SCSI_DATA_OUT);
    assert_true(medium_is(disk, 100, 7, 0xab));
    assert_true(medium_is(disk, 107, 1, 0));
    block(disk, SCSI_BLOCK_READ, 0, 106, 2);
    assert_one_step(disk, SCSI_READ, 106, 2);
    assert_int_equal(disk->task.moved_length, 1024);
    assert_int_equal(disk->data[0], 0xab);
    assert_int_equal(disk->data[1023], 0);
}

static void a_long_one_goes_in_pieces(void **state)
{
    struct disk *disk = *state;

    block(disk, SCSI_BLOCK_WRITE, 0, 10, 300);
    assert_good(disk);
    assert_int_equal(disk->log_count, 3);
    assert_int_equal(disk->log[2].op.lba, 10 + 256);
    assert_int_equal(disk->log[2].op.blocks, 44);
    assert_true(medium_is(disk, 10, 300, 0xee));
}

static void a_flush_is_of_its_range_or_of_all(void **state)
{
    struct disk *disk = *state;

    block(disk, SCSI_BLOCK_FLUSH, 0, 7, 5);
    assert_one_step(disk, SCSI_FLUSH, 7, 5);
    assert_int_equal(disk->task.direction, SCSI_NO_DATA);
    block(disk, SCSI_BLOCK_FLUSH, SCSI_BLOCK_FUA, 3, 0);
    assert_one_step(disk, SCSI_FLUSH, 3, 0);
}

static void no_blocks_are_nothing_to_do(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(operations); i++) {
        block(disk, operations[i], 0, 5, 0);
        assert_good(disk);
        assert_int_equal(disk->log_count, operations[i] == SCSI_BLOCK_FLUSH);
        assert_int_equal(disk->task.buffer_length, 0);
        assert_null(disk->task.scratch);
    }
    block_unmap(disk, 0, NULL, 0);
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
}

static void a_range_that_the_unit_has_not_is_refused(void **state)
{
    static const struct { uint64_t lba; uint32_t blocks; uint64_t information; } rows[] = {
        { CAPACITY, 1, CAPACITY },
        { CAPACITY - 1, 2, CAPACITY },
        { UINT64_C(1) << 40, 1, UINT64_C(1) << 40 }, /* fixed sense has no room for it */
        { UINT64_MAX, 1, UINT64_MAX },
        { UINT64_MAX - 3, 8, UINT64_MAX - 3 },       /* the end wraps around */
        { UINT64_MAX, UINT32_MAX, UINT64_MAX },
        { 1, UINT32_MAX, CAPACITY },
    };
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(operations); i++) {
        for (unsigned row = 0; row < COUNT(rows); row++) {
            block(disk, operations[i], 0, rows[row].lba, rows[row].blocks);
            assert_refused(disk, 0x5, 0x2100);
            assert_true(disk->task.outcome.information_valid);
            assert_int_equal(disk->task.outcome.information, rows[row].information);
        }
        block(disk, operations[i], 0, CAPACITY - 1, 1);
        assert_good(disk);
    }
}

static void more_data_than_a_command_has_is_refused(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < 2; i++) {
        block(disk, operations[i], 0, 0, 2048);
        assert_good(disk);
        block(disk, operations[i], 0, 0, 2049);
        assert_refused(disk, 0x5, 0x2400);
    }
}

static void a_write_protected_unit_refuses_changes(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    for (unsigned software = 0; software < 2; software++) {
        params.write_protected = !software;
        disk = reopen(state, &params);
        if (software)
            disk->unit.mode |= 1 << 2; /* SWP */
        for (unsigned i = 0; i < COUNT(operations); i++) {
            block(disk, operations[i], 0, CAPACITY, 1); /* before the range is looked at */
            if (changes_medium(operations[i]))
                assert_refused(disk, 0x7, software ? 0x2702 : 0x2700);
            else
                assert_refused(disk, 0x5, 0x2100);
            block(disk, operations[i], 0, 0, 1);
            if (changes_medium(operations[i]))
                assert_refused(disk, 0x7, software ? 0x2702 : 0x2700);
            else
                assert_good(disk);
        }
    }
}

static void what_a_unit_has_not_is_an_unknown_command(void **state)
{
    static const uint8_t unknown[] = { 0, SCSI_BLOCK_OPERATIONS, 0x88, 0xff };
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(unknown); i++) {
        block(disk, unknown[i], 0xff, 0, 1);
        assert_refused(disk, 0x5, 0x2000);
    }
    params.unmap = params.unmap_zeros = false;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_UNMAP, 0, 0, 1);
    assert_refused(disk, 0x5, 0x2000);
}

static void assert_conflicts(struct disk *disk, unsigned n, uint8_t operation, bool conflicts)
{
    block_by(disk, n, operation, 0, 0, 1, 0xee);
    assert_int_equal(disk->task.status, conflicts ? SCSI_RESERVATION_CONFLICT : SCSI_GOOD);
    assert_int_equal(disk->task.outcome.status, disk->task.status);
    if (conflicts)
        assert_int_equal(disk->log_count, 0);
}

static void a_reservation_of_others_is_a_conflict(void **state)
{
    static const uint8_t types[] = { WE, EA, WE_RO, EA_RO, WE_AR, EA_AR };

    for (unsigned t = 0; t < COUNT(types); t++) {
        struct scsi_unit_params params = disk_params();
        struct disk *disk = reopen(state, &params);

        hold(disk, 1, types[t]);
        for (unsigned i = 0; i < COUNT(operations); i++) {
            bool may_read = types[t] == WE || types[t] == WE_RO || types[t] == WE_AR;

            assert_conflicts(disk, 0, operations[i],
                !(may_read && operations[i] == SCSI_BLOCK_READ));
            assert_conflicts(disk, 1, operations[i], false);
        }
    }
}

static void nexus_1_reserves(struct disk *disk)
{
    hold(disk, 1, EA);
}

/* The step is refused, as that of a command is. */
static void a_reservation_that_is_made_meanwhile_is_a_conflict(void **state)
{
    for (unsigned i = 0; i < COUNT(operations); i++) {
        struct scsi_unit_params params = disk_params();
        struct disk *disk = reopen(state, &params);

        disk->meanwhile = nexus_1_reserves;
        assert_conflicts(disk, 0, operations[i], true);
    }
}

static void a_unit_attention_comes_first(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(operations); i++) {
        scsi_unit_attention(&disk->unit, SCSI_UA_LUN_RESET, NULL);
        block(disk, operations[i], 0, CAPACITY, 1);
        assert_refused(disk, 0x6, 0x2903);
        block(disk, operations[i], 0, 0, 1);
        assert_good(disk);
    }
    disk->nexus[0].no_attentions = true;
    scsi_unit_attention(&disk->unit, SCSI_UA_LUN_RESET, NULL);
    block(disk, SCSI_BLOCK_READ, 0, 0, 1);
    assert_good(disk);
}

static bool is_durable(struct disk *disk, uint8_t operation, uint8_t flags)
{
    const struct disk_step *last;

    block(disk, operation, flags, 8, 8);
    assert_good(disk);
    last = &disk->log[disk->log_count - 1];
    return last->step == SCSI_FLUSH || last->op.fua;
}

/* WCE is what an initiator at another door has switched off. */
static void fua_or_a_cache_that_is_off_makes_durable(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(operations); i++) {
        if (!changes_medium(operations[i]))
            continue;
        disk->unit.mode |= 1 << 0;
        assert_false(is_durable(disk, operations[i], 0));
        assert_true(is_durable(disk, operations[i], SCSI_BLOCK_FUA));
        assert_true(is_durable(
            disk, operations[i], SCSI_BLOCK_FUA | SCSI_BLOCK_MAY_UNMAP));
        disk->unit.mode &= ~(1u << 0);
        assert_true(is_durable(disk, operations[i], 0));
    }
    block(disk, SCSI_BLOCK_READ, 0, 8, 8);
    assert_false(disk->log[0].op.fua);
    block(disk, SCSI_BLOCK_READ, SCSI_BLOCK_FUA, 8, 8);
    assert_true(disk->log[0].op.fua);
}

static void without_a_cache_nothing_is_flushed(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk;

    params.cache = false;
    disk = reopen(state, &params);
    for (unsigned i = 0; i < COUNT(operations); i++) {
        block(disk, operations[i], SCSI_BLOCK_FUA, 8, 8);
        assert_good(disk);
        assert_int_equal(disk->log_count, operations[i] != SCSI_BLOCK_FLUSH);
        if (disk->log_count)
            assert_int_not_equal(disk->log[0].step, SCSI_FLUSH);
    }
}

static void a_devices_error_is_the_outcome(void **state)
{
    struct disk *disk = *state;

    disk->fail_at = 1;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_CHECK_CONDITION, .sense_key = 0x3,
        .asc = 0x11, .ascq = 0x04, .information_valid = true, .information = UINT64_C(1) << 33 };
    for (unsigned i = 0; i < COUNT(operations); i++) {
        block(disk, operations[i], 0, 0, 1);
        assert_int_equal(disk->task.status, SCSI_CHECK_CONDITION);
        assert_int_equal(disk->task.outcome.sense_key, 0x3);
        assert_int_equal(disk->task.outcome.asc, 0x11);
        assert_int_equal(disk->task.outcome.ascq, 0x04);
        assert_true(disk->task.outcome.information_valid);
        assert_int_equal(disk->task.outcome.information, UINT64_C(1) << 33);
    }
    disk->fail_with.sense_key = 0x1; /* recovered: it goes on, and says so at its end */
    block(disk, SCSI_BLOCK_READ, 0, 0, 300);
    assert_int_equal(disk->log_count, 3);
    assert_int_equal(disk->task.moved_length, 300 * 512);
    assert_int_equal(disk->task.outcome.sense_key, 0x1);
}

static void ordered_ones_are_exclusive(void **state)
{
    struct disk *disk = *state;
    const struct scsi_block read = { .operation = SCSI_BLOCK_READ, .blocks = 1 };
    struct scsi_task task = {
        .unit = &disk->unit, .nexus = &disk->nexus[0], .attribute = SCSI_ORDERED };

    assert_int_equal(scsi_begin_block(&task, &read), SCSI_READ);
    assert_true(task.exclusive && task.medium);
    assert_int_equal(scsi_operation_code(&task), 0x88);
    task.attribute = SCSI_SIMPLE;
    assert_int_equal(scsi_begin_block(&task, &read), SCSI_READ);
    assert_false(task.exclusive);
    assert_true(task.medium);
}

static void extents_are_the_reply_as_they_are(void **state)
{
    struct scsi_unit_params params = disk_params();
    const struct scsi_extents *extents;
    struct disk *disk;

    params.extents = true;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_WRITE, 0, 10, 5);
    block(disk, SCSI_BLOCK_EXTENTS, 0, 8, 20);
    assert_one_step(disk, SCSI_EXTENTS, 8, 20);
    assert_int_equal(disk->task.direction, SCSI_NO_DATA);
    extents = disk->task.reply;
    assert_non_null(extents);
    assert_int_equal(extents->count, 3);
    assert_int_equal(extents->list[0].lba, 8);
    assert_int_equal(extents->list[0].state, SCSI_DEALLOCATED);
    assert_int_equal(extents->list[1].lba, 10);
    assert_int_equal(extents->list[1].blocks, 5);
    assert_int_equal(extents->list[1].state, SCSI_MAPPED);
    assert_int_equal(extents->list[2].blocks, 13);
}

static void assert_one_mapped_extent(const struct disk *disk, uint64_t lba, uint32_t blocks)
{
    const struct scsi_extents *extents = disk->task.reply;

    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
    assert_int_equal(extents->count, 1);
    assert_int_equal(extents->list[0].lba, lba);
    assert_int_equal(extents->list[0].blocks, blocks);
    assert_int_equal(extents->list[0].state, SCSI_MAPPED);
}

static void a_unit_that_knows_no_extents_is_mapped(void **state)
{
    struct disk *disk = *state;

    block(disk, SCSI_BLOCK_EXTENTS, 0, 3, 300);
    assert_one_mapped_extent(disk, 3, 300);
}

static void extents_are_of_blocks_that_there_are(void **state)
{
    struct disk *disk = *state;

    block(disk, SCSI_BLOCK_EXTENTS, 0, CAPACITY - 1, 1);
    assert_good(disk);
    block(disk, SCSI_BLOCK_EXTENTS, 0, CAPACITY - 1, 2);
    assert_refused(disk, 0x5, 0x2100);
    block(disk, SCSI_BLOCK_EXTENTS, 0, CAPACITY, 0);
    assert_refused(disk, 0x5, 0x2100);
}

static void a_prefetch_is_a_hint(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    params.prefetch = true;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_PREFETCH, 0, 7, 5);
    assert_one_step(disk, SCSI_PREFETCH, 7, 5);
    block(disk, SCSI_BLOCK_PREFETCH, 0, CAPACITY, 1);
    assert_refused(disk, 0x5, 0x2100);
    params.prefetch = false;
    disk = reopen(state, &params);
    block(disk, SCSI_BLOCK_PREFETCH, 0, 7, 5);
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_and_a_read_move_their_blocks),
        TEST(a_long_one_goes_in_pieces),
        TEST(a_flush_is_of_its_range_or_of_all),
        TEST(no_blocks_are_nothing_to_do),
        TEST(a_range_that_the_unit_has_not_is_refused),
        TEST(more_data_than_a_command_has_is_refused),
        TEST(a_write_protected_unit_refuses_changes),
        TEST(what_a_unit_has_not_is_an_unknown_command),
        TEST(a_reservation_of_others_is_a_conflict),
        TEST(a_reservation_that_is_made_meanwhile_is_a_conflict),
        TEST(a_unit_attention_comes_first),
        TEST(fua_or_a_cache_that_is_off_makes_durable),
        TEST(without_a_cache_nothing_is_flushed),
        TEST(a_devices_error_is_the_outcome),
        TEST(ordered_ones_are_exclusive),
        TEST(extents_are_the_reply_as_they_are),
        TEST(a_unit_that_knows_no_extents_is_mapped),
        TEST(extents_are_of_blocks_that_there_are),
        TEST(a_prefetch_is_a_hint),
    };

    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
