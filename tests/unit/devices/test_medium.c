/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The formats that rawdisk finds on a medium. tests/devices has real images; here are those of
 * hostile guests, and partition tables that no tool at hand makes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rawdisk/medium.h"

enum { BYTES = 1 << 20, LONG = 4096 };

static uint8_t bytes[BYTES];
static size_t reads_beyond;

/* Behind what is there, the medium has zeros. */
static bool read_bytes(void *context, void *buffer, size_t length, uint64_t offset)
{
    const struct medium *medium = context;

    if (offset > medium->size || length > medium->size - offset) {
        reads_beyond++;
        return false;
    }
    memset(buffer, 0, length);
    if (offset < BYTES)
        memcpy(buffer, bytes + offset, length < BYTES - offset ? length : BYTES - offset);
    return true;
}

static struct medium medium = {read_bytes, &medium, 0};

static int setup(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof bytes);
    medium.size = UINT64_C(1) << 40;
    reads_beyond = 0;
    return 0;
}

static void put(size_t at, uint64_t value, unsigned count, bool big)
{
    for (unsigned i = 0; i < count; i++)
        bytes[at + (big ? count - 1 - i : i)] = (uint8_t)(value >> 8 * i);
}

static const char *name;

static enum format_verdict judge(void)
{
    name = "none";
    return format_judge(&medium, &name);
}

static void good_qcow2(void)
{
    memcpy(bytes, "QFI\xfb", 4);
    put(4, 3, 4, true);
    put(20, 16, 4, true);
    put(24, 8 << 20, 8, true);
    put(40, 3 << 16, 8, true);
    put(48, 1 << 16, 8, true);
    put(100, 104, 4, true);
}

static void what_does_not_fit_together_is_no_format(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
        unsigned count;
    } wrong[] = {
        {4, 1, 4}, {4, 4, 4}, {20, 8, 4}, {20, 22, 4}, {20, UINT32_MAX, 4}, {24, 0, 8},
        {24, 0x10000000000, 8}, {40, 0, 8}, {40, 3 << 15, 8}, {40, UINT64_MAX, 8},
        {48, UINT64_C(1) << 40, 8}, {48, 512, 8}, {100, 0, 4}, {100, 105, 4}, {100, 1 << 17, 4},
    };

    (void)state;
    good_qcow2();
    assert_int_equal(judge(), FORMAT_FITS);
    assert_string_equal(name, "qcow2");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        good_qcow2();
        put(wrong[i].at, wrong[i].value, wrong[i].count, true);
        assert_int_equal(judge(), FORMAT_MAGIC);
    }
}

static void magic_alone_is_only_a_magic(void **state)
{
    static const struct {
        size_t at;
        const char *magic, *name;
    } magics[] = {
        {0, "QFI\xfb", "qcow2"}, {0, "QED", "QED"}, {0, "conectix", "VHD"}, {0, "vhdxfile", "VHDX"},
        {0, "KDMV", "VMDK"}, {0, "# Disk DescriptorFile", "VMDK"}, {64, "\x7f\x10\xda\xbe", "VDI"},
        {0, "WithoutFreeSpace", "Parallels"}, {0, "WithouFreSpacExt", "Parallels"},
        {BYTES - 512, "conectix", "VHD"},
    };

    (void)state;
    assert_int_equal(judge(), FORMAT_NONE);
    medium.size = BYTES;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes + magics[i].at, magics[i].magic, strlen(magics[i].magic));
        assert_int_equal(judge(), FORMAT_MAGIC);
        assert_string_equal(name, magics[i].name);
    }
    assert_int_equal(reads_beyond, 0);
}

static void random_headers_read_nothing_beyond(void **state)
{
    static const char *const magics[] = {
        "QFI\xfb", "QED", "conectix", "vhdxfile", "KDMV", "# Disk DescriptorFile",
        "WithoutFreeSpace",
    };

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 4000; round++) {
        medium.size = (uint64_t)rand() % 8192;
        for (size_t i = 0; i < 8192; i++)
            bytes[i] = (uint8_t)rand();
        memcpy(bytes, magics[round % (sizeof magics / sizeof magics[0])], 4);
        judge();
        sectors_choose(&medium, LONG);
    }
    assert_int_equal(reads_beyond, 0);
}

static void gpt(uint32_t length, uint64_t lba, uint64_t last)
{
    memcpy(bytes + length, "EFI PART", 8);
    put(length + 12, 92, 4, false);
    put(length + 24, lba, 8, false);
    put(length + 40, 34, 8, false);
    put(length + 48, last, 8, false);
}

static void entry(int i, uint8_t type, uint32_t lba, uint32_t blocks)
{
    size_t at = 446 + 16 * (size_t)i;

    bytes[at + 4] = type;
    put(at + 8, lba, 4, false);
    put(at + 12, blocks, 4, false);
    memcpy(bytes + 510, "\x55\xaa", 2);
}

static uint32_t choose(void)
{
    return sectors_choose(&medium, LONG);
}

static void empty_device_has_its_own_sectors(void **state)
{
    (void)state;
    assert_int_equal(choose(), LONG);
    assert_int_equal(sectors_choose(&medium, 512), 512);
    memcpy(bytes + 510, "\x55\xaa", 2); /* and no entry */
    assert_int_equal(choose(), LONG);
}

static void gpt_says_what_it_counts_in(void **state)
{
    (void)state;
    entry(0, 0xee, 1, UINT32_MAX);
    assert_int_equal(choose(), LONG);
    gpt(512, 1, (medium.size / 512) - 34);
    assert_int_equal(choose(), 512);
    gpt(512, 2, (medium.size / 512) - 34);
    assert_int_equal(choose(), LONG);
    gpt(512, 1, medium.size / 512);
    assert_int_equal(choose(), LONG);
    memset(bytes + 512, 0, 512);
    gpt(LONG, 1, (medium.size / LONG) - 6);
    assert_int_equal(choose(), LONG);
}

static void mbr_beyond_the_long_sectors_counts_short_ones(void **state)
{
    (void)state;
    medium.size = 1 << 30;
    entry(0, 0x83, 2048, (1 << 21) - 2048);
    assert_int_equal(choose(), 512);
    entry(0, 0x83, 2048, 1 << 21); /* more than there is */
    assert_int_equal(choose(), LONG);
}

static void mbr_that_fits_both_is_judged_by_its_partition(void **state)
{
    enum { FIRST = 64 };

    (void)state;
    medium.size = 1 << 30;
    entry(1, 0x83, FIRST, 4096);
    assert_int_equal(choose(), 512);
    memcpy(bytes + FIRST * LONG, "XFSB", 4);
    assert_int_equal(choose(), LONG);
    memcpy(bytes + FIRST * 512 + 1080, "\x53\xef", 2);
    assert_int_equal(choose(), 512);
    bytes[446] = 1; /* neither active nor inactive: no table at all */
    assert_int_equal(choose(), LONG);
}

static void volume_without_partitions_says_its_sector(void **state)
{
    (void)state;
    memcpy(bytes, "\xeb\x52\x90NTFS    ", 11);
    memcpy(bytes + 510, "\x55\xaa", 2);
    put(11, 512, 2, false);
    assert_int_equal(choose(), 512);
    put(11, 4096, 2, false);
    assert_int_equal(choose(), LONG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_fit_together_is_no_format),
        TEST(magic_alone_is_only_a_magic),
        TEST(random_headers_read_nothing_beyond),
        TEST(empty_device_has_its_own_sectors),
        TEST(gpt_says_what_it_counts_in),
        TEST(mbr_beyond_the_long_sectors_counts_short_ones),
        TEST(mbr_that_fits_both_is_judged_by_its_partition),
        TEST(volume_without_partitions_says_its_sector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
