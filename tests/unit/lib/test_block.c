/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Block operations on their way through the library, for every kind of device. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test_device.h"

enum { FLAGS = SPD_CACHE | SPD_UNMAP_SUPPORTED };

static const struct {
    const spd_ops *ops;
    uint32_t flags;
} kinds[] = {
    { &test_simple_ops, FLAGS | SPD_NEVER_BLOCKS },
    { &test_simple_ops, FLAGS },
    { &test_async_ops, FLAGS },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static struct test_device device;

static spd_unit *open_unit(unsigned kind)
{
    spd_params params = test_params(kinds[kind].flags);
    spd_unit *unit = test_unit(&device, kinds[kind].ops, &params, 1);

    memset(device.disk, 0xee, (size_t)TEST_BLOCKS * TEST_BLOCK);
    return unit;
}

static uint8_t run(spd_unit *unit, const struct scsi_block *block, void *buffer, size_t length)
{
    struct loop_command command = { .vec = { { buffer, length } }, .vec_count = 1 };

    assert_true(loop_start_block(loop_door_of(unit), &command, block));
    loop_wait(&command);
    assert_int_equal(command.maps, length ? 1 : 0);
    assert_int_equal(command.request.task.outcome.status, command.request.task.status);
    return command.request.task.status;
}

static bool is_all(uint64_t lba, uint64_t blocks, unsigned char fill)
{
    const unsigned char *at = device.disk[lba];

    for (size_t i = 0; i < blocks * TEST_BLOCK; i++)
        if (at[i] != fill)
            return false;
    return true;
}

static void data_moves_and_fua_arrives(void **state)
{
    static unsigned char out[3 * TEST_BLOCK], in[3 * TEST_BLOCK];
    struct scsi_block block = { .operation = SCSI_BLOCK_WRITE, .lba = 9, .blocks = 3 };

    (void)state;
    memset(out, 0x5a, sizeof out);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kind);

        block.operation = SCSI_BLOCK_WRITE;
        block.flags = SCSI_BLOCK_FUA;
        assert_int_equal(run(unit, &block, out, sizeof out), SCSI_GOOD);
        assert_int_equal(device.flags & SPD_FUA, SPD_FUA);
        assert_true(is_all(9, 3, 0x5a));
        assert_true(is_all(12, 1, 0xee));
        block.operation = SCSI_BLOCK_READ;
        block.flags = 0;
        memset(in, 0, sizeof in);
        assert_int_equal(run(unit, &block, in, sizeof in), SCSI_GOOD);
        assert_int_equal(device.flags & SPD_FUA, 0);
        assert_memory_equal(in, out, sizeof in);
        test_unit_end(unit, &device);
    }
}

static void a_flush_and_zeroes_move_no_data(void **state)
{
    const struct scsi_block flush = { .operation = SCSI_BLOCK_FLUSH, .lba = 5, .blocks = 6 };
    const struct scsi_block zeroes = {
        .operation = SCSI_BLOCK_WRITE_ZEROES, .flags = SCSI_BLOCK_FUA, .lba = 5, .blocks = 1000 };

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kind);

        assert_int_equal(run(unit, &flush, NULL, 0), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_FLUSH], 1);
        assert_int_equal(device.lba, 5);
        assert_int_equal(device.blocks, 6);
        assert_int_equal(run(unit, &zeroes, NULL, 0), SCSI_GOOD);
        assert_true(is_all(5, 1000, 0));
        assert_true(is_all(0, 5, 0xee));
        assert_true(is_all(1005, 5, 0xee));
        assert_int_equal(device.calls[SPD_FLUSH], 2);
        test_unit_end(unit, &device);
    }
}

/* A command takes 256 ranges. */
enum { RANGES = 300 };

static const struct scsi_block *many_ranges(void)
{
    static struct scsi_range ranges[RANGES];
    static struct scsi_block block;

    for (unsigned i = 0; i < RANGES; i++)
        ranges[i] = (struct scsi_range){ .lba = 2 * i, .blocks = 1 };
    block = (struct scsi_block){
        .operation = SCSI_BLOCK_UNMAP, .ranges = ranges, .range_count = RANGES };
    return &block;
}

static void an_unmap_of_many_ranges_is_two_operations(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kind);

        assert_int_equal(run(unit, many_ranges(), NULL, 0), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_UNMAP], 2);
        for (unsigned i = 0; i < RANGES; i++) {
            assert_true(is_all(2 * i, 1, 0));
            assert_true(is_all(2 * i + 1, 1, 0xee));
        }
        test_unit_end(unit, &device);
    }
}

static void an_abort_in_the_middle_ends_an_unmap(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kind);
        struct loop_command command = { 0 };

        device.hold = true;
        assert_true(loop_start_block(loop_door_of(unit), &command, many_ranges()));
        test_wait_held(&device, 1);
        assert_false(loop_cancel(&command));
        assert_int_equal(device.aborts, 1);
        test_let_go(&device);
        loop_wait(&command);
        assert_int_equal(atomic_load(&command.dones), 1);
        assert_int_equal(device.calls[SPD_UNMAP], 1);
        assert_true(is_all(2 * (RANGES - 1), 1, 0xee));
        test_unit_end(unit, &device);
    }
}

/* ORDERED (SAM-5 8.5), and a COMPARE AND WRITE that comes between two block operations. */
static void exclusive_ones_wait_their_turn(void **state)
{
    static unsigned char bytes[2 * TEST_BLOCK];
    static const uint8_t compare[16] = { 0x89, [13] = 1 };
    const struct scsi_block read = { .operation = SCSI_BLOCK_READ, .lba = 8, .blocks = 1 };
    const struct scsi_block write = { .operation = SCSI_BLOCK_WRITE, .lba = 7, .blocks = 1 };
    spd_unit *unit = open_unit(2);
    struct loop_command commands[4] = { 0 };

    (void)state;
    memset(bytes, 0xee, sizeof bytes);
    for (unsigned i = 0; i < 4; i++) {
        commands[i].vec[0] = (struct scsi_vec){ bytes, i == 1 ? sizeof bytes : TEST_BLOCK };
        commands[i].vec_count = 1;
    }
    commands[2].request.task.attribute = SCSI_ORDERED;
    device.hold = true;
    assert_true(loop_start_block(loop_door_of(unit), &commands[0], &write));
    assert_true(loop_start(loop_door_of(unit), &commands[1], compare, sizeof compare,
        SCSI_DATA_OUT, sizeof bytes));
    assert_true(loop_start_block(loop_door_of(unit), &commands[2], &write));
    assert_true(loop_start_block(loop_door_of(unit), &commands[3], &read));
    test_wait_held(&device, 1);
    assert_int_equal(device.log_count, 1);
    test_let_go(&device);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
    assert_int_equal(device.log_count, 5); /* the comparison reads, and writes */
    assert_int_equal(device.log[1].operation, SPD_READ);
    assert_int_equal(device.log[1].lba, 0);
    assert_int_equal(device.log[2].operation, SPD_WRITE);
    assert_int_equal(device.log[3].lba, 7);
    assert_int_equal(device.log[4].lba, 8);
    test_unit_end(unit, &device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_moves_and_fua_arrives),
        cmocka_unit_test(a_flush_and_zeroes_move_no_data),
        cmocka_unit_test(an_unmap_of_many_ranges_is_two_operations),
        cmocka_unit_test(an_abort_in_the_middle_ends_an_unmap),
        cmocka_unit_test(exclusive_ones_wait_their_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
