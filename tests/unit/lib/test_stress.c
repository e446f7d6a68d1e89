/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The library under threads, for every kind of device, alone and below filters: commands of all
 * sorts from several threads, some cancelled, and the unit shut down in the middle. Every command
 * ends exactly once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"
#include "test_device.h"

enum { THREADS = 4, BATCH = 8, ROUNDS = 500, AREA = TEST_BLOCKS / THREADS, SHUTDOWN_AT = 4000 };

static struct test_device device;
static struct filter filters[2]; /* on it, and on one another; both try each request twice */
static struct scsi_nexus other; /* of every second worker */
static atomic_uint done_count, cancel_count, start_count;

struct worker {
    spd_unit *unit;
    unsigned number;
    bool until_shutdown;
    uint64_t random;
};

static unsigned pick(struct worker *w, unsigned below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w->random >> 33) % below;
}

/* COMPARE AND WRITE of one block: both halves are the block as it is. */
static bool start_compare_and_write(
    struct loop_door *door, struct loop_command *command, unsigned char *pair, uint64_t lba)
{
    uint8_t cdb[16] = { 0x89, [8] = (uint8_t)(lba >> 8), [9] = (uint8_t)lba, [13] = 1 };

    command->vec[0] = (struct scsi_vec){ pair, 2 * TEST_BLOCK };
    command->vec_count = 1;
    return loop_start(door, command, cdb, sizeof cdb, SCSI_DATA_OUT, 2 * TEST_BLOCK);
}

static bool start_unmap(struct loop_door *door, struct loop_command *command, uint64_t lba)
{
    static const uint8_t cdb[10] = { 0x42, [8] = 24 };
    static _Thread_local uint8_t list[24] = { [1] = 22, [3] = 16, [19] = 1 };

    list[14] = (uint8_t)(lba >> 8);
    list[15] = (uint8_t)lba;
    command->vec[0] = (struct scsi_vec){ list, sizeof list };
    command->vec_count = 1;
    return loop_start(door, command, cdb, sizeof cdb, SCSI_DATA_OUT, sizeof list);
}

/* Long enough to give way. */
static bool start_verify(struct loop_door *door, struct loop_command *command)
{
    static const uint8_t cdb[10] = { 0x2f, [7] = 600 >> 8, [8] = 600 & 0xff };

    return loop_start(door, command, cdb, sizeof cdb, SCSI_NO_DATA, 0);
}

static bool start_one(struct worker *w, struct loop_command *command, unsigned char *buffer)
{
    static const uint8_t flush[10] = { 0x35 }, inquiry[6] = { 0x12, 0, 0, 0, 96 };
    struct loop_door *door = loop_door_of(w->unit);
    uint64_t lba = (uint64_t)w->number * AREA + pick(w, AREA - 4);

    command->request.task.attribute = pick(w, 16) ? SCSI_SIMPLE : SCSI_ORDERED;
    command->nexus = w->number % 2 ? &other : NULL;
    if (!pick(w, 64))
        return start_verify(door, command);
    switch (pick(w, 10)) {
    case 0:
        return start_compare_and_write(door, command, buffer, lba);
    case 1:
        return loop_start(door, command, flush, sizeof flush, SCSI_NO_DATA, 0);
    case 2:
        return loop_start(door, command, inquiry, sizeof inquiry, SCSI_DATA_IN, 96);
    case 3:
        command->defer_map = true;
        return loop_start_write(door, command, buffer, lba, 1, TEST_BLOCK);
    case 4:
    case 5:
        return start_unmap(door, command, lba);
    case 6:
    case 7:
        return loop_start_write(door, command, buffer, lba, 1 + pick(w, 4), TEST_BLOCK);
    default:
        return loop_start_read(door, command, buffer, lba, 1 + pick(w, 4), TEST_BLOCK);
    }
}

static void end_mapping(struct worker *w, struct loop_command *command)
{
    if (command->map_waits && pick(w, 2))
        loop_mapped(command);
    else if (command->map_waits)
        assert_true(loop_cancel(command));
}

static bool run_batch(struct worker *w)
{
    static _Thread_local unsigned char buffer[BATCH][4 * TEST_BLOCK];
    struct loop_command *command = calloc(BATCH, sizeof *command);
    bool running = true;
    int started = 0;

    while (running && started < BATCH) {
        running = start_one(w, &command[started], buffer[started]);
        started += running;
    }
    atomic_fetch_add(&start_count, (unsigned)started);
    for (int i = 0; i < started; i++) {
        end_mapping(w, &command[i]);
        if (!pick(w, 4))
            loop_cancel(&command[i]);
    }
    for (int i = 0; i < started; i++) {
        loop_wait(&command[i]);
        assert_int_equal(atomic_load(&command[i].dones) + command[i].cancelled, 1);
        atomic_fetch_add(command[i].cancelled ? &cancel_count : &done_count, 1);
    }
    free(command);
    return running;
}

static void worker_main(void *argument)
{
    struct worker *w = argument;

    for (int round = 0; w->until_shutdown || round < ROUNDS; round++)
        if (!run_batch(w))
            break;
}

static spd_unit *start(const spd_ops *ops, uint32_t flags, bool stacked, bool until_shutdown,
    struct worker workers[THREADS], os_thread threads[THREADS])
{
    spd_params params = test_params(SPD_CACHE | SPD_UNMAP_SUPPORTED | flags);
    spd_unit *unit;

    params.max_transfer_length = 2 * TEST_BLOCK;
    test_device_init(&device);
    filter_init(&filters[0], &(spd_device){ ops, &device });
    filter_init(&filters[1], &filters[0].device);
    filters[0].tries = filters[1].tries = 2;
    unit = test_unit_on(
        stacked ? &filters[1].device : &(spd_device){ ops, &device }, &params, 3);
    if (ops->submit)
        test_thread_start(&device);
    atomic_store(&done_count, 0);
    atomic_store(&cancel_count, 0);
    atomic_store(&start_count, 0);
    scsi_nexus_init(&other, spd_unit_scsi(unit), NULL);
    other.no_attentions = true;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ unit, i, until_shutdown, i + 1 };
        assert_int_equal(os_thread_create(&threads[i], "worker", worker_main, &workers[i]), 0);
    }
    return unit;
}

static void end(spd_unit *unit, os_thread threads[THREADS])
{
    spd_statistics statistics = { .size = sizeof statistics };

    for (int i = 0; i < THREADS; i++)
        os_thread_join(threads[i]);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    if (device.use_thread)
        test_thread_end(&device);
    assert_int_equal(spd_unit_statistics(unit, &statistics), 0);
    assert_int_equal(statistics.commands, atomic_load(&done_count) + 1); /* the door's own */
    assert_int_equal(statistics.aborted, atomic_load(&cancel_count));
    assert_int_equal(
        atomic_load(&start_count), atomic_load(&done_count) + atomic_load(&cancel_count));
    test_unit_end(unit, &device);
}

static void run_with_cancels(const spd_ops *ops, uint32_t flags, bool stacked)
{
    struct worker workers[THREADS];
    os_thread threads[THREADS];

    end(start(ops, flags, stacked, false, workers, threads), threads);
}

static void shut_down_in_the_middle(const spd_ops *ops, uint32_t flags, bool stacked)
{
    struct worker workers[THREADS];
    os_thread threads[THREADS];
    spd_unit *unit = start(ops, flags, stacked, true, workers, threads);

    while (atomic_load(&start_count) < SHUTDOWN_AT)
        os_yield();
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    end(unit, threads);
}

static void commands_to_a_device_that_never_blocks_end_once(void **state)
{
    (void)state;
    run_with_cancels(&test_simple_ops, SPD_NEVER_BLOCKS, false);
    shut_down_in_the_middle(&test_simple_ops, SPD_NEVER_BLOCKS, false);
}

static void commands_to_a_blocking_device_end_once(void **state)
{
    (void)state;
    run_with_cancels(&test_simple_ops, 0, false);
    shut_down_in_the_middle(&test_simple_ops, 0, false);
}

static void commands_to_a_device_that_is_tried_end_once(void **state)
{
    (void)state;
    run_with_cancels(&test_simple_ops, SPD_TRY_FIRST, false);
    shut_down_in_the_middle(&test_simple_ops, SPD_TRY_FIRST, false);
}

static void commands_to_an_asynchronous_device_end_once(void **state)
{
    (void)state;
    run_with_cancels(&test_async_ops, 0, false);
    shut_down_in_the_middle(&test_async_ops, 0, false);
}

static void commands_to_a_stack_of_simple_devices_end_once(void **state)
{
    (void)state;
    run_with_cancels(&test_simple_ops, 0, true);
    shut_down_in_the_middle(&test_simple_ops, 0, true);
}

static void commands_to_a_stack_of_asynchronous_devices_end_once(void **state)
{
    (void)state;
    run_with_cancels(&test_async_ops, 0, true);
    shut_down_in_the_middle(&test_async_ops, 0, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_to_a_device_that_never_blocks_end_once),
        cmocka_unit_test(commands_to_a_blocking_device_end_once),
        cmocka_unit_test(commands_to_a_device_that_is_tried_end_once),
        cmocka_unit_test(commands_to_an_asynchronous_device_end_once),
        cmocka_unit_test(commands_to_a_stack_of_simple_devices_end_once),
        cmocka_unit_test(commands_to_a_stack_of_asynchronous_devices_end_once),
    };

    return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
