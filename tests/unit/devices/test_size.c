/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/size.h"

static void number_is_decimal_or_hexadecimal(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(size_parse_number("0", &value) && value == 0);
    assert_true(size_parse_number("1048576", &value) && value == 1048576);
    assert_true(size_parse_number("0x1fF", &value) && value == 511);
    assert_true(size_parse_number("010", &value) && value == 10);
    assert_true(size_parse_number("18446744073709551615", &value) && value == UINT64_MAX);
}

static void number_with_anything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "-1", "+1", "1K", "0x", "0xg", "12a", "18446744073709551616",
        "0x10000000000000000",
    };
    uint64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(size_parse_number(bad[i], &value));
    assert_int_equal(value, 77);
}

static void size_takes_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"512", 512}, {"1K", 1024}, {"1k", 1024}, {"3M", 3 << 20}, {"4G", UINT64_C(4) << 30},
        {"2T", UINT64_C(2) << 40}, {"1p", UINT64_C(1) << 50}, {"15E", UINT64_C(15) << 60},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t bytes = 0;
        assert_true(size_parse(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
}

static void size_that_overflows_or_has_another_unit_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "G", "1.5G", "4GB", "4 G", "-4G", "4X", "0x10", "16E", "18014398509481985K",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes;
        assert_false(size_parse(bad[i], &bytes));
    }
}

static void size_is_written_with_the_unit_that_divides_it(void **state)
{
    char text[SIZE_TEXT_MAX];

    (void)state;
    assert_string_equal(size_format(0, text), "0 bytes");
    assert_string_equal(size_format(1000, text), "1000 bytes");
    assert_string_equal(size_format(1536, text), "1536 bytes");
    assert_string_equal(size_format(1536 * 1024, text), "1572864 bytes (1536 KiB)");
    assert_string_equal(size_format(1 << 30, text), "1073741824 bytes (1 GiB)");
    assert_string_equal(size_format(UINT64_C(1) << 63, text), "9223372036854775808 bytes (8 EiB)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_is_decimal_or_hexadecimal),
        cmocka_unit_test(number_with_anything_else_is_refused),
        cmocka_unit_test(size_takes_powers_of_1024),
        cmocka_unit_test(size_that_overflows_or_has_another_unit_is_refused),
        cmocka_unit_test(size_is_written_with_the_unit_that_divides_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
