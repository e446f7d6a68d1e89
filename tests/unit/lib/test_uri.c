/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Device names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static void a_name_that_is_too_long_is_refused(void **state)
{
    char text[5000] = "a:";

    (void)state;
    memset(text + 2, 'x', sizeof text - 3);
    assert_int_equal(spd_uri_parse(text, &uri), SPD_ERROR_URI);
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
        TEST(a_name_that_is_too_long_is_refused),
        TEST(an_unknown_query_name_is_refused_with_the_known_ones),
        TEST(known_query_names_pass),
    };

    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
