/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units that a call cannot have: one that was deleted, and one of the parent after fork(). */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../child.h"
#include "../skip.h"
#include "alone.h"
#include "test_device.h"

static struct test_device device;
static spd_unit *unit;
static spd_request *submitted;
static struct loop_command command;
static unsigned char block[TEST_BLOCK];

static void keep(spd_device *self, spd_request *request)
{
    (void)self;
    submitted = request;
}

static const spd_ops async = { .size = sizeof async, .submit = keep };

static void open_unit(const spd_ops *ops, uint32_t flags)
{
    spd_params params = test_params(flags);

    unit = test_unit(&device, ops, &params, 1);
}

static void submit_a_read(void)
{
    open_unit(&async, SPD_WRITE_PROTECTED);
    loop_start_read(loop_door_of(unit), &command, block, 0, 1, TEST_BLOCK);
}

static void complete(void)
{
    spd_request_complete(submitted, NULL);
}

static void call_wait(void)
{
    spd_unit_wait(unit);
}

static void call_wait_for(void)
{
    spd_unit_wait_for(unit, 1);
}

static void call_delete(void)
{
    spd_unit_delete(unit);
}

static void call_add_door(void)
{
    spd_unit_add_door(unit, "loop:other");
}

static void call_start(void)
{
    spd_unit_start(unit, 1);
}

static void call_shutdown(void)
{
    spd_unit_shutdown(unit);
}

static void call_resize(void)
{
    spd_unit_resize(unit, 1);
}

static void call_shutdown_on_signal(void)
{
    spd_unit_shutdown_on_signal(unit);
}

static const struct {
    const char *name;
    void (*call)(void);
} functions[] = {
    { "spd_unit_add_door", call_add_door },
    { "spd_unit_start", call_start },
    { "spd_unit_shutdown", call_shutdown },
    { "spd_unit_wait", call_wait },
    { "spd_unit_wait_for", call_wait_for },
    { "spd_unit_delete", call_delete },
    { "spd_unit_resize", call_resize },
    { "spd_unit_shutdown_on_signal", call_shutdown_on_signal },
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static unsigned called; /* of functions */

static void after_deletion(void)
{
    open_unit(&async, SPD_WRITE_PROTECTED);
    spd_unit_delete(unit);
    functions[called].call();
}

/* In a child of this process, which then ends as the child does. */
static void in_child(void (*call)(void))
{
    pid_t child = child_fork();
    int status;

    if (child == 0) {
        alarm(ALONE_SECONDS);
        call();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    child_exit(WEXITSTATUS(status));
}

static void after_fork(void)
{
    open_unit(&async, SPD_WRITE_PROTECTED);
    in_child(functions[called].call);
}

static void expect_of_all(void (*misuse)(void), const char *what)
{
    for (called = 0; called < FUNCTIONS; called++) {
        char line[200];

        snprintf(line, sizeof line, "libspd: error: %s(): %s", functions[called].name, what);
        alone_expect_abort(misuse, line);
    }
}

static void a_unit_that_was_deleted_is_noticed(void **state)
{
    (void)state;
    expect_of_all(after_deletion, "there is no such unit: it was deleted, or never created");
}

static void complete_after_fork(void)
{
    submit_a_read();
    in_child(complete);
}

static void a_child_may_not_use_its_parents_unit(void **state)
{
    (void)state;
    expect_of_all(after_fork, "the unit was created before fork(), and is the parent's alone");
    alone_expect_abort(complete_after_fork, "libspd: error: spd_request_complete(): the request "
        "was submitted before fork(), and is the parent's alone");
}

/* With a watch of its own. Exits with 7. */
static void use_own_unit(void)
{
    unsigned char in[TEST_BLOCK];

    memset(&command, 0, sizeof command);
    open_unit(&test_simple_ops, SPD_CACHE);
    if (spd_unit_shutdown_on_signal(unit))
        return;
    loop_start_read(loop_door_of(unit), &command, in, 0, 1, TEST_BLOCK);
    if (loop_wait(&command) != SCSI_GOOD)
        return;
    raise(SIGTERM);
    if (spd_unit_wait(unit))
        return;
    spd_unit_delete(unit);
    child_exit(7);
}

static void own_unit_after_fork(void)
{
    open_unit(&async, SPD_WRITE_PROTECTED);
    if (spd_unit_shutdown_on_signal(unit) == 0)
        in_child(use_own_unit);
}

static void a_child_may_create_units_of_its_own(void **state)
{
    int status;

    (void)state;
    if (!CHILDREN_HAVE_THREADS)
        SKIP_BECAUSE(NO_THREADS_IN_CHILDREN);
    status = alone_run(own_unit_after_fork);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* Exits with 7 when the child has ended by the signal, and the parent's unit has not. */
static void end_a_child(void)
{
    pid_t child;
    int status;

    open_unit(&test_simple_ops, SPD_CACHE);
    if (spd_unit_shutdown_on_signal(unit))
        return;
    child = child_fork();
    if (child == 0) {
        alarm(ALONE_SECONDS);
        raise(SIGTERM);
        for (;;)
            pause();
    }
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
        return;
    raise(SIGTERM); /* the watch is still there, and nobody has used it up */
    spd_unit_wait(unit);
    child_exit(7);
}

static void a_signal_to_a_child_is_not_its_parents(void **state)
{
    int status;

    (void)state;
    if (!CHILDREN_HAVE_THREADS)
        SKIP_BECAUSE(NO_THREADS_IN_CHILDREN);
    status = alone_run(end_a_child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_that_was_deleted_is_noticed),
        cmocka_unit_test(a_child_may_not_use_its_parents_unit),
        cmocka_unit_test(a_child_may_create_units_of_its_own),
        cmocka_unit_test(a_signal_to_a_child_is_not_its_parents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
