/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "memdisk/memory.h"

static size_t resident(const struct memory *memory, uint64_t offset, uint64_t length)
{
    unsigned char map[64];
    size_t count = 0, pages = (size_t)(length / memory->page);

    assert_true(pages <= sizeof map);
    assert_int_equal(mincore(memory->base + offset, (size_t)length, map), 0);
    for (size_t i = 0; i < pages; i++)
        count += map[i] & 1;
    return count;
}

static void more_than_there_is_can_be_opened(void **state)
{
    struct memory memory;

    /* More than today's small hosts have, and little enough for the gaps that the thread sanitizer
     * leaves in the address space. */
    const uint64_t size = UINT64_C(1) << 37;

    (void)state;
    assert_int_equal(memory_open(&memory, size), 0);
    memory.base[size / 2] = 1;
    assert_int_equal(memory.base[size - 1], 0);
    memory_close(&memory);
}

static void impossible_size_is_an_error(void **state)
{
    struct memory memory;

    (void)state;
    assert_int_not_equal(memory_open(&memory, UINT64_C(1) << 62), 0);
}

static void unmapped_pages_go_back_and_read_as_zeros(void **state)
{
    struct memory memory;
    uint64_t page;

    (void)state;
    assert_int_equal(memory_open(&memory, 1 << 20), 0);
    page = memory.page;
    memset(memory.base, 1, 16 * page);
    assert_int_equal(resident(&memory, 0, 16 * page), 16);
    memory_unmap(&memory, 4 * page, 8 * page);
    assert_int_equal(resident(&memory, 0, 16 * page), 8);
    assert_int_equal(memory.base[4 * page - 1], 1);
    for (uint64_t i = 4 * page; i < 12 * page; i++)
        assert_int_equal(memory.base[i], 0);
    assert_int_equal(memory.base[12 * page], 1);
    memory_close(&memory);
}

static void ends_within_pages_are_zeroed_exactly(void **state)
{
    static const struct {
        uint64_t offset, length;
    } ranges[] = {{512, 512}, {512, 4096}, {3584, 1024}, {4096, 512}, {512, 12288}, {0, 0}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof ranges / sizeof ranges[0]; i++) {
        uint64_t end = ranges[i / 2].offset + ranges[i / 2].length;
        struct memory memory;
        assert_int_equal(memory_open(&memory, 32768), 0);
        memset(memory.base, 1, 32768);
        if (i % 2)
            assert_int_equal(memory_zero(&memory, ranges[i / 2].offset, ranges[i / 2].length), 0);
        else
            memory_unmap(&memory, ranges[i / 2].offset, ranges[i / 2].length);
        for (uint64_t b = 0; b < 32768; b++)
            assert_int_equal(memory.base[b], b < ranges[i / 2].offset || b >= end);
        memory_close(&memory);
    }
}

/* Pages that were only read have space, if the system gives them any; those never touched have
 * none. */
static void pages_that_were_written_are_told_from_holes(void **state)
{
    struct memory memory;
    uint64_t end, page, size;
    bool hole;

    (void)state;
    assert_int_equal(memory_open(&memory, UINT64_C(1) << 30), 0);
    page = memory.page;
    size = memory.size;
    /* Else the system may give a page that is written its neighbours. */
    assert_int_equal(madvise(memory.base, size, MADV_NOHUGEPAGE), 0);
    memory.base[4 * page] = memory.base[5 * page] = memory.base[2000 * page + 7] = 1;
    assert_int_equal(memory_run(&memory, 0, size, &end, &hole), 0);
    assert_true(hole);
    assert_int_equal(end, 4 * page);
    assert_int_equal(memory_run(&memory, 4 * page + 512, size, &end, &hole), 0);
    assert_false(hole);
    assert_int_equal(end, 6 * page);
    assert_int_equal(memory_run(&memory, 6 * page, size, &end, &hole), 0);
    assert_true(hole);
    assert_int_equal(end, 2000 * page);
    assert_int_equal(memory_run(&memory, 6 * page, 9 * page, &end, &hole), 0);
    assert_int_equal(end, 9 * page);
    assert_int_equal(memory_run(&memory, 2001 * page, size, &end, &hole), 0);
    assert_true(hole);
    assert_int_equal(end, size);
    memory_unmap(&memory, 4 * page, page);
    assert_int_equal(memory_run(&memory, 4 * page, size, &end, &hole), 0);
    assert_true(hole);
    assert_int_equal(end, 5 * page);
    memory_close(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_there_is_can_be_opened),
        cmocka_unit_test(impossible_size_is_an_error),
        cmocka_unit_test(unmapped_pages_go_back_and_read_as_zeros),
        cmocka_unit_test(ends_within_pages_are_zeroed_exactly),
        cmocka_unit_test(pages_that_were_written_are_told_from_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
