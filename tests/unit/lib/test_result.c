/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The result of a simple device's operation, as the initiator and the operator get it. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "test_device.h"

static struct test_device device; /* memory that no test looks at */
static spd_unit *unit;

static int nowait_result; /* of operations with SPD_NOWAIT */
static int result;        /* of all others */
static spd_status status;
static unsigned calls;

static char line[SPD_LOG_LINE_MAX]; /* the first error of the log that speaks of a result */
static unsigned lines;

static void catch(void *context, int level, const char *text)
{
    (void)context;
    if (level == SPD_LOG_ERROR && strstr(text, "returned") && !lines++)
        snprintf(line, sizeof line, "%s", text);
}

static int answer(uint32_t flags, spd_status *to)
{
    calls++;
    *to = status;
    return flags & SPD_NOWAIT ? nowait_result : result;
}

static int answer_read(
    spd_device *self, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *to)
{
    (void)self, (void)buffer, (void)lba, (void)blocks;
    return answer(flags, to);
}

static int answer_write(spd_device *self, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *to)
{
    (void)self, (void)buffer, (void)lba, (void)blocks;
    return answer(flags, to);
}

static int answer_flush(
    spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *to)
{
    (void)self, (void)lba, (void)blocks;
    return answer(flags, to);
}

static int answer_unmap(
    spd_device *self, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *to)
{
    (void)self, (void)ranges, (void)count;
    return answer(flags, to);
}

static const spd_ops ops = {
    .size = sizeof ops,
    .read = answer_read,
    .write = answer_write,
    .flush = answer_flush,
    .unmap = answer_unmap,
};

static void open_unit(uint32_t flags)
{
    spd_params params = test_params(flags);

    nowait_result = result = 0;
    memset(&status, 0, sizeof status);
    spd_log_set(catch, NULL);
    unit = test_unit(&device, &ops, &params, 1);
    calls = lines = 0;
}

static void close_unit(void)
{
    nowait_result = result = 0;
    test_unit_end(unit, &device);
    spd_log_set(NULL, NULL);
}

/* Delivers what was logged before. */
static void deliver(void)
{
    spd_log_set(catch, NULL);
}

static void run(struct loop_command *command, bool write, uint64_t lba)
{
    static unsigned char block[TEST_BLOCK];

    memset(command, 0, sizeof *command);
    assert_true(write ? loop_start_write(loop_door_of(unit), command, block, lba, 1, TEST_BLOCK)
                      : loop_start_read(loop_door_of(unit), command, block, lba, 1, TEST_BLOCK));
    loop_wait(command);
}

static void expect_sense(const struct loop_command *command, uint8_t key, uint8_t asc, uint8_t ascq)
{
    assert_int_equal(command->request.task.status, SCSI_CHECK_CONDITION);
    assert_int_equal(command->request.task.sense[2] & 0x0f, key);
    assert_int_equal(command->request.task.sense[12], asc);
    assert_int_equal(command->request.task.sense[13], ascq);
}

static void a_negative_errno_is_what_errno_means_for_a_disk(void **state)
{
    static const struct {
        int result;
        bool write;
        uint8_t key, asc, ascq;
    } rows[] = {
        { -EIO, false, 0x3, 0x11, 0x00 },
        { -EIO, true, 0x3, 0x0c, 0x00 },
        { -ENOSPC, true, 0x7, 0x27, 0x07 },
        { -EROFS, true, 0x7, 0x27, 0x00 },
        { -ENODEV, false, 0x2, 0x04, 0x03 },
        { -EINVAL, false, 0x4, 0x44, 0x00 },
    };
    static const uint32_t kinds[] = { SPD_CACHE, SPD_CACHE | SPD_NEVER_BLOCKS,
        SPD_CACHE | SPD_TRY_FIRST };

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        open_unit(kinds[k]);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct loop_command command;

            nowait_result = result = rows[i].result;
            run(&command, rows[i].write, 9);
            expect_sense(&command, rows[i].key, rows[i].asc, rows[i].ascq);
            if (rows[i].key == 0x3)
                assert_int_equal(command.request.task.sense[6], 9); /* INFORMATION */
        }
        deliver();
        assert_int_equal(lines, 0);
        close_unit();
    }
}

static void a_negative_errno_of_what_may_pass_is_busy(void **state)
{
    static const int results[] = { -ETIMEDOUT, -ECONNRESET, -EHOSTUNREACH, -ENOMEM, -EAGAIN,
        -EMFILE };

    (void)state;
    open_unit(SPD_CACHE);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct loop_command command;

        result = results[i];
        run(&command, i % 2 == 0, 9);
        assert_int_equal(command.request.task.status, SCSI_BUSY);
    }
    deliver();
    assert_int_equal(lines, 0);
    close_unit();
}

/* EMFILE and SPD_ERROR_WOULD_BLOCK once had one number. */
static void only_would_block_and_eagain_have_it_called_again(void **state)
{
    static const struct {
        int result;
        unsigned calls;
    } rows[] = { { SPD_ERROR_WOULD_BLOCK, 2 }, { -EAGAIN, 2 }, { -EMFILE, 1 }, { -EIO, 1 },
        { -24, 1 }, { SPD_ERROR_SYSTEM, 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loop_command command;

        open_unit(SPD_CACHE | SPD_TRY_FIRST);
        nowait_result = rows[i].result;
        run(&command, false, 0);
        assert_int_equal(calls, rows[i].calls);
        assert_int_equal(command.request.task.status == SCSI_GOOD, rows[i].calls == 2);
        close_unit();
    }
}

static void what_is_no_result_is_a_hardware_error_and_a_line(void **state)
{
    static const struct {
        int result;
        const char *line;
    } rows[] = {
        { -4096, "an operation of the device returned -4096 (unknown error), which is no result" },
        { INT_MIN, "an operation of the device returned -2147483648 (unknown error), which" },
        { EIO, "an operation of the device returned 5 (unknown error), which is no result" },
        { SPD_ERROR_SYSTEM, "an operation of the device returned -20022 (the operating system "
            "refused), which is no result: it may return 0, a negative errno value such as -EIO, "
            "and SPD_ERROR_WOULD_BLOCK when flags has SPD_NOWAIT" },
        /* without SPD_NOWAIT */
        { SPD_ERROR_WOULD_BLOCK, "an operation of the device returned -20024 (the operation would "
            "block; call it on a dispatcher thread), which is no result" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loop_command command;

        open_unit(SPD_CACHE | SPD_NEVER_BLOCKS);
        result = rows[i].result;
        run(&command, true, 0);
        expect_sense(&command, 0x4, 0x44, 0x00);
        deliver();
        assert_int_equal(lines, 1);
        if (strncmp(line, rows[i].line, strlen(rows[i].line)) != 0)
            fail_msg("'%s' and not '%s'", line, rows[i].line);
        close_unit();
    }
}

static void a_status_counts_whatever_is_returned(void **state)
{
    static const int results[] = { 0, -EIO, EIO, -4096, SPD_ERROR_SYSTEM };

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct loop_command command;

        open_unit(SPD_CACHE | SPD_NEVER_BLOCKS);
        spd_status_set(&status, 0x7, 0x27, 0x00, NULL);
        result = results[i];
        run(&command, true, 0);
        expect_sense(&command, 0x7, 0x27, 0x00);
        deliver();
        assert_int_equal(lines, 0);
        memset(&status, 0, sizeof status);
        close_unit();
    }
}

static void an_errno_of_the_last_flush_fails_the_wait(void **state)
{
    (void)state;
    open_unit(SPD_CACHE);
    result = -EIO;
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_FLUSH);
    assert_string_equal(spd_error_detail(), "Input/output error (sense 3/0C/00)");
    close_unit();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_negative_errno_is_what_errno_means_for_a_disk),
        cmocka_unit_test(a_negative_errno_of_what_may_pass_is_busy),
        cmocka_unit_test(only_would_block_and_eagain_have_it_called_again),
        cmocka_unit_test(what_is_no_result_is_a_hardware_error_and_a_line),
        cmocka_unit_test(a_status_counts_whatever_is_returned),
        cmocka_unit_test(an_errno_of_the_last_flush_fails_the_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
