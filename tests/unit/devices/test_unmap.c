/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* In which pieces a long range is unmapped, on a file system and a clock that the test makes up. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rawdisk/image_os.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct {
    uint64_t now, ms_per_mib;
    uint64_t next;            /* where the next piece must begin */
    uint64_t longest, last;
    unsigned pieces, ragged;  /* ragged: pieces of which an end is no multiple of a mebibyte */
    unsigned flushes, writes, kept;
    int result;
    uint64_t end;
} made_up;

static struct image image;

uint64_t image_os_now_ms(void)
{
    return made_up.now;
}

int image_check_end(const struct image *disk, uint64_t length, uint64_t offset, uint64_t *failed)
{
    (void)disk;
    if (offset + length <= made_up.end)
        return 0;
    *failed = made_up.end;
    return EIO;
}

int image_os_zero(struct image *disk, uint64_t length, uint64_t offset, bool keep)
{
    (void)disk;
    made_up.kept += keep;
    assert_int_equal(offset, made_up.next);
    made_up.next = offset + length;
    made_up.last = length;
    made_up.pieces++;
    made_up.ragged += offset % MIB || length % MIB;
    if (length > made_up.longest)
        made_up.longest = length;
    made_up.now += made_up.ms_per_mib * length / MIB;
    return made_up.result;
}

int image_write(struct image *disk, const void *buffer, size_t length, uint64_t offset,
    unsigned flags, uint64_t *failed)
{
    (void)disk, (void)buffer, (void)length, (void)offset, (void)flags, (void)failed;
    made_up.writes++;
    return 0;
}

int image_flush(struct image *disk)
{
    (void)disk;
    made_up.flushes++;
    return 0;
}

static void begin(uint64_t offset, uint64_t ms_per_mib, int result)
{
    made_up.next = offset;
    made_up.pieces = made_up.ragged = made_up.flushes = made_up.writes = made_up.kept = 0;
    made_up.longest = 0;
    made_up.ms_per_mib = ms_per_mib;
    made_up.result = result;
    made_up.end = UINT64_MAX;
}

static int unmap(uint64_t offset, uint64_t length, uint64_t ms_per_mib, int result)
{
    uint64_t failed;

    begin(offset, ms_per_mib, result);
    return image_unmap(&image, length, offset, &failed);
}

static void what_is_fast_goes_in_few_pieces(void **state)
{
    (void)state;
    assert_int_equal(unmap(0, 2048 * GIB, 0, 0), 0);
    assert_int_equal(made_up.next, 2048 * GIB);
    assert_int_equal(made_up.longest, GIB);
    assert_true(made_up.pieces < 2048 + 16);
}

static void what_is_slow_goes_in_small_ones(void **state)
{
    (void)state;
    assert_int_equal(unmap(0, GIB, 250, 0), 0);
    assert_int_equal(made_up.next, GIB);
    assert_int_equal(made_up.longest, MIB);
}

static void piece_that_became_slow_is_followed_by_a_short_one(void **state)
{
    (void)state;
    assert_int_equal(unmap(0, GIB, 1, 0), 0);
    /* 20 ms are enough for a piece, and one that took longer is not repeated. */
    assert_in_range(made_up.longest, 4 * MIB, 32 * MIB);
}

static void only_the_ends_are_ragged(void **state)
{
    (void)state;
    assert_int_equal(unmap(512, 64 * MIB, 0, 0), 0);
    assert_int_equal(made_up.next, 64 * MIB + 512);
    assert_int_equal(made_up.ragged, 2);
    assert_int_equal(made_up.last, 512);
    assert_int_equal(unmap(4096, 512, 0, 0), 0);
    assert_int_equal(made_up.pieces, 1);
}

static void where_there_are_no_holes_each_piece_is_written(void **state)
{
    (void)state;
    assert_int_equal(unmap(512, 2 * MIB, 30, EOPNOTSUPP), 0);
    assert_int_equal(made_up.next, 2 * MIB + 512);
    assert_int_equal(made_up.writes, 16 + 16 + 1);
}

static void first_error_ends_it_and_says_where(void **state)
{
    uint64_t failed;

    (void)state;
    assert_int_equal(unmap(0, 8 * MIB, 0, EIO), EIO);
    assert_int_equal(made_up.pieces, 1);
    made_up.result = 0;
    made_up.next = 0;
    made_up.end = 5 * MIB + 512;
    assert_int_equal(image_unmap(&image, 64 * MIB, 0, &failed), EIO);
    assert_int_equal(failed, 5 * MIB + 512);
    assert_int_equal(made_up.flushes, 0);
}

static void without_a_cache_one_flush_ends_it(void **state)
{
    (void)state;
    image.cached = false;
    assert_int_equal(unmap(0, 64 * MIB, 0, 0), 0);
    assert_int_equal(made_up.flushes, 1);
    image.cached = true;
    assert_int_equal(unmap(0, 64 * MIB, 0, 0), 0);
    assert_int_equal(made_up.flushes, 0);
}

static int zero(uint64_t length, unsigned flags, int result)
{
    uint64_t failed;

    begin(0, 0, result);
    return image_zero(&image, length, 0, flags, &failed);
}

static void zeros_keep_their_space_and_become_durable_when_asked_for(void **state)
{
    (void)state;
    assert_int_equal(zero(4 * MIB, 0, 0), 0);
    assert_int_equal(made_up.kept, 0);
    assert_int_equal(made_up.flushes, 0);
    assert_int_equal(zero(4 * MIB, IMAGE_KEEP | IMAGE_DURABLE, 0), 0);
    assert_int_equal(made_up.kept, made_up.pieces);
    assert_int_equal(made_up.flushes, 1);
}

static void what_is_not_fast_is_refused_or_written(void **state)
{
    (void)state;
    assert_int_equal(zero(4 * MIB, IMAGE_FAST, EOPNOTSUPP), EOPNOTSUPP);
    assert_int_equal(made_up.pieces, 1);
    assert_int_equal(made_up.writes, 0);
    assert_int_equal(zero(4 * MIB, IMAGE_FAST, 0), 0);
    assert_int_equal(made_up.next, 4 * MIB);
    assert_int_equal(zero(4 * MIB, IMAGE_KEEP, EOPNOTSUPP), 0);
    assert_int_equal(made_up.writes, 4 * 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_fast_goes_in_few_pieces),
        cmocka_unit_test(what_is_slow_goes_in_small_ones),
        cmocka_unit_test(piece_that_became_slow_is_followed_by_a_short_one),
        cmocka_unit_test(only_the_ends_are_ragged),
        cmocka_unit_test(where_there_are_no_holes_each_piece_is_written),
        cmocka_unit_test(first_error_ends_it_and_says_where),
        cmocka_unit_test(without_a_cache_one_flush_ends_it),
        cmocka_unit_test(zeros_keep_their_space_and_become_durable_when_asked_for),
        cmocka_unit_test(what_is_not_fast_is_refused_or_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
