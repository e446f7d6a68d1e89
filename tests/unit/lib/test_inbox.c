/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests that threads of the program take from an inbox. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test_device.h"

enum { TAKERS = 3, COMMANDS = 48 };

static const spd_ops ops = { .size = sizeof ops, .submit = spd_inbox_submit };

static unsigned char disk[TEST_BLOCKS][TEST_BLOCK];
static spd_inbox *inbox;
static os_thread takers[TAKERS];
static _Atomic unsigned taken, flushes, aborted, elsewhere, returned;
static _Thread_local bool is_taker;

static void perform(spd_request *request)
{
    unsigned char *at = disk[spd_request_lba(request)];
    uint32_t count;
    const spd_vec *data = spd_request_data(request, &count);
    size_t length = (size_t)spd_request_blocks(request) * TEST_BLOCK;

    atomic_fetch_add(&taken, 1);
    atomic_fetch_add(&flushes, spd_request_operation(request) == SPD_FLUSH);
    atomic_fetch_add(&aborted, (unsigned)spd_request_is_aborted(request));
    atomic_fetch_add(&elsewhere, !is_taker);
    if (spd_request_operation(request) == SPD_READ)
        spd_vec_put(data, count, 0, at, length);
    else
        spd_vec_get(data, count, 0, at, length);
    spd_request_complete(request, NULL);
}

static void take_until_the_end(void *argument)
{
    spd_request *request;

    (void)argument;
    is_taker = true;
    while ((request = spd_inbox_take(inbox)))
        perform(request);
    atomic_fetch_add(&returned, 1);
}

static void start_takers(void)
{
    for (unsigned i = 0; i < TAKERS; i++)
        assert_int_equal(os_thread_create(&takers[i], "taker", take_until_the_end, NULL), 0);
}

static void join_takers(void)
{
    for (unsigned i = 0; i < TAKERS; i++)
        os_thread_join(takers[i]);
}

static spd_unit *begin_with(uint32_t flags)
{
    spd_params params = test_params(flags);
    spd_unit *unit;

    atomic_store(&taken, 0);
    atomic_store(&flushes, 0);
    atomic_store(&aborted, 0);
    atomic_store(&elsewhere, 0);
    atomic_store(&returned, 0);
    assert_int_equal(spd_inbox_create(&inbox), 0);
    assert_int_equal(spd_unit_create("loop:", &params, &(spd_device){ &ops, inbox }, &unit), 0);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    return unit;
}

static spd_unit *begin(void)
{
    return begin_with(SPD_CACHE);
}

static void end(spd_unit *unit)
{
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    spd_inbox_end(inbox);
    join_takers();
    spd_unit_delete(unit);
    spd_inbox_delete(inbox);
}

static void requests_are_served_on_threads_of_the_program(void **state)
{
    static unsigned char blocks[COMMANDS][TEST_BLOCK], back[COMMANDS][TEST_BLOCK];
    static struct loop_command commands[COMMANDS];
    spd_unit *unit = begin();

    (void)state;
    start_takers();
    memset(commands, 0, sizeof commands);
    for (unsigned i = 0; i < COMMANDS; i++) {
        memset(blocks[i], (int)i + 1, TEST_BLOCK);
        assert_true(
            loop_start_write(loop_door_of(unit), &commands[i], blocks[i], i, 1, TEST_BLOCK));
    }
    for (unsigned i = 0; i < COMMANDS; i++)
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
    memset(commands, 0, sizeof commands);
    for (unsigned i = 0; i < COMMANDS; i++)
        assert_true(
            loop_start_read(loop_door_of(unit), &commands[i], back[i], i, 1, TEST_BLOCK));
    for (unsigned i = 0; i < COMMANDS; i++)
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
    assert_memory_equal(blocks, back, sizeof blocks);
    assert_int_equal(atomic_load(&taken), 2 * COMMANDS);
    assert_int_equal(atomic_load(&elsewhere), 0);
    end(unit);
}

static void the_oldest_request_is_taken_first(void **state)
{
    static unsigned char block[TEST_BLOCK];
    struct loop_command commands[4] = { 0 };
    spd_unit *unit = begin();

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &commands[i], block, 10 + i, 1, TEST_BLOCK));
    for (unsigned i = 0; i < 4; i++) {
        spd_request *request = spd_inbox_take(inbox);

        assert_int_equal(spd_request_lba(request), 10 + i);
        spd_request_complete(request, NULL);
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
    }
    start_takers();
    end(unit);
}

/* Some are aborted, and the unit stops while requests wait: all come, and the last flush too. */
static void what_waits_when_the_unit_stops_is_taken_still(void **state)
{
    static unsigned char block[TEST_BLOCK];
    static struct loop_command commands[COMMANDS];
    spd_unit *unit = begin();

    (void)state;
    memset(commands, 0, sizeof commands);
    for (unsigned i = 0; i < COMMANDS; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &commands[i], block, i, 1, TEST_BLOCK));
    for (unsigned i = 0; i < COMMANDS; i += 2)
        assert_false(loop_cancel(&commands[i]));
    spd_unit_shutdown(unit);
    start_takers();
    end(unit);
    assert_int_equal(atomic_load(&taken), COMMANDS + 1);
    assert_true(atomic_load(&aborted) >= COMMANDS / 2);
    assert_int_equal(atomic_load(&flushes), 1);
}

static void takers_return_at_the_end_and_not_before(void **state)
{
    spd_unit *unit = begin();

    (void)state;
    start_takers();
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(atomic_load(&returned), 0);
    end(unit);
    assert_int_equal(atomic_load(&returned), TAKERS);
}

static void what_is_in_a_queue_that_has_ended_is_taken_first(void **state)
{
    static unsigned char block[TEST_BLOCK];
    struct loop_command command = { 0 };
    spd_unit *unit = begin_with(0);
    spd_request *request;

    (void)state;
    assert_true(loop_start_write(loop_door_of(unit), &command, block, 3, 1, TEST_BLOCK));
    spd_inbox_end(inbox);
    request = spd_inbox_take(inbox);
    assert_non_null(request);
    spd_request_complete(request, NULL);
    assert_int_equal(loop_wait(&command), SCSI_GOOD);
    assert_null(spd_inbox_take(inbox));
    start_takers();
    end(unit);
}

static void two_units_may_have_one_inbox(void **state)
{
    static unsigned char blocks[2][TEST_BLOCK];
    struct loop_command commands[2] = { 0 };
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = begin(), *other;

    (void)state;
    assert_int_equal(spd_unit_create("loop:", &params, &(spd_device){ &ops, inbox }, &other), 0);
    assert_int_equal(spd_unit_start(other, 0), 0);
    assert_true(
        loop_start_write(loop_door_of(unit), &commands[0], blocks[0], 1, 1, TEST_BLOCK));
    assert_true(
        loop_start_write(loop_door_of(other), &commands[1], blocks[1], 2, 1, TEST_BLOCK));
    start_takers();
    assert_int_equal(loop_wait(&commands[0]), SCSI_GOOD);
    assert_int_equal(loop_wait(&commands[1]), SCSI_GOOD);
    spd_unit_delete(other);
    end(unit);
    assert_int_equal(atomic_load(&flushes), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_served_on_threads_of_the_program),
        cmocka_unit_test(the_oldest_request_is_taken_first),
        cmocka_unit_test(what_waits_when_the_unit_stops_is_taken_still),
        cmocka_unit_test(takers_return_at_the_end_and_not_before),
        cmocka_unit_test(what_is_in_a_queue_that_has_ended_is_taken_first),
        cmocka_unit_test(two_units_may_have_one_inbox),
    };

    return cmocka_run_group_tests_name("lib-inbox", tests, NULL, NULL);
}
