/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Calls within operations and completions that break the contract of spd.h, and NULL: each ends the
 * program with a line that names the function. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/serve.h"
#include "lib/unit.h"
#include "../child.h"
#include "alone.h"
#include "test_device.h"

/* A unit whose operations call what is wrong. */

static struct test_device device; /* the context; its memory is not used */
static spd_unit *unit;
static void (*in_operation)(void);
static spd_request *submitted;

static int hooked_read(spd_device *self, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)self, (void)buffer, (void)lba, (void)blocks, (void)flags, (void)status;
    in_operation();
    return 0;
}

static int hooked_flush(
    spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)self, (void)lba, (void)blocks, (void)flags, (void)status;
    in_operation();
    return 0;
}

static void hooked_submit(spd_device *self, spd_request *request)
{
    (void)self;
    submitted = request;
    if (in_operation)
        in_operation();
}

static void hooked_abort(spd_device *self, spd_request *request)
{
    (void)self, (void)request;
    in_operation();
}

static void hooked_stop(spd_device *self)
{
    (void)self;
    in_operation();
}

static const spd_ops simple = { .size = sizeof simple, .read = hooked_read, .flush = hooked_flush };
static const spd_ops async = { .size = sizeof async, .submit = hooked_submit };
static const spd_ops aborted = { .size = sizeof aborted, .submit = hooked_submit,
    .abort = hooked_abort };
static const spd_ops stopped = { .size = sizeof stopped, .submit = hooked_submit,
    .stop = hooked_stop };

static void open_unit(const spd_ops *ops, uint32_t flags)
{
    spd_params params = test_params(flags);

    unit = test_unit(&device, ops, &params, 1);
}

static struct loop_command command;
static unsigned char block[TEST_BLOCK];

static void start_read(void)
{
    loop_start_read(loop_door_of(unit), &command, block, 0, 1, TEST_BLOCK);
}

static void wait_for_unit(void)
{
    spd_unit_wait(unit);
}

static void wait_for_unit_bounded(void)
{
    spd_unit_wait_for(unit, 1);
}

static void delete_unit(void)
{
    spd_unit_delete(unit);
}

static void take_the_watch_back(void)
{
    spd_unit_shutdown_on_signal(NULL);
}

static void on_a_dispatcher(void)
{
    open_unit(&simple, SPD_WRITE_PROTECTED);
    start_read();
    loop_wait(&command);
}

static void on_the_doors_thread(void)
{
    open_unit(&simple, SPD_WRITE_PROTECTED | SPD_NEVER_BLOCKS);
    start_read();
}

static void in_submit(void)
{
    open_unit(&async, SPD_WRITE_PROTECTED);
    start_read();
}

static void in_abort(void)
{
    void (*wrong)(void) = in_operation;

    in_operation = NULL;
    open_unit(&aborted, SPD_WRITE_PROTECTED);
    start_read();
    in_operation = wrong;
    loop_cancel(&command);
}

static void in_stop(void)
{
    open_unit(&stopped, SPD_WRITE_PROTECTED);
    spd_unit_shutdown(unit);
}

static void in_the_last_flush(void)
{
    spd_params params = test_params(SPD_CACHE);
    spd_ops writable = simple;

    writable.write = test_simple_ops.write;
    unit = test_unit(&device, &writable, &params, 1);
    spd_unit_shutdown(unit);
    spd_unit_wait(unit);
}

static void an_operation_may_not_wait_for_its_unit(void **state)
{
    static const struct {
        void (*call)(void);
        const char *line;
    } calls[] = {
        { wait_for_unit, "libspd: error: spd_unit_wait(): called within an operation of the unit" },
        { wait_for_unit_bounded, "libspd: error: spd_unit_wait_for(): called within an operation" },
        { delete_unit, "libspd: error: spd_unit_delete(): called within an operation" },
        { take_the_watch_back, "libspd: error: spd_unit_shutdown_on_signal(): NULL within an "
            "operation" },
    };
    static void (*const places[])(void) = { on_a_dispatcher, on_the_doors_thread, in_submit,
        in_abort, in_stop, in_the_last_flush };

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
            in_operation = calls[i].call;
            alone_expect_abort(places[j], calls[i].line);
        }
}

/* Another unit's operations are none of this one's. */
static void wait_for_another(void)
{
    spd_params params = test_params(SPD_WRITE_PROTECTED);
    spd_unit *other;

    if (spd_unit_create("loop:", &params, &(spd_device){ &test_simple_ops, &device }, &other))
        return;
    spd_unit_delete(other);
    child_exit(7);
}

static void an_operation_may_delete_another_unit(void **state)
{
    int status;

    (void)state;
    in_operation = wait_for_another;
    status = alone_run(on_the_doors_thread);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void fork_a_child_with_signals_of_its_own(void)
{
    pid_t child = child_fork();
    int status;

    if (child == 0) {
        spd_unit_shutdown_on_signal(NULL);
        child_exit(7);
    }
    waitpid(child, &status, 0);
    child_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void a_child_is_in_no_operation_of_its_parent(void **state)
{
    int status;

    (void)state;
    in_operation = fork_a_child_with_signals_of_its_own;
    status = alone_run(on_the_doors_thread);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void complete(void)
{
    spd_request_complete(submitted, NULL);
}

static void complete_twice(void)
{
    complete();
    complete();
}

static void twice_within_submit(void)
{
    in_operation = complete_twice;
    in_submit();
}

static void twice_after_submit(void)
{
    in_operation = NULL;
    in_submit();
    complete_twice();
}

static void *complete_on_a_thread(void *unused)
{
    complete();
    return unused;
}

static void twice_by_two_threads(void)
{
    pthread_t thread;

    in_operation = NULL;
    in_submit();
    complete();
    pthread_create(&thread, NULL, complete_on_a_thread, NULL);
    pthread_join(thread, NULL);
}

static void twice_within_abort(void)
{
    in_operation = complete_twice;
    in_abort();
}

/* The unit is gone; only the door's memory for the request is still there. */
static void after_the_unit_was_deleted(void)
{
    in_operation = NULL;
    in_submit();
    complete();
    spd_unit_delete(unit);
    complete();
}

static void what_was_never_submitted(void)
{
    struct spd_request request = { .unit = NULL };

    open_unit(&async, SPD_WRITE_PROTECTED);
    request.unit = unit;
    spd_request_complete(&request, NULL);
}

static void complete_the_current(void)
{
    spd_request_complete(spd_request_current(), NULL);
}

static void of_a_simple_device(void)
{
    in_operation = complete_the_current;
    on_a_dispatcher();
}

static void a_request_is_completed_once(void **state)
{
    static const char line[] = "libspd: error: spd_request_complete(): the device does not have "
        "this request: it was completed before, or never submitted";

    (void)state;
    alone_expect_abort(twice_within_submit, line);
    alone_expect_abort(twice_after_submit, line);
    alone_expect_abort(twice_by_two_threads, line);
    alone_expect_abort(twice_within_abort, line);
    alone_expect_abort(after_the_unit_was_deleted, line);
    alone_expect_abort(what_was_never_submitted, line);
    alone_expect_abort(of_a_simple_device, "libspd: error: spd_request_complete(): requests of a "
        "simple device end when the operation returns");
}

static void *wait_on_a_thread(void *unused)
{
    spd_unit_wait(unit);
    return unused;
}

static void delete_while_a_thread_waits(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, wait_on_a_thread, NULL);
    for (bool waited_for = false; !waited_for;) {
        os_mutex_lock(&unit->lock);
        waited_for = unit->waiting;
        os_mutex_unlock(&unit->lock);
    }
    spd_unit_delete(unit);
}

static void delete_what_is_waited_for(void)
{
    in_operation = NULL;
    open_unit(&async, SPD_WRITE_PROTECTED);
    delete_while_a_thread_waits();
}

static void delete_what_is_lent_and_waited_for(void)
{
    spd_params params = test_params(SPD_WRITE_PROTECTED);

    if (spd_unit_create_lent("loop:", &params, SCSI_PROFILE_MODERN,
            &(spd_device){ &async, NULL }, NULL, &unit) || spd_unit_start(unit, 0))
        abort();
    delete_while_a_thread_waits();
}

static void *delete_on_a_thread(void *unused)
{
    spd_unit_delete(unit);
    return unused;
}

/* The first one is held up by a request that the device keeps. */
static void delete_by_two_threads(void)
{
    pthread_t thread;

    in_operation = NULL;
    in_submit();
    pthread_create(&thread, NULL, delete_on_a_thread, NULL);
    for (bool waiting = false; !waiting;) {
        os_mutex_lock(&unit->lock);
        waiting = unit->waiting;
        os_mutex_unlock(&unit->lock);
    }
    spd_unit_delete(unit);
}

static void delete_in_the_log(void *context, int level, const char *text)
{
    (void)context;
    (void)level, (void)text;
    spd_unit_delete(unit);
}

static void delete_within_the_log_function(void)
{
    in_operation = NULL;
    open_unit(&async, SPD_WRITE_PROTECTED);
    spd_log_set(delete_in_the_log, NULL);
    spd_log(SPD_LOG_ERROR, "a line");
    pause();
}

static void a_unit_in_use_is_not_deleted(void **state)
{
    (void)state;
    alone_expect_abort(delete_what_is_waited_for, "libspd: error: spd_unit_delete(): another "
        "thread waits in spd_unit_wait() for the unit");
    alone_expect_abort(delete_what_is_lent_and_waited_for, "libspd: error: spd_unit_delete(): "
        "another thread waits in spd_unit_wait() for the unit");
    alone_expect_abort(delete_by_two_threads, "libspd: error: spd_unit_delete(): another thread is "
        "deleting the unit");
    alone_expect_abort(delete_within_the_log_function, "libspd: error: spd_unit_delete(): called "
        "within the function of spd_log_set()");
}

/* NULL where there must be something. */

#define NULLS(X)                                                                                   \
    X(spd_status_set, (NULL, 3, 0x11, 0, NULL), "status")                                          \
    X(spd_status_set_busy, (NULL), "status")                                                       \
    X(spd_status_set_errno, (NULL, EIO, SPD_READ, 0), "status")                                    \
    X(spd_request_operation, (NULL), "request")                                                    \
    X(spd_request_lba, (NULL), "request")                                                          \
    X(spd_request_blocks, (NULL), "request")                                                       \
    X(spd_request_flags, (NULL), "request")                                                        \
    X(spd_request_data, (NULL, NULL), "request")                                                   \
    X(spd_request_ranges, (NULL, NULL), "request")                                                 \
    X(spd_request_is_aborted, (NULL), "request")                                                   \
    X(spd_request_set_context, (NULL, NULL), "request")                                            \
    X(spd_request_context, (NULL), "request")                                                      \
    X(spd_request_complete, (NULL, NULL), "request")                                               \
    X(spd_request_pass, (NULL, NULL), "request")                                                   \
    X(spd_device_read, (NULL, NULL, 0, 1, 0, NULL), "device")                                      \
    X(spd_device_write, (NULL, NULL, 0, 1, 0, NULL), "device")                                     \
    X(spd_device_flush, (NULL, 0, 0, 0, NULL), "device")                                           \
    X(spd_device_readv, (NULL, NULL, 1, 0, 1, 0, NULL), "device")                                  \
    X(spd_device_writev, (NULL, NULL, 1, 0, 1, 0, NULL), "device")                                 \
    X(spd_device_unmap, (NULL, NULL, 1, 0, NULL), "device")                                        \
    X(spd_device_write_zeroes, (NULL, 0, 1, 0, NULL), "device")                                    \
    X(spd_device_extents, (NULL, 0, 1, 0, NULL, NULL), "device")                                   \
    X(spd_device_prefetch, (NULL, 0, 1, 0, NULL), "device")                                        \
    X(spd_request_extents, (NULL), "request")                                                      \
    X(spd_extents_add, (NULL, 1, SPD_MAPPED), "extents")                                           \
    X(spd_device_abort, (NULL, NULL), "below")                                                     \
    X(spd_device_stop, (NULL), "below")                                                            \
    X(spd_ops_fit, (NULL, NULL), "ops")                                                            \
    X(spd_unit_create, (NULL, NULL, NULL, NULL), "params")                                         \
    X(spd_unit_add_door, (NULL, "loop:"), "unit")                                                  \
    X(spd_unit_start, (NULL, 0), "unit")                                                           \
    X(spd_unit_shutdown, (NULL), "unit")                                                           \
    X(spd_unit_wait, (NULL), "unit")                                                               \
    X(spd_unit_wait_for, (NULL, 0), "unit")                                                        \
    X(spd_unit_params, (NULL, NULL), "unit")                                                       \
    X(spd_unit_block_count, (NULL), "unit")                                                        \
    X(spd_unit_last_error, (NULL, NULL, 0), "unit")                                                \
    X(spd_unit_operation_statistics, (NULL, SPD_READ, NULL), "unit")                               \
    X(spd_params_init, (NULL, sizeof(spd_params)), "params")                                       \
    X(spd_ops_init, (NULL, sizeof(spd_ops)), "ops")                                                \
    X(spd_statistics_init, (NULL, sizeof(spd_statistics)), "statistics")                           \
    X(spd_operation_statistics_init, (NULL, 64), "statistics")                                     \
    X(spd_unit_door_uri, (NULL, 0), "unit")                                                        \
    X(spd_unit_door_name, (NULL, 0), "unit")                                                       \
    X(spd_unit_resize, (NULL, 1), "unit")                                                          \
    X(spd_unit_statistics, (NULL, NULL), "unit")                                                   \
    X(spd_guid_from_name, (NULL, NULL), "name")                                                    \
    X(spd_guid_parse, (NULL, NULL), "text")                                                        \
    X(spd_guid_format, (NULL, NULL), "guid")                                                       \
    X(spd_define_partition_table, (NULL, 1, NULL, NULL), "partitions")

#define X(FUNCTION, ARGUMENTS, WHAT)                                                               \
    static void null_##FUNCTION(void)                                                              \
    {                                                                                              \
        FUNCTION ARGUMENTS;                                                                        \
    }
NULLS(X)
#undef X

static void null_is_refused_by_name(void **state)
{
    (void)state;
#define X(FUNCTION, ARGUMENTS, WHAT)                                                               \
    alone_expect_abort(null_##FUNCTION, "libspd: error: " #FUNCTION "(): " WHAT " is NULL");
    NULLS(X)
#undef X
}

static void print(void *context, int level, const char *text)
{
    (void)context;
    if (level == SPD_LOG_ERROR)
        dprintf(STDERR_FILENO, "the program says: %s\n", text);
}

static void misuse_with_a_sink(void)
{
    spd_log_set(print, NULL);
    spd_unit_shutdown(NULL);
}

static void the_programs_own_log_gets_the_line(void **state)
{
    (void)state;
    alone_expect_abort(misuse_with_a_sink, "libspd: error: spd_unit_shutdown(): unit is NULL");
    assert_non_null(strstr(alone_said, "the program says: spd_unit_shutdown(): unit is NULL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_may_not_wait_for_its_unit),
        cmocka_unit_test(an_operation_may_delete_another_unit),
        cmocka_unit_test(a_child_is_in_no_operation_of_its_parent),
        cmocka_unit_test(a_request_is_completed_once),
        cmocka_unit_test(a_unit_in_use_is_not_deleted),
        cmocka_unit_test(null_is_refused_by_name),
        cmocka_unit_test(the_programs_own_log_gets_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
