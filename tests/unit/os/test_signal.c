/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Signals come to a process that watches them, and to one whose watch has ended. Each test is a
 * process of its own, since what may end it is what is tested. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/os.h"

static atomic_int calls;

static void count(void *context)
{
    (void)context;
    atomic_fetch_add(&calls, 1);
}

static void watch_until(int number)
{
    atomic_store(&calls, 0);
    if (os_signal_watch(count, NULL) != 0)
        _exit(1);
    raise(number);
    while (atomic_load(&calls) == 0)
        os_yield();
}

/* The wait status of a process that does this, and then ends with 0. */
static int status_of(void (*work)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* SIGHUP, since of SIGINT and SIGTERM those that come a second later act again. */
static void be_hung_up_on_often(void)
{
    for (int i = 0; i < 2; i++) {
        watch_until(SIGHUP);
        raise(SIGHUP);
        os_signal_unwatch();
        raise(SIGHUP);
        if (atomic_load(&calls) != 1)
            _exit(1);
    }
}

static void what_comes_again_while_the_program_ends_does_not_kill_it(void **state)
{
    (void)state;
    assert_int_equal(status_of(be_hung_up_on_often), 0);
}

static void watch_again_and_be_killed(void)
{
    watch_until(SIGTERM);
    os_signal_unwatch();
    if (os_signal_watch(count, NULL) != 0)
        _exit(1);
    os_signal_unwatch();
    raise(SIGTERM);
}

static void a_watch_without_a_signal_leaves_all_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(WTERMSIG(status_of(watch_again_and_be_killed)), SIGTERM);
}

static void ignore_and_watch(void)
{
    signal(SIGHUP, SIG_IGN);
    watch_until(SIGTERM);
    os_signal_unwatch();
    raise(SIGHUP);
    if (signal(SIGHUP, SIG_DFL) != SIG_IGN)
        _exit(1);
}

static void a_hangup_that_was_ignored_stays_so(void **state)
{
    (void)state;
    assert_int_equal(status_of(ignore_and_watch), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_again_while_the_program_ends_does_not_kill_it),
        cmocka_unit_test(a_watch_without_a_signal_leaves_all_as_it_was),
        cmocka_unit_test(a_hangup_that_was_ignored_stays_so),
    };

    return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
