/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units whose threads are lent: behind a door that serves on them, and behind one that does not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/serve.h"
#include "test_device.h"

enum { THREADS_MAX = 4 };

static struct test_device device;
static pthread_t threads[THREADS_MAX];
static unsigned thread_count;
static _Atomic unsigned returned;

static void *lend(void *unit)
{
    spd_unit_serve(unit);
    atomic_fetch_add(&returned, 1);
    return NULL;
}

static spd_unit *create(const char *door, spd_params params)
{
    spd_unit *unit;

    test_device_init(&device);
    assert_int_equal(spd_unit_create_lent(door, &params, SCSI_PROFILE_MODERN,
                         &(spd_device){ &test_async_ops, &device }, &device, &unit),
        0);
    return unit;
}

static spd_unit *begin(const char *door, spd_params params, unsigned count)
{
    spd_unit *unit = create(door, params);

    assert_int_equal(spd_unit_start(unit, 0), 0);
    atomic_store(&returned, 0);
    for (thread_count = 0; thread_count < count; thread_count++)
        assert_int_equal(pthread_create(&threads[thread_count], NULL, lend, unit), 0);
    return unit;
}

static void join(void)
{
    while (thread_count)
        pthread_join(threads[--thread_count], NULL);
}

static void end(spd_unit *unit)
{
    spd_unit_shutdown(unit);
    join();
    test_unit_end(unit, &device);
}

static bool was_on_lent_thread(void)
{
    for (unsigned i = 0; i < thread_count; i++) {
        if (pthread_equal(device.on_thread, threads[i]))
            return true;
    }
    return false;
}

/* A serving thread's work on a message. */
struct message {
    struct loop_work work; /* first */
    struct loop_door *door;
    struct loop_command command;
    unsigned char block[4 * TEST_BLOCK];
    uint32_t blocks;
    _Atomic bool started; /* start() has returned */
    bool ended_within;
};

static void start_message(struct loop_work *work)
{
    struct message *message = (struct message *)work;

    assert_true(loop_start_write(
        message->door, &message->command, message->block, 7, message->blocks, TEST_BLOCK));
    message->ended_within = atomic_load(&message->command.dones) != 0;
    atomic_store(&message->started, true);
}

static void send(spd_unit *unit, struct message *message)
{
    message->work.call = start_message;
    message->door = loop_door_of(unit);
    if (!message->blocks)
        message->blocks = 1;
    message->block[0] = 0x5a;
    assert_true(loop_lend(message->door, &message->work));
}

static void wait_started(struct message *message)
{
    while (!atomic_load(&message->started))
        os_yield();
}

static uint8_t answer_of(struct message *message)
{
    wait_started(message);
    return loop_wait(&message->command);
}

static void the_device_is_called_on_the_thread_that_serves(void **state)
{
    spd_unit *unit = begin("served:", test_params(SPD_CACHE), 2);
    struct message message = { 0 };

    (void)state;
    send(unit, &message);
    assert_int_equal(answer_of(&message), SCSI_GOOD);
    assert_true(was_on_lent_thread());
    assert_true(message.ended_within);
    assert_int_equal(device.disk[7][0], 0x5a);
    end(unit);
}

static void a_thread_goes_on_while_a_request_waits_for_its_answer(void **state)
{
    spd_unit *unit = begin("served:", test_params(SPD_CACHE), 1);
    struct message messages[3] = { 0 };

    (void)state;
    device.hold = true;
    for (unsigned i = 0; i < 3; i++)
        send(unit, &messages[i]);
    for (unsigned i = 0; i < 3; i++) {
        wait_started(&messages[i]);
        assert_int_equal(atomic_load(&messages[i].command.dones), 0);
    }
    test_let_go(&device);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(answer_of(&messages[i]), SCSI_GOOD);
        assert_false(messages[i].ended_within);
    }
    end(unit);
}

/* It would wait for ever for a thread that takes it. */
static void a_second_operation_behind_a_door_that_serves_is_refused(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    struct message message = { .blocks = 4 };
    spd_unit *unit;

    (void)state;
    params.max_transfer_length = 2 * TEST_BLOCK;
    unit = begin("served:", params, 1);
    device.hold = true;
    send(unit, &message);
    wait_started(&message);
    test_let_go(&device);
    assert_int_equal(answer_of(&message), SCSI_TASK_SET_FULL);
    assert_int_equal(device.calls[SPD_WRITE], 1);
    end(unit);
}

static void lent_threads_come_back_when_the_unit_ends(void **state)
{
    static const char *const doors[] = { "served:", "loop:" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        spd_unit *unit = begin(doors[i], test_params(SPD_CACHE), THREADS_MAX);

        spd_unit_shutdown(unit);
        assert_int_equal(spd_unit_wait(unit), 0);
        join();
        assert_int_equal(atomic_load(&returned), THREADS_MAX);
        spd_unit_serve(unit); /* at once */
        test_unit_end(unit, &device);
    }
}

static void a_thread_that_is_lent_too_early_comes_back_at_once(void **state)
{
    spd_unit *unit = create("served:", test_params(SPD_CACHE));

    (void)state;
    spd_unit_serve(unit);
    test_unit_end(unit, &device);
}

static uint8_t run_write(spd_unit *unit, struct loop_command *command, unsigned char *block)
{
    assert_true(loop_start_write(loop_door_of(unit), command, block, 3, 1, TEST_BLOCK));
    return loop_wait(command);
}

static void requests_of_other_doors_wait_for_a_lent_thread(void **state)
{
    spd_unit *unit = begin("loop:", test_params(SPD_CACHE), 2);
    unsigned char block[TEST_BLOCK] = { 9 };
    struct loop_command command = { 0 };

    (void)state;
    assert_int_equal(run_write(unit, &command, block), SCSI_GOOD);
    assert_true(was_on_lent_thread());
    assert_int_equal(device.disk[3][0], 9);
    end(unit);
}

static void what_waits_at_the_end_is_aborted(void **state)
{
    spd_unit *unit = begin("loop:", test_params(0), 0);
    unsigned char block[TEST_BLOCK] = { 9 };
    struct loop_command commands[3] = { 0 };

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &commands[i], block, i, 1, TEST_BLOCK));
    spd_unit_shutdown(unit);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(loop_wait(&commands[i]), SCSI_CHECK_CONDITION);
        assert_int_equal(commands[i].request.task.outcome.sense_key, 0x0b);
    }
    assert_int_equal(device.calls[SPD_WRITE], 0);
    end(unit);
}

/* The answer to the first of two pieces, given within the call for another request. */
static spd_request *first;
static unsigned depth, deepest, calls;

static void submit_within(spd_device *self, spd_request *request)
{
    (void)self;
    deepest = ++depth > deepest ? depth : deepest;
    if (calls++ == 0) {
        first = request;
    } else {
        if (calls == 2)
            spd_request_complete(first, NULL);
        spd_request_complete(request, NULL);
    }
    depth--;
}

static void a_call_is_not_made_within_another(void **state)
{
    static const spd_ops ops = { .size = sizeof ops, .submit = submit_within };
    spd_params params = test_params(0);
    unsigned char blocks[2 * TEST_BLOCK] = { 0 };
    struct loop_command writes[2] = { 0 };
    spd_unit *unit;

    (void)state;
    depth = deepest = calls = 0;
    params.max_transfer_length = TEST_BLOCK;
    assert_int_equal(spd_unit_create_lent("loop:", &params, SCSI_PROFILE_MODERN,
                         &(spd_device){ &ops, NULL }, NULL, &unit),
        0);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    assert_true(loop_start_write(loop_door_of(unit), &writes[0], blocks, 0, 2, TEST_BLOCK));
    assert_true(loop_start_write(loop_door_of(unit), &writes[1], blocks, 2, 1, TEST_BLOCK));
    assert_int_equal(pthread_create(&threads[0], NULL, lend, unit), 0);
    thread_count = 1;
    assert_int_equal(loop_wait(&writes[0]), SCSI_GOOD);
    assert_int_equal(loop_wait(&writes[1]), SCSI_GOOD);
    assert_int_equal(calls, 3);
    assert_int_equal(deepest, 1);
    spd_unit_shutdown(unit);
    join();
    spd_unit_delete(unit);
}

static uint32_t range_counts[8], range_calls;

static void submit_ranges(spd_device *self, spd_request *request)
{
    (void)self;
    if (spd_request_operation(request) == SPD_UNMAP && range_calls < 8)
        spd_request_ranges(request, &range_counts[range_calls++]);
    spd_request_complete(request, NULL);
}

static void a_list_of_ranges_comes_in_parts_as_long_as_a_transfer(void **state)
{
    enum { RANGES = 70, LENGTH = 8 + RANGES * 16 };
    static const spd_ops ops = { .size = sizeof ops, .submit = submit_ranges };
    static const uint8_t unmap[10] = { 0x42, [7] = LENGTH >> 8, [8] = LENGTH & 0xff };
    static unsigned char list[LENGTH] = { (LENGTH - 2) >> 8, (LENGTH - 2) & 0xff,
        (LENGTH - 8) >> 8, (LENGTH - 8) & 0xff };
    spd_params params = test_params(SPD_UNMAP_SUPPORTED);
    struct loop_command command = { .vec = { { list, LENGTH } }, .vec_count = 1 };
    spd_unit *unit;

    (void)state;
    for (unsigned i = 0; i < RANGES; i++)
        list[8 + 16 * i + 11] = 1;
    params.max_transfer_length = TEST_BLOCK; /* 32 ranges */
    range_calls = 0;
    assert_int_equal(spd_unit_create_lent("loop:", &params, SCSI_PROFILE_MODERN,
                         &(spd_device){ &ops, NULL }, NULL, &unit),
        0);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    assert_int_equal(pthread_create(&threads[0], NULL, lend, unit), 0);
    thread_count = 1;
    assert_true(
        loop_start(loop_door_of(unit), &command, unmap, sizeof unmap, SCSI_DATA_OUT, LENGTH));
    assert_int_equal(loop_wait(&command), SCSI_GOOD);
    assert_int_equal(range_calls, 3);
    assert_int_equal(range_counts[0], 32);
    assert_int_equal(range_counts[1], 32);
    assert_int_equal(range_counts[2], 6);
    assert_int_equal(loop_turns(loop_door_of(unit)), 0); /* it keeps its thread */
    spd_unit_shutdown(unit);
    join();
    spd_unit_delete(unit);
}

static void *fail_with_a_number(void *unit)
{
    spd_unit_fail(unit, spd_fail_system(SPD_ERROR_SYSTEM, 1234, "it has gone"));
    return NULL;
}

static void who_waits_learns_the_systems_number(void **state)
{
    spd_unit *unit = begin("served:", test_params(SPD_CACHE), 1);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, fail_with_a_number, unit), 0);
    pthread_join(thread, NULL);
    spd_fail(SPD_ERROR_URI, "something else");
    assert_int_equal(spd_error_system(), 0);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_SYSTEM);
    assert_int_equal(spd_error_system(), 1234);
    assert_string_equal(spd_error_detail(), "it has gone");
    end(unit);
}

static void the_door_gets_what_is_native_to_it(void **state)
{
    spd_unit *unit = create("served:", test_params(SPD_CACHE)), *other;
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_ptr_equal(spd_unit_native(unit), &device);
    assert_true(spd_unit_is_lent(unit));
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &test_async_ops, &device }, &other), 0);
    assert_null(spd_unit_native(other));
    assert_false(spd_unit_is_lent(other));
    spd_unit_delete(other);
    test_unit_end(unit, &device);
}

static void assert_profile(spd_unit *unit, enum scsi_profile profile)
{
    static const uint8_t inquiry[6] = { 0x12, 1, 0x00, 0, 255 };
    static const uint8_t original[] = { 0, 0, 0, 5, 0x00, 0x80, 0x83, 0xb0, 0xb2 };
    static const uint8_t modern[] = { 0, 0, 0, 7, 0x00, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2 };
    struct loop_command command = { 0 };

    assert_true(loop_start(
        loop_door_of(unit), &command, inquiry, sizeof inquiry, SCSI_DATA_IN, 255));
    assert_int_equal(command.request.task.status, SCSI_GOOD);
    if (profile == SCSI_PROFILE_MODERN)
        assert_memory_equal(command.request.task.reply, modern, sizeof modern);
    else
        assert_memory_equal(command.request.task.reply, original, sizeof original);
    loop_wait(&command);
}

/* Units of spd.h are modern; a lender of threads says which profile it is. */
static void a_unit_says_what_its_profile_has(void **state)
{
    static const enum scsi_profile profiles[] = { SCSI_PROFILE_MODERN, SCSI_PROFILE_WINSPD };
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        test_device_init(&device);
        assert_int_equal(spd_unit_create_lent("loop:", &params, profiles[i],
                             &(spd_device){ &test_async_ops, &device }, NULL, &unit),
            0);
        assert_int_equal(spd_unit_start(unit, 0), 0);
        assert_profile(unit, profiles[i]);
        test_unit_end(unit, &device);
    }
    unit = test_unit(&device, &test_async_ops, &params, 0);
    assert_profile(unit, SCSI_PROFILE_MODERN);
    test_unit_end(unit, &device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_is_called_on_the_thread_that_serves),
        cmocka_unit_test(a_thread_goes_on_while_a_request_waits_for_its_answer),
        cmocka_unit_test(a_second_operation_behind_a_door_that_serves_is_refused),
        cmocka_unit_test(lent_threads_come_back_when_the_unit_ends),
        cmocka_unit_test(a_thread_that_is_lent_too_early_comes_back_at_once),
        cmocka_unit_test(requests_of_other_doors_wait_for_a_lent_thread),
        cmocka_unit_test(what_waits_at_the_end_is_aborted),
        cmocka_unit_test(a_call_is_not_made_within_another),
        cmocka_unit_test(a_list_of_ranges_comes_in_parts_as_long_as_a_transfer),
        cmocka_unit_test(who_waits_learns_the_systems_number),
        cmocka_unit_test(the_door_gets_what_is_native_to_it),
        cmocka_unit_test(a_unit_says_what_its_profile_has),
    };

    return cmocka_run_group_tests_name("lib-serve", tests, NULL, NULL);
}
