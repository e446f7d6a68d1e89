/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The payload of LAUNCH_VIEW. In the texts of these tests `|` is a NUL. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "launch/protocol.h"
#include "text16.h"

#include <cmocka.h>

#define GUID "{82021730-c8f8-4c54-baeb-c04d111fea57}"

static bool decode(const char *text, struct launch_view *view)
{
    char16_t *payload = wide(text, strlen(text));
    bool good = launch_decode_view(payload, strlen(text), view);

    /* Names are looked at by the tests that keep the payload. */
    free(payload);
    return good;
}

static void a_view_is_written_and_read_again(void **state)
{
    struct launch_view view = { .class_name = u"rawdisk",
        .instance_name = u"one",
        .process_id = 4711,
        .uptime = 86400,
        .restarts = 2,
        .disk_count = 1,
        .disks = { { .number = 3, .guid = u"" GUID } } };
    struct launch_view again;
    struct launch_answer answer;
    char *text;

    (void)state;
    launch_answer_success(&answer);
    assert_true(launch_encode_view(&view, &answer));
    text = narrow(answer.message, answer.length);
    assert_string_equal(text, "$rawdisk|one|pid=4711|uptime=86400|restarts=2|disk=3 " GUID "|");
    free(text);
    assert_true(launch_decode_view(answer.message + 1, answer.length - 1, &again));
    assert_int_equal(again.process_id, 4711);
    assert_int_equal(again.uptime, 86400);
    assert_int_equal(again.restarts, 2);
    assert_int_equal(again.disk_count, 1);
    assert_int_equal(again.disks[0].number, 3);
    text = narrow(again.disks[0].guid, LAUNCH_GUID_MAX - 1);
    assert_string_equal(text, GUID);
    free(text);
}

static void what_is_not_known_is_skipped(void **state)
{
    struct launch_view view;

    (void)state;
    assert_true(decode("c|i|mood=good|pid=1|x||", &view));
    assert_int_equal(view.process_id, 1);
    assert_int_equal(view.disk_count, 0);
}

static void disks_beyond_the_most_are_left_out(void **state)
{
    char text[LAUNCH_MESSAGE_MAX] = "c|i|";
    struct launch_view view;

    (void)state;
    for (int i = 0; i < LAUNCH_DISKS_MAX + 1; i++)
        strcat(text, "disk=7 " GUID "|");
    assert_true(decode(text, &view));
    assert_int_equal(view.disk_count, LAUNCH_DISKS_MAX);
}

static void what_is_no_view_is_refused(void **state)
{
    static const char *const texts[] = { "", "c", "c|", "c|i", "c|i|pid=1", "c|i|pid=|",
        "c|i|pid=x|", "c|i|pid=4294967296|", "c|i|uptime=18446744073709551616|", "c|i|disk=|",
        "c|i|disk=1|", "c|i|disk= {}|", "c|i|disk=x {}|", "c|i|disk=4294967296 {}|",
        "c|i|disk=1 " GUID "x|", "c|i|disk=111111111111111111111111111111111 {}|" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct launch_view view;

        if (decode(texts[i], &view))
            fail_msg("%s is taken", texts[i]);
    }
}

static void a_view_that_does_not_fit_is_refused(void **state)
{
    char16_t name[LAUNCH_MESSAGE_MAX];
    struct launch_view view = { .class_name = u"c", .instance_name = name };
    struct launch_answer answer;
    size_t least = strlen("$c||pid=0|uptime=0|restarts=0|");

    (void)state;
    for (size_t i = 0; i < LAUNCH_MESSAGE_MAX; i++)
        name[i] = u'n';
    name[LAUNCH_MESSAGE_MAX - least] = 0;
    launch_answer_success(&answer);
    assert_true(launch_encode_view(&view, &answer));
    name[LAUNCH_MESSAGE_MAX - least] = u'n';
    name[LAUNCH_MESSAGE_MAX - least + 1] = 0;
    launch_answer_success(&answer);
    assert_false(launch_encode_view(&view, &answer));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_written_and_read_again),
        cmocka_unit_test(what_is_not_known_is_skipped),
        cmocka_unit_test(disks_beyond_the_most_are_left_out),
        cmocka_unit_test(what_is_no_view_is_refused),
        cmocka_unit_test(a_view_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
