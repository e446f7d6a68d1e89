/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The messages of the launcher's pipe. In the texts of these tests `|` is a NUL. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "launch/protocol.h"
#include "launch/text.h"
#include "text16.h"

#include <cmocka.h>

struct decoded {
    char16_t *message;
    struct launch_request request;
};

static uint32_t decode(const char *text, struct decoded *decoded)
{
    decoded->message = wide(text, strlen(text));
    return launch_decode_request(
        decoded->message, strlen(text) * sizeof(char16_t), &decoded->request);
}

static void refuses(const char *text)
{
    struct decoded decoded;

    assert_int_equal(decode(text, &decoded), LAUNCH_ERROR_INVALID);
    free(decoded.message);
}

static void assert_text(const char16_t *text, const char *wanted)
{
    char *found = narrow(text, text_length(text));

    assert_string_equal(found, wanted);
    free(found);
}

static void a_start_has_its_strings(void **state)
{
    struct decoded decoded;

    (void)state;
    assert_int_equal(decode("Srawdisk|one|C:\\a b||", &decoded), 0);
    assert_int_equal(decoded.request.command, LAUNCH_START);
    assert_text(decoded.request.class_name, "rawdisk");
    assert_text(decoded.request.instance_name, "one");
    assert_int_equal(decoded.request.argument_count, 2);
    assert_text(decoded.request.arguments[0], "C:\\a b");
    assert_text(decoded.request.arguments[1], "");
    free(decoded.message);
}

static void more_than_nine_arguments_are_ignored(void **state)
{
    struct decoded decoded;

    (void)state;
    assert_int_equal(decode("Sc|i|1|2|3|4|5|6|7|8|9|10|11|", &decoded), 0);
    assert_int_equal(decoded.request.argument_count, 9);
    assert_text(decoded.request.arguments[8], "9");
    free(decoded.message);
}

static void every_command_has_its_letter(void **state)
{
    static const struct {
        const char *text;
        enum launch_command command;
    } rows[] = {
        { "Tc|i|", LAUNCH_STOP },
        { "Fc|i|", LAUNCH_STOP_FORCED },
        { "Ic|i|", LAUNCH_INFO },
        { "Vc|i|", LAUNCH_VIEW },
        { "L", LAUNCH_LIST },
        { "Q", LAUNCH_QUIT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char16_t again[LAUNCH_MESSAGE_MAX];
        struct decoded decoded;
        char *text;

        assert_int_equal(decode(rows[i].text, &decoded), 0);
        assert_int_equal(decoded.request.command, rows[i].command);
        text = narrow(again, launch_encode_request(&decoded.request, again));
        assert_string_equal(text, rows[i].text);
        free(text);
        free(decoded.message);
    }
}

static void what_is_cut_or_unknown_is_refused(void **state)
{
    static const char *const texts[] = { "", "X", "s", "|", "S", "Sc", "Sc|", "Sc|i", "Sc|i|a",
        "Sc|i|1|2|3|4|5|6|7|8|9|cut", "T", "Tc|", "Tc|i", "I|", "Vc|" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refuses(texts[i]);
}

static void an_odd_length_is_refused(void **state)
{
    static const char16_t message[] = u"Sc\0i";
    struct launch_request request;

    (void)state;
    assert_int_equal(launch_decode_request(message, sizeof message, &request), 0);
    assert_int_equal(
        launch_decode_request(message, sizeof message - 1, &request), LAUNCH_ERROR_INVALID);
    assert_int_equal(launch_decode_request(message, 1, &request), LAUNCH_ERROR_INVALID);
}

static void a_request_that_is_too_long_is_not_encoded(void **state)
{
    char16_t message[LAUNCH_MESSAGE_MAX], argument[LAUNCH_MESSAGE_MAX];
    struct launch_request request = { .command = LAUNCH_START,
        .class_name = u"c",
        .instance_name = u"i",
        .argument_count = 1,
        .arguments = { argument } };
    size_t room = LAUNCH_MESSAGE_MAX - 6; /* "Sc|i|", and the last NUL */

    (void)state;
    for (size_t i = 0; i < room; i++)
        argument[i] = u'x';
    argument[room] = 0;
    assert_int_equal(launch_encode_request(&request, message), LAUNCH_MESSAGE_MAX);
    argument[room] = u'x';
    argument[room + 1] = 0;
    assert_int_equal(launch_encode_request(&request, message), 0);
}

static void answers_are_the_originals(void **state)
{
    struct launch_answer answer;
    char *text;

    (void)state;
    launch_answer_success(&answer);
    assert_int_equal(answer.length, 1);
    assert_true(launch_answer_string(&answer, u"ab"));
    assert_true(launch_answer_string(&answer, u""));
    text = narrow(answer.message, answer.length);
    assert_string_equal(text, "$ab||");
    free(text);
    launch_answer_failure(&answer, LAUNCH_ERROR_IN_USE);
    text = narrow(answer.message, answer.length);
    assert_string_equal(text, "!2404|");
    free(text);
}

static void a_string_that_does_not_fit_is_left_out_whole(void **state)
{
    struct launch_answer answer;
    char16_t text[LAUNCH_MESSAGE_MAX] = { 0 };

    (void)state;
    launch_answer_success(&answer);
    for (size_t i = 0; i < LAUNCH_MESSAGE_MAX - 1; i++)
        text[i] = u'y';
    assert_false(launch_answer_string(&answer, text));
    assert_int_equal(answer.length, 1);
    text[LAUNCH_MESSAGE_MAX - 2] = 0;
    assert_true(launch_answer_string(&answer, text));
    assert_int_equal(answer.length, LAUNCH_MESSAGE_MAX);
    assert_false(launch_answer_string(&answer, u""));
}

static uint32_t answered(const char *text, size_t more_bytes, char **payload)
{
    char16_t *message = wide(text, strlen(text) + 1);
    const char16_t *found;
    size_t length;
    uint32_t error = launch_decode_answer(
        message, strlen(text) * sizeof *message + more_bytes, &found, &length);

    *payload = length > 0 ? narrow(found, length) : NULL;
    free(message);
    return error;
}

static void answers_are_read(void **state)
{
    static const struct {
        const char *text;
        size_t more_bytes;
        uint32_t error;
        const char *payload;
    } rows[] = {
        { "$", 0, 0, NULL },
        { "$a|b|", 0, 0, "a|b|" },
        { "!2|", 0, 2, NULL },
        { "!2404|", 0, 2404, NULL },
        { "!4294967295|", 0, UINT32_MAX, NULL },
        { "!2|x", 0, 2, NULL },
        { "", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "", 1, LAUNCH_ERROR_MALFORMED, NULL },
        { "$", 1, LAUNCH_ERROR_MALFORMED, NULL },
        { "$a", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!|", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!2", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!0|", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!-2|", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!0x2|", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!4294967296|", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "!99999999999999999999|", 0, LAUNCH_ERROR_MALFORMED, NULL },
        { "?2|", 0, LAUNCH_ERROR_MALFORMED, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *payload;

        assert_int_equal(answered(rows[i].text, rows[i].more_bytes, &payload), rows[i].error);
        if (rows[i].payload)
            assert_string_equal(payload, rows[i].payload);
        else
            assert_null(payload);
        free(payload);
    }
}

static void numbers_are_those_of_c(void **state)
{
    static const struct {
        const char16_t *text;
        bool decimal, any;
        uint64_t value;
    } rows[] = {
        { u"12", true, true, 12 },
        { u"0", true, true, 0 },
        { u"010", true, true, 8 },
        { u"0x1F", false, true, 31 },
        { u"0Xff", false, true, 255 },
        { u"18446744073709551615", true, true, UINT64_MAX },
        { u"18446744073709551616", false, false, 0 },
        { u"0x", false, false, 0 },
        { u"08", true, false, 8 },
        { u"", false, false, 0 },
        { u" 1", false, false, 0 },
        { u"1 ", false, false, 0 },
        { u"+1", false, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t value = 0;

        assert_int_equal(text_number(rows[i].text, true, &value), rows[i].any);
        if (rows[i].any)
            assert_int_equal(value, rows[i].value);
        assert_int_equal(text_number(rows[i].text, false, &value), rows[i].decimal);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_has_its_strings),
        cmocka_unit_test(more_than_nine_arguments_are_ignored),
        cmocka_unit_test(every_command_has_its_letter),
        cmocka_unit_test(what_is_cut_or_unknown_is_refused),
        cmocka_unit_test(an_odd_length_is_refused),
        cmocka_unit_test(a_request_that_is_too_long_is_not_encoded),
        cmocka_unit_test(answers_are_the_originals),
        cmocka_unit_test(a_string_that_does_not_fit_is_left_out_whole),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(numbers_are_those_of_c),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
