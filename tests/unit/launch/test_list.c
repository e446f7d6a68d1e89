/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A list of instances, of launchers that are old, or that answer wrong. In the texts of these tests
 * `|` is a NUL. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "launch/list.h"
#include "text16.h"

#include <cmocka.h>

/* The launcher's answers, in turn; after the last one, that again. */
static const char *const *answers;
static unsigned answer_count;
static uint32_t transport_error;
static unsigned calls;
static char asked[256]; /* the requests: a letter and the names */

static struct launch_list list;

uint32_t launch_call(const struct launch_request *request, struct launch_reply *reply)
{
    const char *answer = answers[calls < answer_count ? calls : answer_count - 1];
    char16_t message[LAUNCH_MESSAGE_MAX];
    size_t length = launch_encode_request(request, message);
    char *text = narrow(message, length);
    char16_t *bytes;

    strncat(asked, text, sizeof asked - strlen(asked) - 1);
    free(text);
    calls++;
    if (transport_error)
        return transport_error;
    bytes = wide(answer, strlen(answer));
    reply->bytes = strlen(answer) * sizeof *bytes;
    memcpy(reply->message, bytes, reply->bytes);
    free(bytes);
    reply->error = launch_decode_answer(
        reply->message, reply->bytes, &reply->payload, &reply->payload_length);
    return 0;
}

static void begin(const char *const *texts, unsigned count)
{
    answers = texts;
    answer_count = count;
    transport_error = 0;
    calls = 0;
    asked[0] = 0;
    memset(&list, 0xa5, sizeof list);
    launch_list_begin(&list);
}

/* Until the end: "class/instance " of each, at most what there is room for; returns how many. */
static unsigned walk(char *text, size_t size)
{
    unsigned count = 0;

    for (text[0] = 0; launch_list_next(&list); count++) {
        const char16_t *names[] = { list.class_name, list.instance_name };

        for (int i = 0; i < 2; i++) {
            size_t length = 0;
            char *name;

            while (names[i][length])
                length++;
            name = narrow(names[i], length);
            strncat(text, name, size - strlen(text) - 1);
            strncat(text, i ? " " : "/", size - strlen(text) - 1);
            free(name);
        }
    }
    assert_false(launch_list_next(&list)); /* the end stays the end */
    return count;
}

static void pages_follow_each_other(void **state)
{
    static const char *const pages[] = { "$a|1|a|2|", "$b|1|", "$" };
    char text[64];

    (void)state;
    begin(pages, 3);
    assert_int_equal(walk(text, sizeof text), 3);
    assert_string_equal(text, "a/1 a/2 b/1 ");
    assert_string_equal(asked, "N||Na|2|Nb|1|Nb|1|");
    assert_int_equal(list.error | list.reply.error, 0);
}

static void an_older_launcher_has_one_page(void **state)
{
    static const char *const pages[] = { "!87|", "$a|1|b|2|" };
    char text[64];

    (void)state;
    begin(pages, 2);
    assert_int_equal(walk(text, sizeof text), 2);
    assert_string_equal(text, "a/1 b/2 ");
    assert_string_equal(asked, "N||L");
    assert_int_equal(list.error | list.reply.error, 0);
}

static void an_error_ends_the_list(void **state)
{
    static const char *const refused[] = { "$a|1|", "!5|" }, *const later[] = { "$a|1|", "!87|" };
    char text[64];

    (void)state;
    begin(refused, 2);
    assert_int_equal(walk(text, sizeof text), 1);
    assert_int_equal(list.reply.error, LAUNCH_ERROR_ACCESS_DENIED);
    assert_int_equal(calls, 2);
    /* The first page was in pages: this is no older launcher. */
    begin(later, 2);
    assert_int_equal(walk(text, sizeof text), 1);
    assert_int_equal(list.reply.error, LAUNCH_ERROR_INVALID);
    assert_int_equal(calls, 2);
    begin(refused, 2);
    transport_error = 121;
    assert_int_equal(walk(text, sizeof text), 0);
    assert_int_equal(list.error, 121);
    assert_int_equal(calls, 1);
}

/* In the first page and in a later one. */
static void what_is_no_list_is_malformed(void **state)
{
    static const char *const wrong[] = { "", "?", "$a", "$a|", "$a|1", "$a||", "$|1|", "$||",
        "$a|1|b|", "$a|1||", "!", "!x|", "!0|" };
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const first[] = { wrong[i], "$z|9|" }, *const second[] = { "$x|0|", wrong[i] };
        unsigned good = !strncmp(wrong[i], "$a|1|", 5);

        begin(first, 2);
        assert_int_equal(walk(text, sizeof text), good);
        assert_int_equal(list.reply.error, LAUNCH_ERROR_MALFORMED);
        begin(second, 2);
        assert_int_equal(walk(text, sizeof text), 1 + good);
        assert_int_equal(list.reply.error, LAUNCH_ERROR_MALFORMED);
    }
}

static void a_launcher_that_repeats_itself_is_not_believed(void **state)
{
    static const char *const pages[] = { "$a|1|b|2|c|3|" };
    char text[64];

    (void)state;
    begin(pages, 1);
    assert_int_equal(walk(text, sizeof text), LAUNCH_LIST_MAX);
    assert_int_equal(list.reply.error, LAUNCH_ERROR_MALFORMED);
    assert_int_equal(calls, LAUNCH_LIST_MAX / 3 + 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_each_other),
        cmocka_unit_test(an_older_launcher_has_one_page),
        cmocka_unit_test(an_error_ends_the_list),
        cmocka_unit_test(what_is_no_list_is_malformed),
        cmocka_unit_test(a_launcher_that_repeats_itself_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
