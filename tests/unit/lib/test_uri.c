/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Device names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/door.h"
#include "lib/uri.h"

static struct spd_uri uri;

static int teardown(void **state)
{
    (void)state;
    spd_uri_free(&uri);
    return 0;
}

static void a_full_uri_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("iscsi://host.example:3260/iqn.a:b?chap=f&x", &uri), 0);
    assert_string_equal(uri.scheme, "iscsi");
    assert_string_equal(uri.host, "host.example");
    assert_int_equal(uri.port, 3260);
    assert_string_equal(uri.path, "iqn.a:b");
    assert_int_equal(uri.query_count, 2);
    assert_string_equal(spd_uri_query(&uri, "chap"), "f");
    assert_string_equal(spd_uri_query(&uri, "x"), "");
    assert_null(spd_uri_query(&uri, "y"));
}

static void an_ipv6_address_loses_its_brackets(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("iscsi://[::1]:0/t", &uri), 0);
    assert_string_equal(uri.host, "::1");
    assert_int_equal(uri.port, 0);
}

static void without_a_port_it_is_minus_one(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("iscsi://[::1]/t", &uri), 0);
    assert_int_equal(uri.port, -1);
    spd_uri_free(&uri);
    assert_int_equal(spd_uri_parse("iscsi://h:/t", &uri), 0);
    assert_int_equal(uri.port, -1);
}

static void without_an_authority_the_path_keeps_its_slash(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("unix:/run/disk", &uri), 0);
    assert_null(uri.host);
    assert_string_equal(uri.path, "/run/disk");
    spd_uri_free(&uri);
    assert_int_equal(spd_uri_parse("unix:///run/disk", &uri), 0);
    assert_string_equal(uri.host, "");
    assert_string_equal(uri.path, "run/disk");
}

static void an_authority_alone_has_an_empty_path(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("iscsi://h", &uri), 0);
    assert_string_equal(uri.host, "h");
    assert_string_equal(uri.path, "");
    spd_uri_free(&uri);
    assert_int_equal(spd_uri_parse("iscsi://h?a=b", &uri), 0);
    assert_string_equal(uri.path, "");
    assert_string_equal(spd_uri_query(&uri, "a"), "b");
}

static void the_scheme_is_made_lower_case(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("NBD+Unix:x", &uri), 0);
    assert_string_equal(uri.scheme, "nbd+unix");
}

static void percent_signs_are_decoded_after_the_cuts(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("a://h/p%2Fq%3f?n%26=v%3D%23", &uri), 0);
    assert_string_equal(uri.path, "p/q?");
    assert_string_equal(spd_uri_query(&uri, "n&"), "v=#");
}

static void bad_uris_are_refused_with_a_detail(void **state)
{
    static const char *const bad[] = { "", "nothing", ":x", "1a:x", "a b:x", "a://h:65536/",
        "a://h:x", "a://h:99999999999999999999", "a://[::1", "a://[::1]x", "a://::1/x", "a://u@h/",
        "a:%", "a:%4", "a:%g0", "a:%00", "a:x#f", "a:?=v", "a:?n&n", "a:?a&&b", "a:?a%00=1",
        "a:?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        spd_fail(0, "%s", "");
        assert_int_equal(spd_uri_parse(bad[i], &uri), SPD_ERROR_URI);
        assert_null(uri.storage);
        assert_true(*spd_error_detail());
    }
}

static void a_detail_is_one_line_that_can_be_printed(void **state)
{
    (void)state;
    assert_int_equal(spd_uri_parse("no\nscheme\x1b[2J\xff", &uri), SPD_ERROR_URI);
    assert_string_equal(spd_error_detail(),
        "'no\\x0ascheme\\x1b[2J\\xff' does not begin with a scheme, such as iscsi:");
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    char text[5000] = "a:";

    (void)state;
    memset(text + 2, 'x', sizeof text - 3);
    assert_int_equal(spd_uri_parse(text, &uri), SPD_ERROR_URI);
}

/* An escape counts as the one character that it is. */
static void a_name_of_escapes_may_be_as_long(void **state)
{
    static char text[3 * 4096];

    (void)state;
    strcpy(text, "a:");
    for (unsigned i = 0; i < 4000; i++)
        strcat(text + 2 + 3 * i, "%c3");
    assert_int_equal(spd_uri_parse(text, &uri), 0);
    assert_int_equal(strlen(uri.path), 4000);
}

static void a_zone_is_taken_in_both_forms(void **state)
{
    static const char *const rows[][2] = {
        { "iscsi://[fe80::1%25eth0]:3260/t", "fe80::1%eth0" },
        { "iscsi://[fe80::1%eth0]:3260/t", "fe80::1%eth0" },
        { "iscsi://[fe80::1%3]/t", "fe80::1%3" },
        { "iscsi://[fe80::1%253]/t", "fe80::1%3" },
        { "iscsi://[fe80::1%25]/t", "fe80::1%25" }, /* the interface of this number */
        { "iscsi://[fe80::1%2525]/t", "fe80::1%25" },
        { "iscsi://[fe80::1%25a%20b]/t", "fe80::1%a b" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(spd_uri_parse(rows[i][0], &uri), 0);
        assert_string_equal(uri.host, rows[i][1]);
        spd_uri_free(&uri);
    }
}

static void assert_same(const char *one, const char *other)
{
    assert_true(!one == !other);
    if (one)
        assert_string_equal(one, other);
}

/* Checks that the text of these parts leads to the same, and returns it. */
static char *text_of(const struct spd_uri *parts)
{
    char *text = spd_uri_text(parts);

    assert_non_null(text);
    if (spd_uri_parse(text, &uri) != 0)
        fail_msg("%s: %s", text, spd_error_detail());
    assert_string_equal(uri.scheme, parts->scheme);
    assert_same(uri.host, parts->host);
    assert_int_equal(uri.port, parts->port);
    assert_string_equal(uri.path, parts->path);
    assert_int_equal(uri.query_count, parts->query_count);
    for (uint32_t i = 0; i < uri.query_count; i++) {
        assert_string_equal(uri.query[i].name, parts->query[i].name);
        assert_string_equal(uri.query[i].value, parts->query[i].value);
    }
    spd_uri_free(&uri);
    return text;
}

/* The parts of a name that was parsed may be changed; these are not. */
#define P(TEXT) ((char *)(TEXT))

static void a_text_has_nothing_that_a_shell_takes(void **state)
{
    static const struct {
        const char *text;
        struct spd_uri parts;
    } rows[] = {
        { "unix:/run/a.sock", { P("unix"), NULL, -1, P("/run/a.sock") } },
        { "unix:a", { P("unix"), NULL, -1, P("a") } },
        { "unix:", { P("unix"), NULL, -1, P("") } },
        { "unix:/%2Frun/a", { P("unix"), NULL, -1, P("//run/a") } },
        { "unix:/%2F/run", { P("unix"), NULL, -1, P("///run") } },
        { "unix:/a%20b%25%3F%23%26%27%22", { P("unix"), NULL, -1, P("/a b%?#&'\"") } },
        { "unix:/%0A%1B%7F%C2%85", { P("unix"), NULL, -1, P("/\n\x1b\x7f\xc2\x85") } },
        { "unix:/\xc3\xa4%C3%FF", { P("unix"), NULL, -1, P("/\xc3\xa4\xc3\xff") } },
        { "unix:/%24%28a%29%60%3B%7C%2A%21%3C%3E%5B%5D%7B%7D%5C%5E",
            { P("unix"), NULL, -1, P("/$(a)`;|*!<>[]{}\\^") } },
        { "iscsi://127.0.0.1:3260/iqn.a:b/0",
            { P("iscsi"), P("127.0.0.1"), 3260, P("iqn.a:b/0") } },
        { "iscsi://[::1]/t", { P("iscsi"), P("::1"), -1, P("t") } },
        { "iscsi://[fe80::1%eth0]:0/t", { P("iscsi"), P("fe80::1%eth0"), 0, P("t") } },
        { "iscsi://[fe80::1%2525]/t", { P("iscsi"), P("fe80::1%25"), -1, P("t") } },
        { "iscsi://[fe80::1%25251]/t", { P("iscsi"), P("fe80::1%251"), -1, P("t") } },
        { "iscsi://[fe80::1%25a%20b]/t", { P("iscsi"), P("fe80::1%a b"), -1, P("t") } },
        { "iscsi://a%3A%2F%40b/", { P("iscsi"), P("a:/@b"), -1, P("") } },
        { "iscsi:///t", { P("iscsi"), P(""), -1, P("t") } },
        { "iscsi://h//t", { P("iscsi"), P("h"), -1, P("/t") } },
        { "a:b?n%26%3D=v%26=%20&x=",
            { P("a"), NULL, -1, P("b"), 2, { { P("n&="), P("v&= ") }, { P("x"), P("") } } } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = text_of(&rows[i].parts);

        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

/* Each byte in each place, beside letters and beside an escape. */
static void any_bytes_come_back(void **state)
{
    static const char *const beside[][2] = { { "", "" }, { "x", "y" }, { "/", "" }, { "%", "" },
        { "%41", "" }, { "", "/" }, { "a:", ":b" }, { "fe80::1%", "" } };

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
            char part[32];
            struct spd_uri parts = { P("a"), NULL, -1, part, 1, { { part, part } } };

            snprintf(part, sizeof part, "%s%c%s", beside[i][0], byte, beside[i][1]);
            free(text_of(&parts));
            parts.host = part;
            free(text_of(&parts));
            parts.port = 65535;
            free(text_of(&parts));
        }
    }
}

static void an_unknown_query_name_is_refused_with_the_known_ones(void **state)
{
    static const char *const allowed[] = { "chap", "portal", NULL };

    (void)state;
    assert_int_equal(spd_uri_parse("iscsi://h/t?chap=1&cap=2", &uri), 0);
    assert_int_equal(spd_uri_check_query(&uri, allowed), SPD_ERROR_URI_PARAMETER);
    assert_non_null(strstr(spd_error_detail(), "'cap'"));
    assert_non_null(strstr(spd_error_detail(), "chap, portal"));
}

static void known_query_names_pass(void **state)
{
    static const char *const allowed[] = { "chap", "portal", NULL };

    (void)state;
    assert_int_equal(spd_uri_parse("iscsi://h/t?portal=1&chap=2", &uri), 0);
    assert_int_equal(spd_uri_check_query(&uri, allowed), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_full_uri_is_taken_apart),
        TEST(an_ipv6_address_loses_its_brackets),
        TEST(without_a_port_it_is_minus_one),
        TEST(without_an_authority_the_path_keeps_its_slash),
        TEST(an_authority_alone_has_an_empty_path),
        TEST(the_scheme_is_made_lower_case),
        TEST(percent_signs_are_decoded_after_the_cuts),
        TEST(bad_uris_are_refused_with_a_detail),
        TEST(a_detail_is_one_line_that_can_be_printed),
        TEST(a_name_that_is_too_long_is_refused),
        TEST(a_name_of_escapes_may_be_as_long),
        TEST(a_zone_is_taken_in_both_forms),
        TEST(a_text_has_nothing_that_a_shell_takes),
        TEST(any_bytes_come_back),
        TEST(an_unknown_query_name_is_refused_with_the_known_ones),
        TEST(known_query_names_pass),
    };

    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
