/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Tests run one after the other in this process, as the original's do, and the first that fails
 * ends it: then the driver takes its units away. With --no-abort each is a process of its own,
 * which may fail, crash or hang, and the next one runs.
 */

#include "runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "../wine/programs/check.h"

#define HANGS (5 * PATIENCE) /* ms, for a test in a process of its own */

/* Without a frame longjmp() unwinds none, and restores the registers. clang's __builtin_longjmp()
 * overflowed the stack. */
#ifdef __x86_64__
#define SET_JUMP(buffer) _setjmp(buffer, NULL)
#else
#define SET_JUMP(buffer) setjmp(buffer)
#endif

enum result { PASSED, FAILED, SKIPPED };

static struct {
    bool tap;
    unsigned counts[3];
    const char *name; /* of the test that runs */
    DWORD begun;
} run;

static jmp_buf skip_to;
static char skip_reason[200];
static bool skip_here;

void skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(skip_reason, sizeof skip_reason, format, arguments);
    va_end(arguments);
    if (skip_here)
        longjmp(skip_to, 1);
    printf("# %s\n", skip_reason);
    fflush(stdout);
    ExitProcess(CHILD_SKIPS);
}

static void begin_line(const char *name)
{
    run.name = name;
    run.begun = GetTickCount();
    if (run.tap)
        printf("# %s\n", name);
    else
        printf("%s%.*s", name, (int)(strlen(name) < 39 ? 39 - strlen(name) : 1),
            ".......................................");
    fflush(stdout);
}

static void end_line(enum result result, const char *reason)
{
    static const char *const words[] = { "OK", "FAILED", "SKIPPED" };
    DWORD ms = GetTickCount() - run.begun;
    unsigned number;

    run.counts[result]++;
    number = run.counts[PASSED] + run.counts[FAILED] + run.counts[SKIPPED];
    if (run.tap && result == SKIPPED)
        printf("ok %u - %s # SKIP %s\n", number, run.name, reason);
    else if (run.tap)
        printf("# %lu ms\n%s %u - %s\n", ms, result == FAILED ? "not ok" : "ok", number, run.name);
    else if (result == PASSED)
        printf(" OK %lu.%02lus\n", ms / 1000, ms % 1000 / 10);
    else
        printf(" %s%s%s\n", words[result], *reason ? ": " : "", reason);
    fflush(stdout);
}

static void break_line(void)
{
    if (!run.tap)
        printf(" %s\n", "FAILED");
}

static void end_of_failed(void)
{
    if (run.tap)
        end_line(FAILED, "");
}

static void run_here(const struct suite *suite, const struct test *test)
{
    before_failure = break_line;
    after_failure = end_of_failed;
    if (suite->before)
        suite->before();
    skip_here = true;
    if (SET_JUMP(skip_to)) {
        end_line(SKIPPED, skip_reason);
    } else {
        test->run();
        end_line(PASSED, "");
    }
    skip_here = false;
    if (suite->after)
        suite->after();
}

/* Its output is its own; the line with the result comes after it. */
static void run_elsewhere(const struct test *test)
{
    HANDLE process = start_child("test", test->name, FALSE, NULL);
    DWORD code = 0;
    char reason[40];

    if (WaitForSingleObject(process, HANGS)) {
        TerminateProcess(process, 1);
        end_line(FAILED, "it hangs");
        CloseHandle(process);
        return;
    }
    GetExitCodeProcess(process, &code);
    CloseHandle(process);
    snprintf(reason, sizeof reason, "exit status %lu (%#lx)", code, code);
    if (code == CHILD_SKIPS)
        end_line(SKIPPED, "it said why");
    else
        end_line(code ? FAILED : PASSED, code ? reason : "");
}

static void run_one(const struct suite *suite, const struct test *test,
    const struct options *options, const struct system *system)
{
    const char *refused = system_refuses(system, suite->needs | test->needs);

    begin_line(test->name);
    if (refused)
        end_line(SKIPPED, refused);
    else if (options->no_abort)
        run_elsewhere(test);
    else
        run_here(suite, test);
}

static bool is_chosen(const struct suite *suite, const struct test *test,
    const struct options *options, bool *running)
{
    if (!*running && !strcmp(test->name, options->from))
        *running = true;
    return *running && options_choose(options, suite, test);
}

/* of_driver says whether a test needs the driver at all. */
static unsigned count_chosen(
    const struct suite *suites, const struct options *options, bool *of_driver)
{
    bool running = !options->from;
    const struct suite *suite;
    const struct test *test;
    unsigned count = 0;

    for (suite = suites; suite->name; suite++) {
        for (test = suite->tests; test->name; test++) {
            if (!is_chosen(suite, test, options, &running))
                continue;
            count++;
            *of_driver = *of_driver || suite->of_driver;
            if (options->list)
                printf("%s\n", test->name);
        }
    }
    return count;
}

static void run_chosen(const struct suite *suites, const struct options *options,
    const struct system *system)
{
    bool running = !options->from;
    const struct suite *suite;
    const struct test *test;

    for (suite = suites; suite->name; suite++) {
        bool begun = !suite->begin || options->no_abort;

        for (test = suite->tests; test->name; test++) {
            if (!is_chosen(suite, test, options, &running))
                continue;
            if (!begun)
                suite->begin();
            begun = true;
            run_one(suite, test, options, system);
        }
    }
}

static void print_totals(void)
{
    if (run.tap)
        printf("1..%u\n", run.counts[PASSED] + run.counts[FAILED] + run.counts[SKIPPED]);
    else
        printf("%u passed, %u failed, %u skipped\n", run.counts[PASSED], run.counts[FAILED],
            run.counts[SKIPPED]);
    fflush(stdout);
}

int run_suites(const struct suite *suites, const struct options *options,
    const struct system *system)
{
    bool of_driver = false;
    unsigned count = count_chosen(suites, options, &of_driver);

    if (!count)
        fprintf(stderr, "winspd-tests: no test has such a name; --list has their names\n");
    if (!count || options->list)
        return count ? 0 : CHILD_UNKNOWN;
    if (of_driver && !system_is_ready(system))
        return NOT_READY;
    run.tap = options->tap;
    do
        run_chosen(suites, options, system);
    while (options->forever && !run.counts[FAILED]);
    print_totals();
    return run.counts[FAILED] != 0;
}

int run_alone(const struct suite *suites, const char *name)
{
    const struct suite *suite;
    const struct test *test;

    for (suite = suites; suite->name; suite++) {
        for (test = suite->tests; test->name; test++) {
            if (strcmp(test->name, name))
                continue;
            if (suite->begin)
                suite->begin();
            if (suite->before)
                suite->before();
            test->run();
            if (suite->after)
                suite->after();
            return 0;
        }
    }
    return CHILD_UNKNOWN;
}
