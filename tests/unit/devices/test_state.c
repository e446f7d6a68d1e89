/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../work.h"
#include "common/state.h"

#define GUID "01234567-89ab-cdef-0123-456789abcdef"
#define BODY "guid=" GUID "\nmachine=none\n"
#define FIRST "winspd-state 1\n"

static struct state state;
static char why[STATE_WHY_MAX];
static char text[STATE_SIZE_MAX];

static bool parse(const char *from)
{
    return state_parse(&state, from, strlen(from), why);
}

static void what_is_written_is_read(void **unused)
{
    static const char all[] = FIRST "guid=" GUID "\nmachine=89abcdef-0123-4567-89ab-cdef01234567\n"
        "inode=12\nbirth=18446744073709551615\ndevice=naa.5000, partition 2\n";
    static const char least[] = FIRST BODY;

    (void)unused;
    assert_true(parse(all));
    assert_int_equal(state.inode, 12);
    assert_true(state.birth == UINT64_MAX);
    assert_string_equal(state.device, "naa.5000, partition 2");
    assert_int_equal(state_format(&state, text), strlen(all));
    assert_memory_equal(text, all, strlen(all));
    assert_true(parse(least));
    assert_int_equal(state.machine[0] | state.inode | state.birth | state.device[0], 0);
    assert_int_equal(state_format(&state, text), strlen(least));
    assert_memory_equal(text, least, strlen(least));
}

static void unknown_keys_are_kept_as_they_are(void **unused)
{
    static const char ours[] = FIRST BODY "later-1=a = b\nlater-1=\n";

    (void)unused;
    assert_true(parse(FIRST "later-1=a = b\nmachine=none\nlater-1=\nguid=" GUID "\n"));
    assert_int_equal(state_format(&state, text), strlen(ours));
    assert_memory_equal(text, ours, strlen(ours));
}

static void bad_file_is_refused_with_its_line(void **unused)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "line 1 is no line"},
        {"winspd-state 1", "line 1 is no line"},
        {"\n", "line 1 is not 'winspd-state 1'"},
        {BODY, "line 1 is not 'winspd-state 1'"},
        {"winspd-state one\n" BODY, "line 1 is not 'winspd-state 1'"},
        {"winspd-state 2\n" BODY, "version 2 and this program knows version 1"},
        {"winspd-state 18446744073709551616\n" BODY, "line 1 is not"},
        {FIRST, "no line 'guid=...'"},
        {FIRST "guid=" GUID "\n", "no line 'machine=...'"},
        {FIRST "machine=none\n", "no line 'guid=...'"},
        {FIRST "guid=" GUID "\nmachine=none", "line 3 is no line"},
        {FIRST BODY "guid=" GUID "\n", "line 4 gives 'guid' a second time"},
        {FIRST BODY "\n", "line 4 is not of the form key=value"},
        {FIRST BODY "=1\n", "line 4 is not of the form"},
        {FIRST BODY "no sense\n", "line 4 is not of the form"},
        {FIRST BODY "Key=1\n", "line 4 is not of the form"},
        {FIRST BODY "inode=-1\n", "line 4: '-1' is no value of 'inode'"},
        {FIRST BODY "inode=18446744073709551616\n", "line 4: '18446744073709551616' is no value"},
        {FIRST BODY "inode=\n", "line 4: '' is no value of 'inode'"},
        {FIRST BODY "inode=1 \n", "line 4: '1 ' is no value"},
        {FIRST BODY "inode=1\r\n", "line 4 is no line"},
        {FIRST BODY "later=\x1b[2J\n", "line 4 is no line"},
        {FIRST BODY "later=\xc3\xa4\n", "line 4 is no line"},
        {FIRST "guid=00000000-0000-0000-0000-000000000000\nmachine=none\n", "line 2: "},
        {FIRST "guid=none\nmachine=none\n", "line 2: 'none' is no value of 'guid'"},
        {FIRST "guid=" GUID "\nmachine=here\n", "line 3: 'here' is no value of 'machine'"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i].text) || !strstr(why, bad[i].why))
            fail_msg("%s\nis answered '%s' and not '%s'", bad[i].text, why, bad[i].why);
    }
    assert_false(state_parse(&state, FIRST BODY "later=a\0b\n", strlen(FIRST BODY) + 10, why));
    assert_non_null(strstr(why, "line 4 is no line"));
}

static void bounds_hold(void **unused)
{
    char line[2 * STATE_LINE_MAX];
    int length = snprintf(line, sizeof line, FIRST BODY "device=");

    (void)unused;
    memset(line + length, 'x', STATE_TEXT_MAX);
    strcpy(line + length + STATE_TEXT_MAX - 1, "\n");
    assert_true(parse(line));
    assert_int_equal(strlen(state.device), STATE_TEXT_MAX - 1);
    strcpy(line + length + STATE_TEXT_MAX - 1, "x\n");
    assert_false(parse(line));
    memset(line + length, 'x', STATE_LINE_MAX);
    strcpy(line + length + STATE_LINE_MAX, "\n");
    assert_false(parse(line));
    assert_non_null(strstr(why, "line 4 is no line of at most 1023"));
    /* As much of other keys as a file can hold. */
    length = snprintf(text, sizeof text, FIRST BODY);
    while (length + 8 <= STATE_SIZE_MAX)
        length += snprintf(text + length, 9, "key=123\n");
    assert_true(state_parse(&state, text, (size_t)length, why));
    assert_true(state_format(&state, text) <= STATE_SIZE_MAX);
}

/* A text that is cut off anywhere is refused, or is whole valid lines. */
static void every_beginning_is_judged(void **unused)
{
    static const char all[] = FIRST BODY "inode=12\nbirth=34\ndevice=a\nlater=b\n";

    (void)unused;
    for (size_t length = 0; length < sizeof all; length++) {
        /* The memory has the text's length, so that a sanitizer sees reads beyond it. */
        char *copy = malloc(length ? length : 1);
        bool whole = length >= strlen(FIRST BODY) && length < sizeof all && all[length - 1] == '\n';

        memcpy(copy, all, length);
        assert_int_equal(state_parse(&state, copy, length, why), whole);
        free(copy);
    }
}

static void file_is_replaced_as_a_whole(void **unused)
{
    char directory[WORK_PATH_MAX], path[WORK_PATH_MAX + 16], deep[WORK_PATH_MAX + 16];
    size_t length;

    (void)unused;
    assert_non_null(mkdtemp(work_template(directory, "state")));
    snprintf(path, sizeof path, "%s/a.spdstate", directory);
    snprintf(deep, sizeof deep, "%s/no/a", directory);
    assert_int_equal(state_read(path, text, &length), ENOENT);
    assert_int_equal(state_read(directory, text, &length), EINVAL);
    assert_int_equal(state_write(path, "one\n", 4), 0);
    assert_int_equal(state_write(path, "second\n", 7), 0);
    assert_int_equal(state_read(path, text, &length), 0);
    assert_int_equal(length, 7);
    assert_memory_equal(text, "second\n", 7);
    assert_int_equal(state_write(deep, "one\n", 4), ENOENT);
    assert_int_equal(truncate(path, STATE_SIZE_MAX + 1), 0);
    assert_int_equal(state_read(path, text, &length), EFBIG);
    assert_int_equal(state_remove(path), 0);
    /* rmdir() finds it empty: no draft is left. */
    assert_int_equal(rmdir(directory), 0);
}

/* As a start does that fails without the right to open a file. */
static void former_text_is_put_back_in_place(void **unused)
{
    char directory[WORK_PATH_MAX], path[WORK_PATH_MAX + 16];
    size_t length;

    (void)unused;
    assert_non_null(mkdtemp(work_template(directory, "state")));
    snprintf(path, sizeof path, "%s/a.spdstate", directory);
    for (int kept = 1; kept >= 0; kept--) {
        assert_int_equal(state_write(path, "much longer\n", 12), 0);
        assert_int_equal(state_put_back(kept ? state_keep(path) : -1, path, "short\n", 6), 0);
        assert_int_equal(state_read(path, text, &length), 0);
        assert_int_equal(length, 6);
        assert_memory_equal(text, "short\n", 6);
    }
    assert_int_equal(state_put_back(state_keep(path), path, "", 0), 0);
    assert_int_equal(state_put_back(-1, path, "", 0), ENOENT);
    assert_int_equal(rmdir(directory), 0);
}

/* Each draft has the name of its process. */
static void two_programs_that_write_at_once_leave_a_file_of_one(void **unused)
{
    enum { PROGRAMS = 4, TIMES = 50, LONG = 3000 };
    char folder[WORK_PATH_MAX], path[WORK_PATH_MAX + 8], body[LONG];
    size_t length;
    int status;

    (void)unused;
    assert_non_null(mkdtemp(work_template(folder, "state")));
    snprintf(path, sizeof path, "%s/state", folder);
    for (int i = 0; i < PROGRAMS; i++) {
        pid_t child = fork();

        assert_true(child >= 0);
        memset(body, 'a' + i, sizeof body);
        for (int n = 0; child == 0 && n < TIMES; n++) {
            if (state_write(path, body, sizeof body - (size_t)i) != 0)
                _exit(1);
        }
        if (child == 0)
            _exit(0);
    }
    for (int ended = 0; ended < PROGRAMS;) {
        if (state_read(path, text, &length) == 0) {
            assert_int_equal(length, LONG - (text[0] - 'a'));
            for (size_t i = 0; i < length; i++)
                assert_int_equal(text[i], text[0]);
        }
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            ended++;
        }
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* no draft is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(unknown_keys_are_kept_as_they_are),
        cmocka_unit_test(bad_file_is_refused_with_its_line),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(every_beginning_is_judged),
        cmocka_unit_test(file_is_replaced_as_a_whole),
        cmocka_unit_test(former_text_is_put_back_in_place),
        cmocka_unit_test(two_programs_that_write_at_once_leave_a_file_of_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
