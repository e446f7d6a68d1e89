/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The way of a request through the library, for every kind of device. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dispatcher.h"
#include "lib/statistics.h"
#include "test_device.h"

static struct test_device device;

static void fill(unsigned char *bytes, size_t length, unsigned seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(seed + i * 7 + i / 251);
}

static uint8_t run_write(spd_unit *unit, void *buffer, uint64_t lba, uint32_t blocks)
{
    struct loop_command command = { 0 };

    assert_true(loop_start_write(loop_door_of(unit), &command, buffer, lba, blocks, TEST_BLOCK));
    return loop_wait(&command);
}

static uint8_t run_cdb(spd_unit *unit, struct loop_command *command, const uint8_t *cdb,
    uint8_t length, enum scsi_direction direction, uint64_t expected)
{
    assert_true(loop_start(loop_door_of(unit), command, cdb, length, direction, expected));
    return loop_wait(command);
}

/* SYNCHRONIZE CACHE(10) of everything */
static uint8_t run_flush(spd_unit *unit)
{
    static const uint8_t cdb[10] = { 0x35 };
    struct loop_command command = { 0 };

    return run_cdb(unit, &command, cdb, sizeof cdb, SCSI_NO_DATA, 0);
}

static void a_device_that_never_blocks_is_called_on_the_doors_thread(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char block[TEST_BLOCK] = { 1 };

    (void)state;
    assert_int_equal(run_write(unit, block, 3, 1), SCSI_GOOD);
    assert_true(pthread_equal(device.on_thread, pthread_self()));
    assert_int_equal(device.nowait_calls, 0);
    test_unit_end(unit, &device);
}

static void a_blocking_device_is_called_on_a_dispatcher(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    unsigned char block[TEST_BLOCK] = { 1 };

    (void)state;
    assert_int_equal(run_write(unit, block, 3, 1), SCSI_GOOD);
    assert_false(pthread_equal(device.on_thread, pthread_self()));
    assert_int_equal(device.disk[3][0], 1);
    test_unit_end(unit, &device);
}

static void a_tried_operation_that_does_not_block_stays_on_the_doors_thread(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_TRY_FIRST);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    unsigned char block[TEST_BLOCK] = { 1 };

    (void)state;
    assert_int_equal(run_write(unit, block, 3, 1), SCSI_GOOD);
    assert_true(pthread_equal(device.on_thread, pthread_self()));
    assert_int_equal(device.calls[SPD_WRITE], 1);
    assert_int_equal(device.nowait_calls, 1);
    test_unit_end(unit, &device);
}

static void a_tried_operation_that_would_block_is_called_again_on_a_dispatcher(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_TRY_FIRST);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    unsigned char block[TEST_BLOCK] = { 1 };

    (void)state;
    device.refuse_nowait = true;
    assert_int_equal(run_write(unit, block, 3, 1), SCSI_GOOD);
    assert_false(pthread_equal(device.on_thread, pthread_self()));
    assert_int_equal(device.calls[SPD_WRITE], 2);
    assert_int_equal(device.nowait_calls, 1);
    assert_false(device.flags & SPD_NOWAIT);
    test_unit_end(unit, &device);
}

static void dispatchers_work_side_by_side(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 3);
    struct loop_command command[3] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    for (int i = 0; i < 3; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    test_wait_held(&device, 3);
    test_let_go(&device);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_wait(&command[i]), SCSI_GOOD);
    assert_int_equal(device.most_inside, 3);
    test_unit_end(unit, &device);
}

static void there_are_dispatchers_for_each_cpu_and_for_waiting(void **state)
{
    enum { MORE = 3 };
    unsigned most = os_cpu_count() > SPD_THREADS_LEAST ? os_cpu_count() : SPD_THREADS_LEAST;
    unsigned count = most + MORE;
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    struct loop_command *command = calloc(count, sizeof *command);
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    for (unsigned i = 0; i < count; i++)
        assert_true(loop_start_write(loop_door_of(unit), &command[i], block, i, 1, TEST_BLOCK));
    test_wait_held(&device, most);
    assert_int_equal(device.most_inside, most);
    test_let_go(&device);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(loop_wait(&command[i]), SCSI_GOOD);
    assert_int_equal(device.most_inside, most);
    test_unit_end(unit, &device);
    free(command);
}

static void an_operation_in_one_piece_gets_the_doors_own_memory(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char blocks[2 * TEST_BLOCK] = { 0 };

    (void)state;
    assert_int_equal(run_write(unit, blocks, 0, 2), SCSI_GOOD);
    assert_ptr_equal(device.buffer, blocks);
    test_unit_end(unit, &device);
}

/* Pieces that no block boundary fits: 100, 700, 1, ... bytes. */
static void cut(struct loop_command *command, unsigned char *bytes, size_t length)
{
    static const size_t sizes[] = { 100, 700, 1, 511, 4096, 3 };
    size_t at = 0;

    for (unsigned i = 0; at < length; i++) {
        size_t part = i < sizeof sizes / sizeof sizes[0] ? sizes[i] : length - at;

        if (part > length - at)
            part = length - at;
        command->vec[command->vec_count++] = (struct scsi_vec){ bytes + at, part };
        at += part;
    }
}

static void move_in_pieces(const spd_ops *ops, uint32_t flags, uint32_t transfer)
{
    enum { BLOCKS = 20 };
    spd_params params = test_params(flags);
    struct loop_command write = { 0 }, read = { 0 };
    static unsigned char out[BLOCKS * TEST_BLOCK], in[BLOCKS * TEST_BLOCK];
    spd_unit *unit;

    params.max_transfer_length = transfer;
    unit = test_unit(&device, ops, &params, 1);
    fill(out, sizeof out, 5);
    memset(in, 0, sizeof in);
    cut(&write, out, sizeof out);
    cut(&read, in, sizeof in);
    assert_true(loop_start_write(loop_door_of(unit), &write, NULL, 11, BLOCKS, TEST_BLOCK));
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_memory_equal(device.disk[11], out, sizeof out);
    assert_true(loop_start_read(loop_door_of(unit), &read, NULL, 11, BLOCKS, TEST_BLOCK));
    assert_int_equal(loop_wait(&read), SCSI_GOOD);
    assert_memory_equal(in, out, sizeof out);
    test_unit_end(unit, &device);
}

static void pieces_reach_a_device_that_never_blocks(void **state)
{
    (void)state;
    move_in_pieces(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS, 0);
    move_in_pieces(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS, 3 * TEST_BLOCK);
}

static void pieces_reach_a_blocking_device(void **state)
{
    (void)state;
    move_in_pieces(&test_simple_ops, SPD_CACHE, 0);
    move_in_pieces(&test_simple_ops, SPD_CACHE, 3 * TEST_BLOCK);
}

static void pieces_reach_an_asynchronous_device(void **state)
{
    (void)state;
    move_in_pieces(&test_async_ops, SPD_CACHE, 0);
    move_in_pieces(&test_async_ops, SPD_CACHE, 3 * TEST_BLOCK);
    move_in_pieces(&test_async_ops, SPD_CACHE, 18 * TEST_BLOCK); /* more than four, trimmed */
}

static void an_asynchronous_device_gets_the_doors_own_scatter_list(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    static unsigned char bytes[20 * TEST_BLOCK];
    struct loop_command write = { 0 };

    (void)state;
    cut(&write, bytes, sizeof bytes);
    assert_true(loop_start_write(loop_door_of(unit), &write, NULL, 0, 20, TEST_BLOCK));
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_ptr_equal(device.data, write.vec);
    assert_int_equal(device.pieces, write.vec_count);
    test_unit_end(unit, &device);
}

static void a_long_scatter_list_can_be_cut_any_number_of_times(void **state)
{
    enum { BLOCKS = 20, TIMES = 100 };
    spd_params params = test_params(SPD_CACHE);
    static unsigned char bytes[BLOCKS * TEST_BLOCK];
    spd_unit *unit;

    (void)state;
    params.max_transfer_length = 18 * TEST_BLOCK;
    unit = test_unit(&device, &test_async_ops, &params, 0);
    for (int i = 0; i < TIMES; i++) {
        struct loop_command write = { 0 };

        cut(&write, bytes, sizeof bytes);
        assert_true(loop_start_write(loop_door_of(unit), &write, NULL, 0, BLOCKS, TEST_BLOCK));
        assert_int_equal(loop_wait(&write), SCSI_GOOD);
    }
    test_unit_end(unit, &device);
}

static void completion_within_submit_does_not_recurse(void **state)
{
    enum { BLOCKS = 256 }; /* in one turn, so on one stack */
    spd_params params = test_params(SPD_CACHE);
    unsigned char *bytes = calloc(BLOCKS, TEST_BLOCK);
    spd_unit *unit;

    (void)state;
    params.max_transfer_length = TEST_BLOCK; /* one operation a block */
    unit = test_unit(&device, &test_async_ops, &params, 0);
    assert_int_equal(run_write(unit, bytes, 0, BLOCKS), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_WRITE], BLOCKS);
    assert_true(device.stack_top - device.stack_bottom < 4096);
    test_unit_end(unit, &device);
    free(bytes);
}

static void an_asynchronous_operation_ends_when_the_device_says_so(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    unsigned char block[TEST_BLOCK] = { 0 };
    struct loop_command write = { 0 };

    (void)state;
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
    assert_int_equal(device.held, 1);
    assert_int_equal(atomic_load(&write.dones), 0);
    test_let_go(&device);
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void check_medium_error(const spd_ops *ops, uint32_t flags)
{
    spd_params params = test_params(flags);
    spd_unit *unit = test_unit(&device, ops, &params, 1);
    unsigned char block[TEST_BLOCK] = { 0 };
    struct loop_command read = { 0 };
    uint64_t lba = 9;

    spd_status_set(&device.status, 3, 0x11, 0, &lba);
    assert_true(loop_start_read(loop_door_of(unit), &read, block, lba, 1, TEST_BLOCK));
    assert_int_equal(loop_wait(&read), SCSI_CHECK_CONDITION);
    assert_int_equal(read.request.task.sense[2] & 0x0f, 3);
    assert_int_equal(read.request.task.sense[12], 0x11);
    assert_int_equal(read.request.task.sense[6], 9); /* INFORMATION */
    assert_int_equal(test_statistics(unit, SPD_READ).errors, 1);
    memset(&device.status, 0, sizeof device.status);
    test_unit_end(unit, &device);
}

static void an_error_of_the_device_reaches_the_initiator(void **state)
{
    (void)state;
    check_medium_error(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS);
    check_medium_error(&test_simple_ops, SPD_CACHE);
    check_medium_error(&test_async_ops, SPD_CACHE);
}

/* In pieces that go through a bounce buffer where the device takes one, in several operations. */
static void check_recovered_error(const spd_ops *ops, uint32_t flags)
{
    enum { BLOCKS = 20, OPERATIONS = 7 };
    spd_params params = test_params(flags);
    static unsigned char in[BLOCKS * TEST_BLOCK];
    struct loop_command read = { 0 };
    spd_operation_statistics statistics;
    uint64_t lba = 9;
    spd_unit *unit;

    params.max_transfer_length = 3 * TEST_BLOCK;
    unit = test_unit(&device, ops, &params, 1);
    fill(device.disk[7], sizeof in, 9);
    memset(in, 0, sizeof in);
    cut(&read, in, sizeof in);
    spd_status_set(&device.status, 1, 0x17, 0x01, &lba);
    assert_true(loop_start_read(loop_door_of(unit), &read, NULL, 7, BLOCKS, TEST_BLOCK));
    assert_int_equal(loop_wait(&read), SCSI_CHECK_CONDITION);
    assert_int_equal(read.request.task.sense[2] & 0x0f, 1);
    assert_int_equal(read.request.task.moved_length, sizeof in);
    assert_memory_equal(in, device.disk[7], sizeof in);
    statistics = test_statistics(unit, SPD_READ);
    assert_int_equal(statistics.operations, OPERATIONS);
    assert_int_equal(statistics.errors, 0);
    assert_int_equal(statistics.bytes, sizeof in);
    memset(&device.status, 0, sizeof device.status);
    test_unit_end(unit, &device);
}

static void a_recovered_error_brings_the_data_and_counts_as_none(void **state)
{
    (void)state;
    check_recovered_error(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS);
    check_recovered_error(&test_simple_ops, SPD_CACHE);
    check_recovered_error(&test_async_ops, SPD_CACHE);
}

static void a_result_without_a_status_is_a_hardware_error(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char block[TEST_BLOCK] = { 0 };
    struct loop_command read = { 0 };

    (void)state;
    device.result = SPD_ERROR_WOULD_BLOCK; /* though nobody asked for SPD_NOWAIT */
    assert_true(loop_start_read(loop_door_of(unit), &read, block, 0, 1, TEST_BLOCK));
    assert_int_equal(loop_wait(&read), SCSI_CHECK_CONDITION);
    assert_int_equal(read.request.task.sense[2] & 0x0f, 4);
    device.result = 0;
    test_unit_end(unit, &device);
}

static void without_a_cache_every_operation_is_forced(void **state)
{
    spd_params params = test_params(SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    run_write(unit, block, 0, 1);
    assert_int_equal(device.flags, SPD_FUA);
    test_unit_end(unit, &device);
    assert_int_equal(device.calls[SPD_FLUSH], 0);
}

static void force_unit_access_reaches_the_device(void **state)
{
    static const uint8_t cdb[10] = { 0x2a, 0x08, [8] = 1 };
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    unsigned char block[TEST_BLOCK] = { 0 };
    struct loop_command command = { .vec = { { block, sizeof block } }, .vec_count = 1 };

    (void)state;
    run_write(unit, block, 0, 1);
    assert_int_equal(device.flags, 0);
    run_cdb(unit, &command, cdb, sizeof cdb, SCSI_DATA_OUT, sizeof block);
    assert_int_equal(device.flags, SPD_FUA);
    test_unit_end(unit, &device);
}

static void a_flush_of_everything_reaches_the_device_as_such(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);

    (void)state;
    device.lba = device.blocks = 1;
    assert_int_equal(run_flush(unit), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
    assert_int_equal(device.lba, 0);
    assert_int_equal(device.blocks, 0);
    test_unit_end(unit, &device);
}

static void a_device_without_flush_answers_good(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_ops ops = test_simple_ops;
    spd_unit *unit;

    (void)state;
    ops.flush = NULL;
    unit = test_unit(&device, &ops, &params, 1);
    assert_int_equal(run_flush(unit), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void unmap_carries_its_ranges(void **state)
{
    static const uint8_t cdb[10] = { 0x42, [8] = 24 };
    static unsigned char list[24] = { 0, 22, 0, 16, [15] = 5, [19] = 3 };
    spd_params params = test_params(SPD_CACHE | SPD_UNMAP_SUPPORTED);
    static const spd_ops *const kinds[] = { &test_simple_ops, &test_async_ops };

    (void)state;
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        spd_unit *unit = test_unit(&device, kinds[i], &params, 1);
        struct loop_command command = { .vec = { { list, sizeof list } }, .vec_count = 1 };

        memset(device.disk[5], 0xff, 4 * TEST_BLOCK);
        assert_int_equal(run_cdb(unit, &command, cdb, sizeof cdb, SCSI_DATA_OUT, sizeof list), 0);
        assert_int_equal(device.lba, 5);
        assert_int_equal(device.blocks, 3);
        assert_int_equal(device.disk[7][511], 0);
        assert_int_equal(device.disk[8][0], 0xff);
        test_unit_end(unit, &device);
    }
}

static void statistics_count_what_was_done(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char blocks[3 * TEST_BLOCK] = { 0 };
    spd_statistics all = { .size = sizeof all };
    spd_operation_statistics writes;
    uint64_t in_buckets = 0;

    (void)state;
    run_write(unit, blocks, 0, 3);
    run_write(unit, blocks, 0, 1);
    run_flush(unit);
    assert_int_equal(spd_unit_statistics(unit, &all), 0);
    assert_int_equal(all.commands, 4); /* one is the door's TEST UNIT READY */
    writes = test_statistics(unit, SPD_WRITE);
    assert_int_equal(writes.operations, 2);
    assert_int_equal(writes.bytes, 4 * TEST_BLOCK);
    assert_int_equal(test_statistics(unit, SPD_FLUSH).operations, 1);
    assert_int_equal(test_statistics(unit, SPD_FLUSH).bytes, 0);
    assert_int_equal(test_statistics(unit, SPD_READ).operations, 0);
    for (int i = 0; i < SPD_LATENCY_BUCKETS; i++)
        in_buckets += writes.latency[i];
    assert_int_equal(in_buckets, 2);
    test_unit_end(unit, &device);
}

/* Each latency is below the bound of its bucket, and not below that of the bucket before. */
static void latencies_have_four_buckets_for_each_power_of_two(void **state)
{
    static const uint64_t latencies[] = { 0, 1, 3, 4, 5, 7, 8, 9, 10, 99, 1000, 1023, 1024,
        123456789, (UINT64_C(1) << 38) - 1, UINT64_C(1) << 38, UINT64_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof latencies / sizeof latencies[0]; i++) {
        struct spd_shard *shards = spd_shards_new();
        spd_operation_statistics sum;
        uint32_t bucket = 0;
        uint64_t bound;

        spd_count_operation(shards, SPD_READ, false, 0, latencies[i]);
        spd_shards_sum_operation(shards, SPD_READ, &sum);
        spd_shards_free(shards);
        while (bucket < SPD_LATENCY_BUCKETS && !sum.latency[bucket])
            bucket++;
        bound = spd_latency_bound(bucket);
        assert_true(latencies[i] < bound || bound == UINT64_MAX);
        assert_true(bucket == 0 || latencies[i] >= spd_latency_bound(bucket - 1));
        if (bucket < SPD_LATENCY_BUCKETS - 1 && latencies[i] >= 4)
            assert_true(bound - latencies[i] <= latencies[i] / 4 + 1);
    }
    assert_true(spd_latency_bound(SPD_LATENCY_BUCKETS) == UINT64_MAX);
}

static void a_percentile_is_the_bound_of_its_bucket(void **state)
{
    spd_operation_statistics s;

    (void)state;
    spd_operation_statistics_init(&s, sizeof s);
    assert_int_equal(spd_latency_percentile(&s, 50), 0);
    s.latency[4] = 98;
    s.latency[40] = 1;
    s.latency[80] = 1;
    assert_int_equal(spd_latency_percentile(&s, 0), spd_latency_bound(4));
    assert_int_equal(spd_latency_percentile(&s, 50), spd_latency_bound(4));
    assert_int_equal(spd_latency_percentile(&s, 98), spd_latency_bound(4));
    assert_int_equal(spd_latency_percentile(&s, 99), spd_latency_bound(40));
    assert_int_equal(spd_latency_percentile(&s, 100), spd_latency_bound(80));
    s.size--;
    assert_int_equal(spd_latency_percentile(&s, 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_never_blocks_is_called_on_the_doors_thread),
        cmocka_unit_test(a_blocking_device_is_called_on_a_dispatcher),
        cmocka_unit_test(a_tried_operation_that_does_not_block_stays_on_the_doors_thread),
        cmocka_unit_test(a_tried_operation_that_would_block_is_called_again_on_a_dispatcher),
        cmocka_unit_test(dispatchers_work_side_by_side),
        cmocka_unit_test(there_are_dispatchers_for_each_cpu_and_for_waiting),
        cmocka_unit_test(an_operation_in_one_piece_gets_the_doors_own_memory),
        cmocka_unit_test(pieces_reach_a_device_that_never_blocks),
        cmocka_unit_test(pieces_reach_a_blocking_device),
        cmocka_unit_test(pieces_reach_an_asynchronous_device),
        cmocka_unit_test(an_asynchronous_device_gets_the_doors_own_scatter_list),
        cmocka_unit_test(a_long_scatter_list_can_be_cut_any_number_of_times),
        cmocka_unit_test(completion_within_submit_does_not_recurse),
        cmocka_unit_test(an_asynchronous_operation_ends_when_the_device_says_so),
        cmocka_unit_test(an_error_of_the_device_reaches_the_initiator),
        cmocka_unit_test(a_recovered_error_brings_the_data_and_counts_as_none),
        cmocka_unit_test(a_result_without_a_status_is_a_hardware_error),
        cmocka_unit_test(without_a_cache_every_operation_is_forced),
        cmocka_unit_test(force_unit_access_reaches_the_device),
        cmocka_unit_test(a_flush_of_everything_reaches_the_device_as_such),
        cmocka_unit_test(a_device_without_flush_answers_good),
        cmocka_unit_test(unmap_carries_its_ranges),
        cmocka_unit_test(statistics_count_what_was_done),
        cmocka_unit_test(latencies_have_four_buckets_for_each_power_of_two),
        cmocka_unit_test(a_percentile_is_the_bound_of_its_bucket),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
