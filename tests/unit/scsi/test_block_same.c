/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A block operation and the command that it is like, asked of two units that are in the same state:
 * the device is called in the same way, and both end alike. The operations are random, and so is
 * what happens to the units between them; a test always does the same.
 */

#include "reserve.h"

enum { OPERATIONS = 2000, RANGES = 16, BLOCKS_MAX = 700 };

/* The unit of the commands, and that of the block operations. */
struct pair {
    struct disk disks[2];
    uint64_t random;
};

/* Marsaglia's xorshift64*. */
static uint32_t any(struct pair *pair, uint32_t below)
{
    pair->random ^= pair->random >> 12;
    pair->random ^= pair->random << 25;
    pair->random ^= pair->random >> 27;
    return (uint32_t)(pair->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

static bool one_in(struct pair *pair, uint32_t n)
{
    return any(pair, n) == 0;
}

/* Mostly within the medium, sometimes across or past its end, or with an end that wraps around. */
static struct scsi_range any_range(struct pair *pair)
{
    uint64_t capacity = pair->disks[0].unit.block_count;
    struct scsi_range range = { .lba = any(pair, (uint32_t)capacity),
        .blocks = any(pair, one_in(pair, 4) ? BLOCKS_MAX : 20) + 1 };

    if (one_in(pair, 8))
        range.lba = capacity - any(pair, 4);
    if (one_in(pair, 40))
        range.lba = UINT64_MAX - any(pair, 4);
    if (one_in(pair, 40))
        range.blocks = UINT32_MAX;
    if (one_in(pair, 40))
        range.blocks = 0;
    return range;
}

static struct scsi_block any_block(struct pair *pair, struct scsi_range ranges[RANGES])
{
    struct scsi_range range = any_range(pair);
    struct scsi_block block = { .operation = (uint8_t)(1 + any(pair, 5)), .lba = range.lba,
        .blocks = range.blocks, .ranges = ranges };

    if (block.operation == SCSI_BLOCK_UNMAP) {
        block.range_count = any(pair, RANGES + 1);
        for (uint32_t i = 0; i < block.range_count; i++)
            ranges[i] = any_range(pair);
    } else if (block.operation == SCSI_BLOCK_WRITE_ZEROES) {
        block.flags = one_in(pair, 2) ? SCSI_BLOCK_MAY_UNMAP : 0;
        block.blocks += !block.blocks; /* none is an error of WRITE SAME, and nothing to do here */
    } else {
        block.flags = one_in(pair, 2) ? SCSI_BLOCK_FUA : 0;
    }
    return block;
}

static void run_command(struct disk *disk, const struct scsi_block *block, const uint8_t *data)
{
    static const uint8_t opcodes[] = { [SCSI_BLOCK_READ] = 0x88, [SCSI_BLOCK_WRITE] = 0x8a,
        [SCSI_BLOCK_FLUSH] = 0x91, [SCSI_BLOCK_WRITE_ZEROES] = 0x93 };
    static const enum scsi_direction directions[] = {
        [SCSI_BLOCK_READ] = SCSI_DATA_IN, [SCSI_BLOCK_WRITE] = SCSI_DATA_OUT,
        [SCSI_BLOCK_FLUSH] = SCSI_NO_DATA, [SCSI_BLOCK_WRITE_ZEROES] = SCSI_NO_DATA };
    enum scsi_direction direction = directions[block->operation];
    uint64_t length = direction == SCSI_NO_DATA
        ? 0 : (uint64_t)block->blocks * disk->unit.params.block_length;
    uint8_t options = block->flags;

    if (block->operation == SCSI_BLOCK_FLUSH)
        options = 0;
    if (block->operation == SCSI_BLOCK_WRITE_ZEROES) /* NDOB, and UNMAP where it is allowed */
        options = block->flags && disk->unit.params.unmap_zeros ? 0x09 : 0x01;
    assert_true(disk_run(disk, 0, &disk->unit,
        CDB(opcodes[block->operation], options, B64(block->lba), B32(block->blocks)), direction,
        data, length));
}

static void run_unmap(struct disk *disk, const struct scsi_block *block)
{
    uint8_t list[8 + RANGES * 16] = { 0 };
    uint16_t length = (uint16_t)(8 + block->range_count * 16);

    be16_put(list, length - 2);
    be16_put(list + 2, length - 8);
    for (uint32_t i = 0; i < block->range_count; i++) {
        be64_put(list + 8 + 16 * i, block->ranges[i].lba);
        be32_put(list + 8 + 16 * i + 8, block->ranges[i].blocks);
    }
    assert_true(disk_run(disk, 0, &disk->unit, CDB(0x42, 0, 0, 0, 0, 0, 0, B16(length)),
        SCSI_DATA_OUT, list, length));
}

static void assert_same_steps(const struct disk *a, const struct disk *b)
{
    assert_int_equal(a->log_count, b->log_count);
    for (unsigned i = 0; i < a->log_count; i++) {
        const struct scsi_op *x = &a->log[i].op, *y = &b->log[i].op;

        assert_int_equal(a->log[i].step, b->log[i].step);
        if (a->log[i].step == SCSI_UNMAP) {
            assert_int_equal(x->range_count, y->range_count);
            for (unsigned r = 0; r < x->range_count && r < COUNT(a->log[i].ranges); r++) {
                assert_int_equal(a->log[i].ranges[r].lba, b->log[i].ranges[r].lba);
                assert_int_equal(a->log[i].ranges[r].blocks, b->log[i].ranges[r].blocks);
            }
            continue;
        }
        assert_int_equal(x->lba, y->lba);
        assert_int_equal(x->blocks, y->blocks);
        if (a->log[i].step == SCSI_FLUSH)
            continue;
        if (a->log[i].step == SCSI_WRITE_ZEROES)
            assert_int_equal(x->flags, y->flags);
        assert_int_equal(x->offset, y->offset);
        assert_int_equal(x->buffer, y->buffer);
        assert_int_equal(x->fua, y->fua);
    }
}

static void assert_same_end(const struct disk *a, const struct disk *b, uint8_t operation)
{
    const struct scsi_outcome *x = &a->task.outcome, *y = &b->task.outcome;

    assert_int_equal(a->task.status, b->task.status);
    assert_int_equal(x->status, y->status);
    assert_int_equal(x->sense_key, y->sense_key);
    assert_int_equal(x->asc, y->asc);
    assert_int_equal(x->ascq, y->ascq);
    assert_int_equal(x->information_valid, y->information_valid);
    assert_int_equal(x->information, y->information);
    assert_int_equal(a->task.sense_length, b->task.sense_length);
    assert_memory_equal(a->task.sense, b->task.sense, a->task.sense_length);
    assert_int_equal(a->task.medium, b->task.medium);
    assert_int_equal(a->task.exclusive, b->task.exclusive);
    if (operation == SCSI_BLOCK_READ || operation == SCSI_BLOCK_WRITE)
        assert_int_equal(a->task.moved_length, b->task.moved_length);
    if (operation == SCSI_BLOCK_READ && a->task.moved_length)
        assert_memory_equal(a->data, b->data, a->task.moved_length);
}

/* The outcome of both. */

static void reserve(struct disk *disk, uint32_t choice)
{
    static const uint8_t types[] = { WE, EA, WE_RO, EA_RO, WE_AR, EA_AR };

    reserve_out(disk, 1, REGISTER_AND_IGNORE, 0, 0, KEY(1));
    reserve_out(disk, 1, choice & 1 ? CLEAR : RESERVE, types[choice / 2 % 6], KEY(1), 0);
}

static void join(struct disk *disk, uint32_t choice)
{
    reserve_out(disk, 0, REGISTER_AND_IGNORE, 0, 0, choice & 1 ? KEY(0) : 0);
}

static void attend(struct disk *disk, uint32_t choice)
{
    scsi_unit_attention(&disk->unit, choice % SCSI_UA_COUNT, NULL);
}

static void change_mode(struct disk *disk, uint32_t choice)
{
    disk->unit.mode = choice % 8; /* WCE, D_SENSE, SWP */
}

static void resize(struct disk *disk, uint32_t choice)
{
    scsi_unit_resize(&disk->unit, 8000 + choice % 8384);
}

static void fail_soon(struct disk *disk, uint32_t choice)
{
    static const struct scsi_outcome outcomes[] = {
        { SCSI_CHECK_CONDITION, 0x3, 0x11, 0x00, true, 77 },
        { SCSI_CHECK_CONDITION, 0x1, 0x17, 0x01, true, UINT64_C(1) << 40 },
        { SCSI_CHECK_CONDITION, 0xb, 0x00, 0x00, false, 0 },
        { SCSI_BUSY, 0, 0, 0, false, 0 },
        { SCSI_TASK_SET_FULL, 0, 0, 0, false, 0 },
    };

    disk->fail_with = outcomes[choice / 8 % COUNT(outcomes)];
    disk->fail_at = choice % 8;
}

static void preempt(struct disk *disk)
{
    reserve_out(disk, 1, REGISTER_AND_IGNORE, 0, 0, KEY(1));
    reserve_out(disk, 1, PREEMPT_AND_ABORT, EA, KEY(1), KEY(0));
}

static void meet(struct disk *disk, uint32_t choice)
{
    (void)choice;
    disk->meanwhile = preempt;
}

static void disturb(struct pair *pair)
{
    static void (*const what[])(struct disk *, uint32_t) = { reserve, reserve, join,
        attend, change_mode, change_mode, resize, fail_soon, fail_soon, meet };
    uint32_t which = any(pair, COUNT(what)), choice = any(pair, 1 << 20);

    for (unsigned i = 0; i < 2; i++) {
        what[which](&pair->disks[i], choice);
        if (what[which] != fail_soon)
            pair->disks[i].fail_at = 0;
    }
}

static void compare(const struct scsi_unit_params *params, uint64_t seed)
{
    static uint8_t data[BLOCKS_MAX * 512];
    struct pair *pair = calloc(1, sizeof *pair);
    struct scsi_range ranges[RANGES];
    size_t length = (size_t)params->block_count * params->block_length;

    assert_non_null(pair);
    pair->random = seed;
    for (unsigned i = 0; i < 2; i++)
        disk_open(&pair->disks[i], params, params->block_count);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct scsi_block block;

        if (one_in(pair, 8))
            disturb(pair);
        block = any_block(pair, ranges);
        memset(data, (int)any(pair, 256), (size_t)BLOCKS_MAX * params->block_length);
        if (block.operation == SCSI_BLOCK_UNMAP)
            run_unmap(&pair->disks[0], &block);
        else
            run_command(&pair->disks[0], &block, data);
        assert_true(disk_run_block(&pair->disks[1], 0, &block, data));
        assert_same_steps(&pair->disks[0], &pair->disks[1]);
        assert_same_end(&pair->disks[0], &pair->disks[1], block.operation);
    }
    assert_memory_equal(pair->disks[0].medium, pair->disks[1].medium, length);
    for (unsigned i = 0; i < 2; i++)
        disk_close(&pair->disks[i]);
    free(pair);
}

static void with_a_cache(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    compare(&params, 1);
}

static void without_a_cache(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    params.cache = false;
    params.max_op_ranges = 3;
    compare(&params, 2);
}

static void in_the_profile_of_the_original(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    params.profile = SCSI_PROFILE_WINSPD;
    params.max_transfer_length = 4096;
    compare(&params, 3);
}

static void without_thin_provisioning(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    params.unmap = params.unmap_zeros = false;
    compare(&params, 4);
}

static void with_a_device_that_writes_zeroes(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    params.write_zeroes = true;
    compare(&params, 6);
}

static void with_write_protection(void **state)
{
    struct scsi_unit_params params = disk_params();

    (void)state;
    params.write_protected = true;
    compare(&params, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_cache),
        cmocka_unit_test(without_a_cache),
        cmocka_unit_test(in_the_profile_of_the_original),
        cmocka_unit_test(without_thin_provisioning),
        cmocka_unit_test(with_a_device_that_writes_zeroes),
        cmocka_unit_test(with_write_protection),
    };

    return cmocka_run_group_tests_name("block-same", tests, NULL, NULL);
}
