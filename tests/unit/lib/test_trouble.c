/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator's lines about a device that fails, for every kind of device. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/trouble.h"
#include "test_device.h"

static struct test_device device;
static spd_unit *unit;

static char lines[64][SPD_LOG_LINE_MAX];
static int levels[64];
static unsigned line_count;

static void catch(void *context, int level, const char *text)
{
    (void)context;
    if (line_count == 64)
        return;
    levels[line_count] = level;
    strcpy(lines[line_count++], text);
}

static int begin(void **state)
{
    (void)state;
    line_count = 0;
    spd_log_set(catch, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    spd_log_set(NULL, NULL);
    test_unit_end(unit, &device);
    return 0;
}

static void open_unit(const spd_ops *ops, uint32_t flags)
{
    spd_params params = test_params(flags);

    unit = test_unit(&device, ops, &params, 1);
}

static void read_blocks(uint64_t lba, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        unsigned char block[TEST_BLOCK];
        struct loop_command command = { 0 };

        assert_true(loop_start_read(loop_door_of(unit), &command, block, lba, 1, TEST_BLOCK));
        loop_wait(&command);
    }
}

static void write_block(uint64_t lba)
{
    unsigned char block[TEST_BLOCK] = { 0 };
    struct loop_command command = { 0 };

    assert_true(loop_start_write(loop_door_of(unit), &command, block, lba, 1, TEST_BLOCK));
    loop_wait(&command);
}

static void expect_lines(unsigned count)
{
    spd_log_set(catch, NULL);
    assert_int_equal(line_count, count);
}

static void expect_begin(const char *line, const char *begin)
{
    if (strncmp(line, begin, strlen(begin)) != 0)
        fail_msg("'%s' and not '%s'", line, begin);
}

static void the_first_says_where_and_why_and_what_to_do(void **state)
{
    static const struct {
        const spd_ops *ops;
        uint32_t flags;
    } kinds[] = {
        { &test_simple_ops, SPD_CACHE },
        { &test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS },
        { &test_simple_ops, SPD_CACHE | SPD_TRY_FIRST },
        { &test_async_ops, SPD_CACHE },
    };

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (i)
            end(state);
        begin(state);
        open_unit(kinds[i].ops, kinds[i].flags);
        spd_status_set_errno(&device.status, ENOSPC, SPD_WRITE, 9);
        write_block(9);
        expect_lines(1);
        assert_int_equal(levels[0], SPD_LOG_ERROR);
        assert_string_equal(lines[0], "loop:canonical: a write failed at block 9: No space left on "
            "device (sense 7/27/07): the disk's storage is full. Make room; initiators may then "
            "write again");
        spd_status_set_errno(&device.status, EIO, SPD_READ, 7);
        read_blocks(5, 1);
        expect_lines(2);
        expect_begin(lines[1], "loop:canonical: a read failed at block 7: Input/output "
            "error (sense 3/11/00): these");
        device.status = (spd_status){ 0 };
        read_blocks(5, 1);
        expect_lines(2);
    }
}

static void start(const uint8_t *cdb, uint8_t length, void *data, size_t data_length)
{
    struct loop_command command = { .vec = { { data, data_length } }, .vec_count = 1 };

    assert_true(loop_start(loop_door_of(unit), &command, cdb, length,
        data_length ? SCSI_DATA_OUT : SCSI_NO_DATA, data_length));
    loop_wait(&command);
}

/* SBC-3 5.22, 5.28 */
static void a_flush_and_an_unmap_that_fail_are_told_as_well(void **state)
{
    static const uint8_t synchronize[10] = { 0x35 }, unmap[10] = { 0x42, [8] = 24 };
    static const spd_ops *const ops[] = { &test_simple_ops, &test_async_ops };
    uint8_t list[24] = { 0, 22, 0, 16, [15] = 16, [19] = 8 };

    for (unsigned i = 0; i < 2; i++) {
        if (i)
            end(state);
        begin(state);
        open_unit(ops[i], SPD_CACHE | SPD_UNMAP_SUPPORTED);
        spd_status_set_errno(&device.status, EIO, SPD_FLUSH, 0);
        start(synchronize, sizeof synchronize, NULL, 0);
        expect_lines(1);
        expect_begin(lines[0], "loop:canonical: a flush failed: Input/output error (sense");
        start(unmap, sizeof unmap, list, sizeof list);
        expect_lines(2);
        expect_begin(lines[1], "loop:canonical: an unmap failed at block ");
        device.status = (spd_status){ 0 };
    }
}

static void others_of_its_kind_are_counted(void **state)
{
    (void)state;
    open_unit(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_status_set(&device.status, 3, 0x11, 0, NULL);
    read_blocks(3, 999);
    expect_lines(3);
    expect_begin(lines[2], "loop:canonical: a read failed at block 3, 100 times so far: sense");
    spd_status_set(&device.status, 2, 4, 1, NULL);
    read_blocks(3, 1);
    expect_lines(4);
    assert_string_equal(lines[3], "loop:canonical: a read failed at block 3: sense 2/04/01");
    assert_int_equal(levels[3], SPD_LOG_WARNING);
    device.status = (spd_status){ .scsi_status = SCSI_BUSY };
    read_blocks(3, 1);
    expect_lines(5);
    assert_string_equal(lines[4], "loop:canonical: a read failed at block 3: SCSI status 08h");
    assert_int_equal(levels[4], SPD_LOG_INFO);
    device.status = (spd_status){ 0 };
}

/* Initiators wait, and the operator knows why. */
static void busy_for_want_of_something_is_a_warning(void **state)
{
    (void)state;
    open_unit(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_status_set_errno(&device.status, ETIMEDOUT, SPD_READ, 3);
    read_blocks(3, 1);
    expect_lines(1);
    assert_int_equal(levels[0], SPD_LOG_WARNING);
    assert_string_equal(lines[0], "loop:canonical: a read failed at block 3: Connection timed out "
        "(SCSI status 08h): initiators try again. If it lasts, check the way to the disk's "
        "storage");
    device.status = (spd_status){ 0 };
}

static void it_is_told_again_after_a_minute(void **state)
{
    const uint64_t minute = 60 * UINT64_C(1000000000);
    struct spd_troubles troubles = { .lock = OS_MUTEX_INIT };
    spd_status status = { 0 };
    uint64_t now = 1000 * minute, count;

    (void)state;
    open_unit(&test_simple_ops, 0);
    spd_status_set_errno(&status, EIO, SPD_WRITE, 1);
    assert_true(spd_trouble_count(&troubles, SPD_WRITE, &status, now, &count));
    assert_false(spd_trouble_count(&troubles, SPD_WRITE, &status, now + minute - 1, &count));
    assert_true(spd_trouble_count(&troubles, SPD_WRITE, &status, now + minute, &count));
    assert_int_equal(count, 3);
    assert_false(spd_trouble_count(&troubles, SPD_WRITE, &status, now + minute, &count));
    /* Only so many kinds are remembered. */
    for (uint8_t i = 0; i < 100; i++) {
        spd_status_set(&status, 5, i, 0, NULL);
        assert_true(spd_trouble_count(&troubles, SPD_READ, &status, now + 2 * minute, &count));
        assert_int_equal(count, 1);
    }
}

static void the_last_flush_says_why_it_failed(void **state)
{
    static const spd_ops *const ops[] = { &test_simple_ops, &test_async_ops };

    for (unsigned i = 0; i < 2; i++) {
        if (i)
            end(state);
        begin(state);
        open_unit(ops[i], SPD_CACHE);
        spd_status_set_errno(&device.status, EIO, SPD_FLUSH, 0);
        spd_unit_shutdown(unit);
        assert_int_equal(spd_unit_wait(unit), SPD_ERROR_FLUSH);
        assert_string_equal(spd_error_detail(), "Input/output error (sense 3/0C/00)");
        expect_lines(1);
        expect_begin(lines[0], "loop:canonical: a flush failed: Input/output error");
    }
}

static void a_result_without_a_status_is_told_by_its_number(void **state)
{
    (void)state;
    open_unit(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS);
    device.result = SPD_ERROR_SYSTEM;
    read_blocks(0, 1);
    device.result = 0;
    expect_lines(2);
    expect_begin(lines[0], "an operation of the device returned -20022 (the operating system "
        "refused), which is no result: it may return 0, ");
    expect_begin(lines[1], "loop:canonical: a read failed at block 0: sense 4/44/00: the program");
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_first_says_where_and_why_and_what_to_do),
        TEST(a_flush_and_an_unmap_that_fail_are_told_as_well),
        TEST(others_of_its_kind_are_counted),
        TEST(busy_for_want_of_something_is_a_warning),
        TEST(it_is_told_again_after_a_minute),
        TEST(the_last_flush_says_why_it_failed),
        TEST(a_result_without_a_status_is_told_by_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
