/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Operations of the device that take long: logged while they run, and at their end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../child.h"
#include "../log_lines.h"
#include "../skip.h"
#include "lib/watch.h"
#include "test_device.h"

enum { SLOW_MS = 30, MANY = 40 };

static struct test_device device;
static spd_unit *unit;

static const struct kind {
    const spd_ops *ops;
    uint32_t flags;
} kinds[] = {
    { &test_simple_ops, SPD_CACHE },
    { &test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS },
    { &test_simple_ops, SPD_CACHE | SPD_TRY_FIRST },
    { &test_async_ops, SPD_CACHE },
};

/* Each unit has a name of its own, since its lines are limited by that. */
static int begin(void **state)
{
    static char name[32];
    static unsigned number;

    (void)state;
    snprintf(name, sizeof name, "loop:disk-%u", number++);
    loop_uri = name;
    unit = NULL;
    log_lines_begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    spd_log_set(NULL, NULL);
    if (unit) {
        test_let_go(&device); /* a test that failed has not */
        test_unit_end(unit, &device);
    }
    return 0;
}

static void open_unit(const struct kind *kind, uint32_t slow_call)
{
    spd_params params = test_params(kind->flags | SPD_UNMAP_SUPPORTED);

    params.slow_call = slow_call;
    unit = test_unit(&device, kind->ops, &params, 1);
}

/* On a thread of its own: a device that never blocks is called on it. */
struct caller {
    os_thread thread;
    unsigned char block[2 * TEST_BLOCK];
    struct loop_command command;
    spd_unit *unit;
    uint64_t lba;
};

static void call(void *argument)
{
    struct caller *caller = argument;

    assert_true(loop_start_write(loop_door_of(caller->unit), &caller->command, caller->block,
        caller->lba, 2, TEST_BLOCK));
    loop_wait(&caller->command);
}

static void caller_begin(struct caller *caller, spd_unit *on, uint64_t lba)
{
    *caller = (struct caller){ .unit = on, .lba = lba };
    assert_int_equal(os_thread_create(&caller->thread, "caller", call, caller), 0);
}

static void a_call_is_told_while_it_is_under_way_and_at_its_end(void **state)
{
    static struct caller caller;
    const char *line;

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (i) {
            end(state);
            begin(state);
        }
        open_unit(&kinds[i], SLOW_MS);
        device.hold = true;
        caller_begin(&caller, unit, 9);
        line = log_lines_wait(": a write of 2 blocks at block 9 has been running for ");
        assert_memory_equal(line, loop_uri, strlen(loop_uri));
        assert_int_equal(log_lines.level[0], SPD_LOG_WARNING);
        assert_int_equal(log_lines_with(" took "), 0);
        test_let_go(&device);
        os_thread_join(caller.thread);
        log_lines_wait(": a write of 2 blocks at block 9 took ");
        assert_int_equal(log_lines_with(" took "), 1);
    }
}

/* The same call: ten times as old. */
static void a_call_that_does_not_end_is_told_again(void **state)
{
    static struct caller caller;

    (void)state;
    open_unit(&kinds[0], 1);
    device.hold = true;
    caller_begin(&caller, unit, 9);
    os_mutex_lock(&log_lines.lock);
    while (log_lines.count < 3)
        os_cond_wait(&log_lines.changed, &log_lines.lock);
    os_mutex_unlock(&log_lines.lock);
    test_let_go(&device);
    os_thread_join(caller.thread);
}

static void many_at_once_are_one_line(void **state)
{
    static struct caller callers[MANY];

    (void)state;
    open_unit(&kinds[3], SLOW_MS);
    device.hold = true;
    for (unsigned i = 0; i < MANY; i++)
        caller_begin(&callers[i], unit, 2 * i);
    test_wait_held(&device, MANY);
    log_lines_wait("; it is the oldest of ");
    test_let_go(&device);
    for (unsigned i = 0; i < MANY; i++)
        os_thread_join(callers[i].thread);
}

/* More than there is room for at once. */
static void calls_that_have_ended_leave_room_to_others(void **state)
{
    static struct caller caller;

    (void)state;
    open_unit(&kinds[3], SLOW_MS);
    for (unsigned i = 0; i < 4 * SPD_WATCH_SHARED; i++) {
        caller = (struct caller){ .unit = unit, .lba = i };
        call(&caller);
    }
    device.hold = true;
    caller_begin(&caller, unit, 9);
    log_lines_wait(": a write of 2 blocks at block 9 has been running for ");
    test_let_go(&device);
    os_thread_join(caller.thread);
}

static struct test_device other_device;

/* Another unit of this process, with an operation at block 50 until its line has come. */
static void watch_another(void)
{
    static struct caller caller;
    spd_params params = test_params(0);
    spd_unit *other;

    params.slow_call = 1;
    loop_uri = "loop:other";
    other = test_unit(&other_device, &test_simple_ops, &params, 1);
    other_device.hold = true;
    caller_begin(&caller, other, 50);
    log_lines_wait("other: a write of 2 blocks at block 50 has been running for ");
    test_let_go(&other_device);
    os_thread_join(caller.thread);
    log_lines_wait("at block 50 took ");
    test_unit_end(other, &other_device);
}

static void no_call_is_slow_where_the_bound_is_0(void **state)
{
    static struct caller caller;

    (void)state;
    open_unit(&kinds[0], 0);
    device.hold = true;
    caller_begin(&caller, unit, 9);
    test_wait_held(&device, 1);
    watch_another();
    test_let_go(&device);
    os_thread_join(caller.thread);
    assert_int_equal(log_lines_with("block 9 "), 0);
}

/* The operations of its parent end there. */
static void a_child_tells_of_its_own_calls_alone(void **state)
{
    static struct caller caller;
    int status = -1;
    pid_t child;

    (void)state;
    if (!CHILDREN_HAVE_THREADS)
        SKIP_BECAUSE(NO_THREADS_IN_CHILDREN);
    open_unit(&kinds[0], SLOW_MS);
    device.hold = true;
    caller_begin(&caller, unit, 9);
    log_lines_wait("at block 9 has been running for ");
    child = child_fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        if (spd_watch_look() != SPD_LOG_NEVER)
            child_exit(2);
        os_mutex_init(&log_lines.lock); /* another thread may have had it */
        log_lines_begin();
        watch_another();
        child_exit(log_lines_with("block 9 ") ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    test_let_go(&device);
    os_thread_join(caller.thread);
}

static void stop(void *argument)
{
    spd_unit_shutdown(argument);
    spd_unit_wait(argument);
}

static void the_last_flush_is_watched_as_well(void **state)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        os_thread thread;

        if (i) {
            end(state);
            begin(state);
        }
        open_unit(&kinds[i], SLOW_MS);
        device.hold = true;
        assert_int_equal(os_thread_create(&thread, "stop", stop, unit), 0);
        log_lines_wait(": a flush has been running for ");
        test_let_go(&device);
        os_thread_join(thread);
        log_lines_wait(": a flush took ");
    }
}

static void an_unmap_is_told_with_all_its_blocks(void **state)
{
    /* UNMAP, of blocks 16 to 23 and 40 to 41: SBC-3 5.28 */
    uint8_t list[8 + 2 * 16] = { 0, 38, 0, 32, [15] = 16, [19] = 8, [31] = 40, [35] = 2 };
    uint8_t cdb[10] = { 0x42, [8] = sizeof list };
    struct loop_command command = { .vec = { { list, sizeof list } }, .vec_count = 1 };

    (void)state;
    open_unit(&kinds[3], SLOW_MS);
    device.hold = true;
    assert_true(loop_start(loop_door_of(unit), &command, cdb, sizeof cdb, SCSI_DATA_OUT,
        sizeof list));
    log_lines_wait("an unmap of 10 blocks at block 16 has been running for ");
    test_let_go(&device);
    loop_wait(&command);
    log_lines_wait("an unmap of 10 blocks at block 16 took ");
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_told_while_it_is_under_way_and_at_its_end),
        TEST(a_call_that_does_not_end_is_told_again),
        TEST(many_at_once_are_one_line),
        TEST(calls_that_have_ended_leave_room_to_others),
        TEST(no_call_is_slow_where_the_bound_is_0),
        TEST(a_child_tells_of_its_own_calls_alone),
        TEST(the_last_flush_is_watched_as_well),
        TEST(an_unmap_is_told_with_all_its_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
