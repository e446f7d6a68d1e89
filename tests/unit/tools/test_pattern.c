/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The numbers that stgtest shares with the original. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "stgtest/pattern.h"

#include <cmocka.h>

/* By hand: 1 * 214013 + 2531011 = 0x29e2c0 and so on; each byte is bits 16 to 23. */
static void generator_takes_bits_16_to_23(void **state)
{
    struct generator g;

    (void)state;
    generator_seed(&g, 1);
    assert_int_equal(g.state, 1);
    assert_int_equal(generator_u32(&g) & 0xff, 0x29);
}

static void numbers_are_little_endian(void **state)
{
    struct generator bytes, words;
    uint64_t expected = 0;

    (void)state;
    generator_seed(&bytes, 12345);
    for (int i = 0; i < 8; i++) {
        bytes.state = bytes.state * 214013u + 2531011u;
        expected |= (uint64_t)(bytes.state >> 16 & 0xff) << (8 * i);
    }
    generator_seed(&words, 12345);
    assert_int_equal(generator_u64(&words), expected);
}

static void eight_bytes_are_two_times_four(void **state)
{
    struct generator a, b;
    uint64_t low;

    (void)state;
    generator_seed(&a, 7);
    generator_seed(&b, 7);
    low = generator_u32(&b);
    assert_int_equal(generator_u64(&a), low | (uint64_t)generator_u32(&b) << 32);
}

static void seed_0_is_seed_1(void **state)
{
    struct generator zero, one;

    (void)state;
    generator_seed(&zero, 0);
    generator_seed(&one, 1);
    assert_int_equal(generator_u64(&zero), generator_u64(&one));
}

/* Published values of MurmurHash3's fmix64 for 1 and 2. */
static void words_are_murmur_finalised(void **state)
{
    (void)state;
    assert_int_equal(pattern_word(0), 0xb456bcfc34c2cb2c);
    assert_int_equal(pattern_word(1), 0x3abf2a20650683e7);
    assert_int_equal(pattern_word(UINT64_MAX), 0);
}

static void blocks_are_filled_with_their_word(void **state)
{
    uint8_t buffer[2 * 512 + 1];

    (void)state;
    memset(buffer, 0xee, sizeof buffer);
    pattern_fill(buffer, 0, 2, 512);
    assert_memory_equal(buffer, "\x2c\xcb\xc2\x34\xfc\xbc\x56\xb4", 8);
    assert_memory_equal(buffer + 504, "\x2c\xcb\xc2\x34\xfc\xbc\x56\xb4", 8);
    assert_memory_equal(buffer + 512, "\xe7\x83\x06\x65\x20\x2a\xbf\x3a", 8);
    assert_int_equal(buffer[1024], 0xee);
}

static void check_accepts_what_fill_wrote(void **state)
{
    uint8_t *buffer = malloc(8 * 4096);

    (void)state;
    assert_non_null(buffer);
    pattern_fill(buffer, UINT64_C(1) << 40, 8, 4096);
    assert_int_equal(pattern_check(buffer, UINT64_C(1) << 40, 8, 4096), SIZE_MAX);
    free(buffer);
}

static void check_finds_any_byte_that_changed(void **state)
{
    uint8_t buffer[4 * 512];

    (void)state;
    pattern_fill(buffer, 99, 4, 512);
    for (size_t i = 0; i < sizeof buffer; i++) {
        buffer[i] ^= 0x01;
        assert_int_equal(pattern_check(buffer, 99, 4, 512), i);
        buffer[i] ^= 0x01;
    }
}

static void check_finds_blocks_of_another_place(void **state)
{
    uint8_t buffer[512];

    (void)state;
    pattern_fill(buffer, 5, 1, 512);
    assert_int_not_equal(pattern_check(buffer, 6, 1, 512), SIZE_MAX);
}

static void check_of_zeros_finds_any_byte(void **state)
{
    uint8_t buffer[1024] = { 0 };

    (void)state;
    assert_int_equal(pattern_check_zero(buffer, sizeof buffer), SIZE_MAX);
    buffer[1023] = 1;
    assert_int_equal(pattern_check_zero(buffer, sizeof buffer), 1023);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_takes_bits_16_to_23),
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(eight_bytes_are_two_times_four),
        cmocka_unit_test(seed_0_is_seed_1),
        cmocka_unit_test(words_are_murmur_finalised),
        cmocka_unit_test(blocks_are_filled_with_their_word),
        cmocka_unit_test(check_accepts_what_fill_wrote),
        cmocka_unit_test(check_finds_any_byte_that_changed),
        cmocka_unit_test(check_finds_blocks_of_another_place),
        cmocka_unit_test(check_of_zeros_finds_any_byte),
    };

    return cmocka_run_group_tests_name("tools-pattern", tests, NULL, NULL);
}
