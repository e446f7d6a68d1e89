/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Scattered data on its way to a simple device that takes pieces: no byte is copied, and a device
 * that takes one buffer only still gets one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "filter.h"
#include "test_device.h"

_Static_assert(sizeof(spd_vec) == sizeof(struct iovec) &&
        offsetof(spd_vec, base) == offsetof(struct iovec, iov_base) &&
        offsetof(spd_vec, length) == offsetof(struct iovec, iov_len),
    "spd.h says that a spd_vec is an iovec");

enum { PIECES_MAX = 16, BLOCKS = 6 };

static struct test_device device;
static unsigned char memory[BLOCKS * TEST_BLOCK], wanted[BLOCKS * TEST_BLOCK];

/* The last call of the device. */
static struct {
    spd_vec vec[PIECES_MAX];
    uint32_t count;
    unsigned calls;
    bool refuse_nowait;
    int result;
} got;

static int take(const spd_vec *vec, uint32_t count, uint32_t blocks, uint32_t flags)
{
    size_t length = 0;

    got.calls++;
    got.count = count;
    assert_in_range(count, 2, PIECES_MAX);
    for (uint32_t i = 0; i < count; length += vec[i++].length)
        got.vec[i] = vec[i];
    assert_int_equal(length, (size_t)blocks * TEST_BLOCK);
    return got.refuse_nowait && flags & SPD_NOWAIT ? SPD_ERROR_WOULD_BLOCK : got.result;
}

static int vector_readv(spd_device *self, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    unsigned char *at = ((struct test_device *)self->context)->disk[lba];
    int result = take(vec, count, blocks, flags);

    (void)status;
    for (uint32_t i = 0; !result && i < count; at += vec[i++].length)
        memcpy(vec[i].base, at, vec[i].length);
    return result;
}

static int vector_writev(spd_device *self, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    unsigned char *at = ((struct test_device *)self->context)->disk[lba];
    int result = take(vec, count, blocks, flags);

    (void)status;
    for (uint32_t i = 0; !result && i < count; at += vec[i++].length)
        memcpy(at, vec[i].base, vec[i].length);
    return result;
}

static spd_ops vector_ops(void)
{
    spd_ops ops = test_simple_ops;

    ops.readv = vector_readv;
    ops.writev = vector_writev;
    return ops;
}

static spd_unit *begin(const spd_ops *ops, uint32_t flags, uint32_t transfer)
{
    spd_params params = test_params(SPD_CACHE | flags);

    memset(&got, 0, sizeof got);
    params.max_transfer_length = transfer;
    for (size_t i = 0; i < sizeof wanted; i++)
        memory[i] = wanted[i] = (unsigned char)(i * 7 / 3);
    return test_unit(&device, ops, &params, 1);
}

/* Cuts the memory into pieces, of which each but the last has this length. */
static void scatter(struct loop_command *command, size_t length)
{
    size_t at = 0;

    command->vec_count = 0;
    for (size_t piece; at < sizeof memory; at += piece) {
        piece = length < sizeof memory - at ? length : sizeof memory - at;
        assert_true(command->vec_count < LOOP_VECS);
        command->vec[command->vec_count++] = (struct scsi_vec){ memory + at, piece };
    }
}

static uint8_t run_with(spd_unit *unit, bool write, size_t piece, uint8_t bits)
{
    const uint8_t cdb[16] = { write ? 0x8a : 0x88, bits, [9] = 3, [13] = BLOCKS };
    struct loop_command command = { 0 };

    scatter(&command, piece);
    assert_true(loop_start(loop_door_of(unit), &command, cdb, sizeof cdb,
        write ? SCSI_DATA_OUT : SCSI_DATA_IN, sizeof memory));
    return loop_wait(&command);
}

static uint8_t run(spd_unit *unit, bool write, size_t piece)
{
    return run_with(unit, write, piece, 0);
}

static const uint32_t executors[] = { 0, SPD_NEVER_BLOCKS, SPD_TRY_FIRST };

static void pieces_reach_the_device_uncopied(void **state)
{
    static const size_t lengths[] = { 1024, 700, 260 };
    spd_ops ops = vector_ops();

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 3; k++) {
            spd_unit *unit = begin(&ops, executors[i], 0);

            got.refuse_nowait = true;
            assert_int_equal(run(unit, true, lengths[k]), SCSI_GOOD);
            assert_memory_equal(device.disk[3], wanted, sizeof wanted);
            assert_int_equal(got.count, (sizeof memory + lengths[k] - 1) / lengths[k]);
            assert_ptr_equal(got.vec[1].base, memory + lengths[k]);
            memset(memory, 0, sizeof memory);
            assert_int_equal(run(unit, false, lengths[k]), SCSI_GOOD);
            assert_memory_equal(memory, wanted, sizeof wanted);
            assert_ptr_equal(got.vec[1].base, memory + lengths[k]);
            assert_int_equal(device.calls[SPD_READ] + device.calls[SPD_WRITE], 0);
            assert_int_equal(got.calls, executors[i] == SPD_TRY_FIRST ? 4 : 2);
            test_unit_end(unit, &device);
        }
    }
}

static void one_piece_goes_to_read_and_write(void **state)
{
    spd_ops ops = vector_ops();
    spd_unit *unit = begin(&ops, SPD_NEVER_BLOCKS, 0);

    (void)state;
    assert_int_equal(run(unit, true, sizeof memory), SCSI_GOOD);
    assert_int_equal(run(unit, false, sizeof memory), SCSI_GOOD);
    assert_int_equal(got.calls, 0);
    assert_int_equal(device.calls[SPD_WRITE], 1);
    assert_int_equal(device.calls[SPD_READ], 1);
    test_unit_end(unit, &device);
}

/* The operations are two blocks each: every second one begins and ends within a piece. */
static void a_long_command_cuts_pieces_where_its_operations_end(void **state)
{
    spd_ops ops = vector_ops();
    spd_unit *unit = begin(&ops, SPD_NEVER_BLOCKS, 2 * TEST_BLOCK);

    (void)state;
    assert_int_equal(run(unit, true, 600), SCSI_GOOD);
    assert_memory_equal(device.disk[3], wanted, sizeof wanted);
    assert_int_equal(got.calls, BLOCKS / 2);
    assert_ptr_equal(got.vec[0].base, memory + (size_t)4 * TEST_BLOCK);
    assert_int_equal(got.vec[0].length, (size_t)4 * 600 - (size_t)4 * TEST_BLOCK);
    test_unit_end(unit, &device);
}

static void a_flush_after_pieces_has_none(void **state)
{
    enum { FUA = 0x08 };
    spd_ops ops = vector_ops();
    spd_unit *unit = begin(&ops, SPD_NEVER_BLOCKS, 2 * TEST_BLOCK);

    (void)state;
    assert_int_equal(run_with(unit, true, 600, FUA), SCSI_GOOD);
    assert_int_equal(got.calls, BLOCKS / 2);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
    test_unit_end(unit, &device);
}

/* The first operation of each command needs one, since it ends within its last piece, and there are
 * 64 of them. */
static void borrowed_lists_come_back(void **state)
{
    spd_ops ops = vector_ops();
    spd_unit *unit = begin(&ops, 0, 4 * TEST_BLOCK);

    (void)state;
    for (unsigned i = 1; i <= 80; i++) {
        assert_int_equal(run(unit, i % 2, 260), SCSI_GOOD);
        assert_int_equal(got.calls, 2 * i);
    }
    test_unit_end(unit, &device);
}

static void a_device_that_takes_one_buffer_gets_one(void **state)
{
    spd_ops ops = vector_ops();
    spd_unit *unit;

    (void)state;
    ops.readv = NULL;
    unit = begin(&ops, SPD_NEVER_BLOCKS, 0);
    assert_int_equal(run(unit, true, 1000), SCSI_GOOD);
    assert_int_equal(got.calls, 1);
    memset(memory, 0, sizeof memory);
    assert_int_equal(run(unit, false, 1000), SCSI_GOOD);
    assert_memory_equal(memory, wanted, sizeof wanted);
    assert_int_equal(got.calls, 1);
    assert_int_equal(device.calls[SPD_READ], 1);
    test_unit_end(unit, &device);
}

static void an_error_of_pieces_is_the_commands(void **state)
{
    spd_ops ops = vector_ops();
    spd_unit *unit = begin(&ops, 0, 0);

    (void)state;
    got.result = -5;
    assert_int_equal(run(unit, true, 1000), SCSI_CHECK_CONDITION);
    got.result = 0;
    assert_int_equal(run(unit, true, 1000), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void filters_hand_pieces_down_to_a_device_that_takes_them(void **state)
{
    spd_ops ops = vector_ops();

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
        struct filter filter;
        spd_unit *unit;

        memset(&got, 0, sizeof got);
        test_device_init(&device);
        filter_init(&filter, &(spd_device){ i ? &test_simple_ops : &ops, &device });
        unit = test_unit_on(&filter.device, &params, 1);
        assert_int_equal(run(unit, true, 1000), SCSI_GOOD);
        assert_memory_equal(device.disk[3], memory, sizeof memory);
        assert_int_equal(got.calls, !i);
        assert_int_equal(device.calls[SPD_WRITE], i);
        assert_int_equal(atomic_load(&filter.calls[SPD_WRITE]), 1);
        test_unit_end(unit, &device);
    }
}

static void one_piece_may_go_to_a_device_without_pieces(void **state)
{
    spd_device below = { &test_simple_ops, &device };
    spd_vec pieces[2] = { { memory, TEST_BLOCK }, { memory + TEST_BLOCK, TEST_BLOCK } };
    spd_status status = { 0 };

    (void)state;
    test_device_init(&device);
    memset(memory, 9, sizeof memory);
    assert_int_equal(spd_device_writev(&below, pieces, 1, 1, 1, 0, &status), 0);
    assert_int_equal(status.scsi_status, SPD_STATUS_GOOD);
    assert_memory_equal(device.disk[1], memory, TEST_BLOCK);
    assert_int_equal(spd_device_readv(&below, pieces, 2, 1, 2, 0, &status), 0);
    assert_int_equal(status.sense_key, SPD_SENSE_ILLEGAL_REQUEST);
    test_device_destroy(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_reach_the_device_uncopied),
        cmocka_unit_test(one_piece_goes_to_read_and_write),
        cmocka_unit_test(a_long_command_cuts_pieces_where_its_operations_end),
        cmocka_unit_test(a_flush_after_pieces_has_none),
        cmocka_unit_test(borrowed_lists_come_back),
        cmocka_unit_test(a_device_that_takes_one_buffer_gets_one),
        cmocka_unit_test(an_error_of_pieces_is_the_commands),
        cmocka_unit_test(filters_hand_pieces_down_to_a_device_that_takes_them),
        cmocka_unit_test(one_piece_may_go_to_a_device_without_pieces),
    };

    return cmocka_run_group_tests_name("vector", tests, NULL, NULL);
}
