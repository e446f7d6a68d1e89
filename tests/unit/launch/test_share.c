/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Shares of the launcher's pipes. A letter is a pipe's user, in capitals when he is served; `.`
 * is a free pipe. The pipes were taken one after the other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "launcher/share.h"

#include <cmocka.h>

static void fill(struct share_pipe pipes[SHARE_PIPES], const char *text)
{
    assert_int_equal(strlen(text), SHARE_PIPES);
    for (size_t i = 0; i < SHARE_PIPES; i++) {
        pipes[i] = (struct share_pipe){
            .state = text[i] == '.' ? SHARE_FREE
                : text[i] < 'a'     ? SHARE_SERVED
                                    : SHARE_SILENT,
            .user = (uint64_t)(text[i] | ' '),
            .since = i,
        };
    }
}

static size_t victim(const char *text)
{
    struct share_pipe pipes[SHARE_PIPES];

    fill(pipes, text);
    return share_victim(pipes);
}

static void nobody_goes_while_pipes_are_free(void **state)
{
    (void)state;
    assert_int_equal(victim("................................"), SHARE_PIPES);
    assert_int_equal(victim("aaaaaaaaaaaaaaaaaaaaaaaaaaaa...."), SHARE_PIPES);
}

static void the_oldest_of_who_keeps_most_goes(void **state)
{
    (void)state;
    assert_int_equal(victim("bcaaaaaaaaaaaaaaaaaaaaaaaaaaa..."), 2);
    assert_int_equal(victim("bbbbbbaaaaaaaaaaaaaaaaaaaaaaa..."), 6);
    assert_int_equal(victim("abcdefghijklmnopqrstuvwxyz{|}..."), 0);
}

static void who_is_served_stays(void **state)
{
    (void)state;
    assert_int_equal(victim("AAAAAAAAbcccDDDEEEEEEEEEEEEEE..."), 9);
    assert_int_equal(victim("AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB"), SHARE_PIPES);
}

static void half_of_the_pipes_serve_a_user(void **state)
{
    struct share_pipe pipes[SHARE_PIPES];

    (void)state;
    fill(pipes, "AAAAAAAAAAAAAAAabbbbbbbbbbbbbbbb");
    assert_true(share_may_serve(pipes, 15));
    fill(pipes, "AAAAAAAAAAAAAAAAab..............");
    assert_false(share_may_serve(pipes, 16));
    assert_true(share_may_serve(pipes, 17));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_goes_while_pipes_are_free),
        cmocka_unit_test(the_oldest_of_who_keeps_most_goes),
        cmocka_unit_test(who_is_served_stays),
        cmocka_unit_test(half_of_the_pipes_serve_a_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
