/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Lines reach a reader, and stop nobody without one. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sink.h"

static int ends[2], errors[2];
static struct sink sink;

static int start(void **state)
{
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(errors), 0);
    sink_begin("disk");
    sink = (struct sink){.fd = sink_descriptor(ends[1]), .name = "the log"};
    sink_error = (struct sink){.fd = sink_descriptor(errors[1]), .name = "standard error"};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    close(sink.fd);
    close(sink_error.fd);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(errors[i]);
    }
    return 0;
}

static void say(const char *text)
{
    sink_write(&sink, text, strlen(text));
}

/* Through the descriptor that others share; it stays one that waits. */
static size_t fill(void)
{
    int own = sink_descriptor(ends[1]);
    char bytes[4096] = {0};
    size_t filled = 0;
    ssize_t n;

    assert_int_not_equal(own, ends[1]);
    while ((n = write(own, bytes, sizeof bytes)) > 0)
        filled += (size_t)n;
    close(own);
    return filled;
}

static void skip_bytes(size_t count)
{
    char bytes[4096];

    while (count) {
        ssize_t n = read(ends[0], bytes, count < sizeof bytes ? count : sizeof bytes);

        assert_true(n > 0);
        count -= (size_t)n;
    }
}

static void expect(int fd, const char *text)
{
    char got[512];
    ssize_t n = read(fd, got, sizeof got - 1);

    assert_true(n >= 0);
    got[n] = 0;
    assert_string_equal(got, text);
}

static void lines_come_through(void **state)
{
    (void)state;
    say("one\n");
    expect(ends[0], "one\n");
    assert_false(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
}

static void a_full_pipe_stops_nobody_and_the_lines_are_counted(void **state)
{
    size_t filled = fill();

    (void)state;
    for (int i = 0; i < 500; i++)
        say("lost\n");
    say("two\nlines\n");
    expect(errors[0],
        "disk: the log cannot be written: nobody reads it; lines are lost until it can\n");
    skip_bytes(filled);
    say("found\n");
    expect(ends[0], "disk: 502 lines were lost here, for want of room or of a reader\nfound\n");
    say("on\n");
    expect(ends[0], "on\n");
}

static void a_full_disk_is_told_once(void **state)
{
    (void)state;
    close(sink.fd);
    sink.fd = open("/dev/full", O_WRONLY);
    for (int i = 0; i < 500; i++)
        say("lost\n");
    expect(errors[0],
        "disk: the log cannot be written: No space left on device; lines are lost until it can\n");
    close(sink.fd);
    sink.fd = sink_descriptor(ends[1]);
    say("found\n");
    expect(ends[0], "disk: 500 lines were lost here, for want of room or of a reader\nfound\n");
}

static void a_closed_descriptor_is_none(void **state)
{
    (void)state;
    close(sink.fd);
    say("lost\n");
    assert_int_equal(sink.lost, 1);
    sink.fd = sink_descriptor(ends[1]);
}

static void a_text_of_pieces_is_whole(void **state)
{
    FILE *text = sink_text_open();

    (void)state;
    assert_non_null(text);
    fprintf(text, "%d and ", 1);
    fprintf(text, "%d\n", 2);
    sink_text_close(text, &sink);
    expect(ends[0], "1 and 2\n");
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(lines_come_through),
        TEST(a_full_pipe_stops_nobody_and_the_lines_are_counted),
        TEST(a_full_disk_is_told_once),
        TEST(a_closed_descriptor_is_none),
        TEST(a_text_of_pieces_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
