/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The log: nobody waits for it, nothing in it is forged, and what does not fit is counted. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../child.h"
#include "../skip.h"
#include "test_device.h"

enum { CAUGHT_MAX = 2000 };

static os_mutex lock = OS_MUTEX_INIT;
static os_cond changed = OS_COND_INIT;
static struct {
    bool hold;   /* the function does not return */
    bool inside; /* it was called */
    unsigned count;
    int level;
    char text[CAUGHT_MAX][SPD_LOG_LINE_MAX];
} caught;

static void catch(void *context, int level, const char *text)
{
    (void)context;
    os_mutex_lock(&lock);
    caught.level = level;
    if (caught.count < CAUGHT_MAX)
        strcpy(caught.text[caught.count++], text);
    caught.inside = true;
    os_cond_broadcast(&changed);
    while (caught.hold)
        os_cond_wait(&changed, &lock);
    os_mutex_unlock(&lock);
}

static void hold(bool on)
{
    os_mutex_lock(&lock);
    caught.hold = on;
    os_cond_broadcast(&changed);
    os_mutex_unlock(&lock);
}

static void wait_until_inside(void)
{
    os_mutex_lock(&lock);
    while (!caught.inside)
        os_cond_wait(&changed, &lock);
    os_mutex_unlock(&lock);
}

static int start(void **state)
{
    (void)state;
    memset(&caught, 0, sizeof caught);
    spd_log_set(catch, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    hold(false);
    spd_log_set(NULL, NULL);
    return 0;
}

static void lines_arrive_in_their_order(void **state)
{
    (void)state;
    errno = 7;
    for (int i = 0; i < 100; i++)
        spd_log(SPD_LOG_WARNING, "line %d", i);
    assert_int_equal(errno, 7);
    spd_log_set(NULL, NULL);
    spd_log(SPD_LOG_ERROR, "to nobody");
    assert_int_equal(caught.count, 100);
    assert_int_equal(caught.level, 1);
    assert_string_equal(caught.text[0], "line 0");
    assert_string_equal(caught.text[99], "line 99");
}

/* A program's context, which it takes back with the next spd_log_set(). */
struct context {
    _Atomic bool given;
    _Atomic unsigned lines, wrong;
};

static struct context contexts[2];
static _Atomic unsigned lines_taken;

static void take(struct context *context, const struct context *wanted)
{
    bool right = context == wanted && atomic_load(&context->given);

    atomic_fetch_add(right ? &context->lines : &context->wrong, 1);
    atomic_fetch_add(&lines_taken, 1);
}

static void take_first(void *context, int level, const char *text)
{
    (void)level;
    (void)text;
    take(context, &contexts[0]);
}

static void take_second(void *context, int level, const char *text)
{
    (void)level;
    (void)text;
    take(context, &contexts[1]);
}

/* Few lines at a time: spd_log_set() waits for their end, at most 2 s. */
static void *write_lines(void *ended)
{
    while (!atomic_load((_Atomic bool *)ended)) {
        unsigned before = atomic_load(&lines_taken);

        spd_log(SPD_LOG_ERROR, "a line");
        while (atomic_load(&lines_taken) == before)
            os_yield();
    }
    return NULL;
}

static void a_function_has_its_own_context_until_the_next_is_set(void **state)
{
    _Atomic bool ended = false;
    pthread_t writers[2];

    (void)state;
    atomic_store(&contexts[1].given, true);
    spd_log_set(take_second, &contexts[1]);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_lines, &ended), 0);
    for (unsigned i = 0; i < 100; i++) {
        struct context *next = &contexts[i % 2];

        atomic_store(&next->given, true);
        spd_log_set(i % 2 ? take_second : take_first, next);
        atomic_store(&contexts[(i + 1) % 2].given, false);
        for (unsigned before = atomic_load(&lines_taken); atomic_load(&lines_taken) == before;)
            os_yield();
    }
    atomic_store(&ended, true);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    spd_log_set(NULL, NULL);
    assert_int_equal(contexts[0].wrong + contexts[1].wrong, 0);
}

static void nobody_waits_for_a_function_that_does_not_return(void **state)
{
    (void)state;
    hold(true);
    spd_log(SPD_LOG_ERROR, "first");
    wait_until_inside();
    for (int i = 0; i < SPD_LOG_LINES + 744; i++)
        spd_log(SPD_LOG_ERROR, "line %d", i);
    hold(false);
    spd_log_set(NULL, NULL);
    assert_int_equal(caught.count, 1 + SPD_LOG_LINES + 1);
    assert_string_equal(caught.text[SPD_LOG_LINES], "line 255");
    assert_string_equal(caught.text[SPD_LOG_LINES + 1],
        "744 lines of the log were lost, since it was not taken in time");
}

static void deleting_the_last_unit_does_not_wait_for_ever(void **state)
{
    struct test_device device;
    spd_params params = test_params(0);
    spd_unit *unit;

    (void)state;
    unit = test_unit(&device, &test_simple_ops, &params, 1);
    hold(true);
    spd_log(SPD_LOG_ERROR, "first");
    wait_until_inside();
    spd_log(SPD_LOG_ERROR, "second");
    test_unit_end(unit, &device);
    spd_log_set(catch, NULL);
    assert_int_equal(caught.count, 1);
    hold(false);
    spd_log_set(NULL, NULL);
    assert_int_equal(caught.count, 2);
}

static unsigned log_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;

    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], name[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof name, file))
            count += strcmp(name, "spd-log\n") == 0;
        fclose(file);
    }
    closedir(tasks);
    return count;
}

/* A thread names itself, and the system shows it for a moment after it was joined. */
static void wait_for_log_threads(unsigned count)
{
    while (log_threads() != count)
        os_yield();
}

static void its_thread_is_there_as_long_as_a_unit_is(void **state)
{
    struct test_device devices[2];
    spd_params params = test_params(0);
    spd_unit *units[2];

    (void)state;
    wait_for_log_threads(0);
    for (int i = 0; i < 2; i++) {
        units[i] = test_unit(&devices[i], &test_simple_ops, &params, 1);
        spd_log(SPD_LOG_ERROR, "unit %d", i);
    }
    wait_for_log_threads(1);
    test_unit_end(units[0], &devices[0]);
    assert_int_equal(log_threads(), 1);
    test_unit_end(units[1], &devices[1]);
    wait_for_log_threads(0);
    assert_int_equal(caught.count, 2);
}

static void nothing_in_a_line_is_forged(void **state)
{
    static const struct {
        const char *raw, *line;
    } rows[] = {
        { "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
        { "a\nrawdisk: forged", "a\\x0arawdisk: forged" },
        { "\x1b[2J\x07\x7f\t", "\\x1b[2J\\x07\\x7f\\x09" },
        { "\xc2\x9b" "31m", "\\xc2\\x9b31m" },              /* CSI in one character */
        { "\xe2\x80\xae" "gpj", "\\xe2\\x80\\xaegpj" },     /* right-to-left override */
        { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },              /* LINE SEPARATOR */
        { "\xff\x80", "\\xff\\x80" },                       /* no UTF-8 */
        { "\xc0\x8a\xe0\x80\x8a", "\\xc0\\x8a\\xe0\\x80\\x8a" }, /* overlong line feeds */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },              /* a surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },     /* above U+10FFFF */
        { "cut \xe2\x82", "cut \\xe2\\x82" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[SPD_LOG_LINE_MAX];

        spd_log_escape(rows[i].raw, line, sizeof line);
        assert_string_equal(line, rows[i].line);
    }
    spd_log(SPD_LOG_ERROR, "%s", "two\nlines");
    spd_log_set(NULL, NULL);
    assert_string_equal(caught.text[0], "two\\x0alines");
}

static void a_long_line_is_cut_not_overrun(void **state)
{
    char text[3000], line[16];

    (void)state;
    memset(text, '\n', sizeof text - 1);
    text[sizeof text - 1] = 0;
    spd_log(SPD_LOG_ERROR, "%s", text);
    spd_log_set(NULL, NULL);
    assert_true(strlen(caught.text[0]) >= SPD_LOG_LINE_MAX - 5);
    assert_string_equal(caught.text[0] + strlen(caught.text[0]) - 7, "\\x0a...");
    spd_log_escape("0123456789abcdef", line, sizeof line);
    assert_string_equal(line, "0123456789ab...");
    spd_log_escape("0123456789abcde", line, sizeof line);
    assert_string_equal(line, "0123456789abcde");
    spd_log_escape("0123456789a\n", line, sizeof line);
    assert_string_equal(line, "0123456789a\\x0a");
    spd_log_escape("0123456789a\n.", line, sizeof line);
    assert_string_equal(line, "0123456789a...");
}

static void a_peer_has_a_few_lines_and_the_others_are_counted(void **state)
{
    static struct spd_log_limit limit = { .kind = "test: bad logins" };

    (void)state;
    for (int i = 0; i < 1000; i++)
        spd_log_limited(&limit, "192.0.2.1", SPD_LOG_WARNING, "bad login %d", i);
    spd_log_limited(&limit, "192.0.2.2", SPD_LOG_WARNING, "another's");
    spd_log_set(NULL, NULL);
    assert_int_equal(caught.count, SPD_LOG_PEER_LINES + 2);
    assert_string_equal(caught.text[SPD_LOG_PEER_LINES - 1], "bad login 9");
    assert_string_equal(caught.text[SPD_LOG_PEER_LINES], "another's");
    assert_string_equal(
        caught.text[SPD_LOG_PEER_LINES + 1], "test: bad logins: 990 more of 192.0.2.1");
}

static void a_program_adds_lines_as_a_peer_does(void **state)
{
    (void)state;
    spd_log_line(SPD_LOG_WARNING, "it\nbroke");
    spd_log_set(catch, NULL);
    assert_int_equal(caught.level, SPD_LOG_WARNING);
    assert_string_equal(caught.text[0], "it\\x0abroke");
    for (int i = 0; i < 100; i++)
        spd_log_line(i ? SPD_LOG_INFO : 77, "again");
    spd_log_set(NULL, NULL);
    assert_int_equal(caught.count, SPD_LOG_PEER_LINES + 1);
    assert_string_equal(caught.text[SPD_LOG_PEER_LINES], "lines of the program: 91 more");
}

static void many_peers_have_no_more_lines_than_a_kind_has(void **state)
{
    static struct spd_log_limit limit = { .kind = "test: flood" };
    unsigned long long lines = 0, counted = 0, n;
    char peer[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(peer, sizeof peer, "2001:db8::%x", i);
        spd_log_limited(&limit, peer, SPD_LOG_WARNING, "flood");
    }
    spd_log_set(NULL, NULL);
    for (unsigned i = 0; i < caught.count; i++) {
        if (strcmp(caught.text[i], "flood") == 0)
            lines++;
        else if (sscanf(caught.text[i], "test: flood: %llu more", &n) == 1)
            counted += n;
    }
    /* On a slow machine a second passes meanwhile, and each gives a line. */
    assert_in_range(lines, SPD_LOG_KIND_LINES, 500);
    assert_int_equal(lines + counted, 1000);
    assert_true(caught.count <= lines + SPD_LOG_PEERS + 1);
}

static void a_quiet_peer_gets_its_lines_back(void **state)
{
    static struct spd_log_limit limit = { .kind = "test: slow" };
    const uint64_t second = 1000000000;
    uint64_t now = 5000 * second, due = now + SPD_LOG_SUMMARY_SECONDS * second;
    char line[SPD_LOG_LINE_MAX];
    unsigned taken = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        taken += spd_limit_take(&limit, "p", now);
    assert_int_equal(taken, SPD_LOG_PEER_LINES);
    assert_false(spd_limit_take(&limit, "p", now + SPD_LOG_PEER_SECONDS * second - 1));
    assert_true(spd_limit_take(&limit, "p", now + SPD_LOG_PEER_SECONDS * second));
    assert_false(spd_limit_take(&limit, "p", now + SPD_LOG_PEER_SECONDS * second));

    assert_true(spd_limit_pending());
    assert_false(spd_limit_report(false, due - 1, line, sizeof line));
    assert_true(spd_limit_report(false, due, line, sizeof line));
    assert_string_equal(line, "test: slow: 92 more of p");
    assert_false(spd_limit_pending());
    assert_false(spd_limit_report(true, now, line, sizeof line));

    now += 1000 * second;
    for (int i = 0; i < 100; i++)
        taken += spd_limit_take(&limit, "p", now);
    assert_int_equal(taken, 2 * SPD_LOG_PEER_LINES);
    while (spd_limit_report(true, now, line, sizeof line))
        ;
}

/* Runs it in a process of its own, whose standard error comes back; returns the exit status. */
static int in_child(void (*function)(void), char *output, size_t size)
{
    size_t got = 0;
    ssize_t n;
    int ends[2], status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = child_fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        function();
        child_exit(1);
    }
    close(ends[1]);
    while (got < size - 1 && (n = read(ends[0], output + got, size - 1 - got)) > 0)
        got += (size_t)n;
    output[got] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void print(void *context, int level, const char *text)
{
    (void)context;
    fprintf(stderr, "%d %s\n", level, text);
}

static void log_as_a_child(void)
{
    caught.hold = false;
    spd_log_set(print, NULL);
    spd_log(SPD_LOG_INFO, "the child's");
    spd_log_set(NULL, NULL);
    child_exit(3);
}

static void a_child_has_its_own_lines(void **state)
{
    char output[200];

    (void)state;
    if (!CHILDREN_HAVE_THREADS)
        SKIP_BECAUSE(NO_THREADS_IN_CHILDREN);
    hold(true);
    spd_log(SPD_LOG_ERROR, "first");
    wait_until_inside();
    spd_log(SPD_LOG_ERROR, "the parent's");
    assert_int_equal(in_child(log_as_a_child, output, sizeof output), 3);
    assert_string_equal(output, "2 the child's\n");
    hold(false);
    spd_log_set(NULL, NULL);
    assert_int_equal(caught.count, 2);
    assert_string_equal(caught.text[1], "the parent's");
}

static void look_for_counts(void)
{
    child_exit(spd_limit_pending() ? 4 : 3);
}

static void a_child_leaves_what_was_counted_to_its_parent(void **state)
{
    static struct spd_log_limit limit = { .kind = "test: before a fork" };
    char output[200];

    (void)state;
    for (int i = 0; i <= SPD_LOG_PEER_LINES; i++)
        spd_log_limited(&limit, "192.0.2.1", SPD_LOG_WARNING, "line");
    assert_int_equal(in_child(look_for_counts, output, sizeof output), 3);
    spd_log_set(NULL, NULL);
    assert_int_equal(caught.count, SPD_LOG_PEER_LINES + 1);
    assert_string_equal(
        caught.text[SPD_LOG_PEER_LINES], "test: before a fork: 1 more of 192.0.2.1");
}

/* The parts below run in this program started anew: a process that was forked off a sanitized one
 * and ends by exit() is said to leak what the other threads had. */
static void become(const char *part)
{
    char self[PATH_MAX];
    /* By its name: behind the link itself is valgrind, where that runs the test. */
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    self[length < 0 ? 0 : length] = '\0';
    execl(self, "test-lib-log", part, (char *)NULL);
}

static void become_default(void)
{
    become("default");
}

static void become_stuck(void)
{
    become("stuck");
}

/* It exits without a word to the library. */
static void default_part(void)
{
    spd_log(SPD_LOG_ERROR, "bad");
    spd_log(SPD_LOG_INFO, "fine");
    spd_log(SPD_LOG_DEBUG, "detail");
    spd_log(SPD_LOG_WARNING, "odd");
}

/* "libspd: 2026-11-30T05:28:55Z error: bad" */
static char *expect_dated(char *line, const char *rest)
{
    static const char form[] = "libspd: dddd-dd-ddTdd:dd:ddZ ";

    for (unsigned i = 0; form[i] != '\0'; i++)
        if (form[i] == 'd' && i > 7 ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
            fail_msg("'%s' does not begin like '%s'", line, form);
    line += sizeof form - 1;
    assert_memory_equal(line, rest, strlen(rest));
    return line + strlen(rest);
}

static void a_program_that_sets_none_has_its_lines_on_standard_error_with_the_time(void **state)
{
    char output[500], *at = output;

    (void)state;
    assert_int_equal(in_child(become_default, output, sizeof output), 3);
    at = expect_dated(at, "error: bad\n");
    at = expect_dated(at, "information: fine\n");
    at = expect_dated(at, "warning: odd\n");
    assert_string_equal(at, "");
}

static void to_full_pipe(void *context, int level, const char *text)
{
    static int ends[2];
    char bytes[4096] = { 0 };

    (void)context;
    (void)level;
    (void)text;
    if (pipe(ends) != 0)
        child_exit(1);
    for (;;)
        if (write(ends[1], bytes, sizeof bytes) < 0)
            child_exit(1);
}

static void stuck_part(void)
{
    spd_log_set(to_full_pipe, NULL);
    for (int i = 0; i < 1000; i++)
        spd_log(SPD_LOG_ERROR, "line %d", i);
}

static void a_pipe_that_nobody_reads_does_not_keep_a_program_from_its_exit(void **state)
{
    char output[10];

    (void)state;
    assert_int_equal(in_child(become_stuck, output, sizeof output), 3);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(lines_arrive_in_their_order),
        TEST(a_function_has_its_own_context_until_the_next_is_set),
        TEST(nobody_waits_for_a_function_that_does_not_return),
        TEST(deleting_the_last_unit_does_not_wait_for_ever),
        TEST(its_thread_is_there_as_long_as_a_unit_is),
        TEST(nothing_in_a_line_is_forged),
        TEST(a_long_line_is_cut_not_overrun),
        TEST(a_peer_has_a_few_lines_and_the_others_are_counted),
        TEST(a_program_adds_lines_as_a_peer_does),
        TEST(many_peers_have_no_more_lines_than_a_kind_has),
        TEST(a_quiet_peer_gets_its_lines_back),
        TEST(a_child_has_its_own_lines),
        TEST(a_child_leaves_what_was_counted_to_its_parent),
        TEST(a_program_that_sets_none_has_its_lines_on_standard_error_with_the_time),
        TEST(a_pipe_that_nobody_reads_does_not_keep_a_program_from_its_exit),
    };

    if (argc == 2) {
        (strcmp(argv[1], "stuck") == 0 ? stuck_part : default_part)();
        return 3;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
