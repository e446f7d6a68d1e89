/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/statistics.h"
#include "common/trace.h"
#include "test_device.h"

static spd_status answer; /* what the traced device says */
static int result; /* what it returns */
static int calls;

static int fake_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)buffer, (void)lba, (void)blocks, (void)flags;
    calls++;
    *status = answer;
    return result;
}

static int fake_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)buffer, (void)lba, (void)blocks, (void)flags;
    calls++;
    *status = answer;
    return result;
}

static int fake_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)device, (void)lba, (void)blocks, (void)flags;
    calls++;
    *status = answer;
    return result;
}

static int fake_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    (void)device, (void)ranges, (void)count, (void)flags;
    calls++;
    *status = answer;
    return result;
}

static int fake_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)device, (void)lba, (void)blocks, (void)flags;
    calls++;
    *status = answer;
    return result;
}

static int fake_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    (void)device, (void)lba, (void)blocks, (void)flags, (void)extents;
    calls++;
    *status = answer;
    return result;
}

static const spd_ops fake_ops = {
    .size = sizeof fake_ops,
    .read = fake_read,
    .write = fake_write,
    .flush = fake_flush,
    .unmap = fake_unmap,
    .write_zeroes = fake_write_zeroes,
    .extents = fake_extents,
};

/* Makes each operation once; returns the log, which the caller frees. */
static char *trace_all(uint32_t mask)
{
    FILE *out = tmpfile();
    struct sink sink = {.fd = fileno(out)};
    struct trace trace;
    spd_device *device = &trace.device;
    const spd_ops *ops = &trace.ops;
    char *text = calloc(1, 2000);
    spd_status status = {0};

    trace_init(&trace, &(spd_device){ &fake_ops, NULL }, mask, "rawdisk", &sink);
    calls = 0;
    ops->read(device, NULL, UINT64_C(0x123456789), 8, SPD_FUA, &status);
    ops->write(device, NULL, 16, 1, 0, &status);
    ops->flush(device, 0, 0, 0, &status);
    ops->unmap(device, NULL, 3, 0, &status);
    ops->write_zeroes(device, 7, 9, 0, &status);
    ops->extents(device, 5, 6, 0, (spd_extents *)&calls, &status);
    rewind(out);
    assert_true(fread(text, 1, 1999, out) > 0);
    fclose(out);
    assert_int_equal(calls, 6);
    return text;
}

static void request_and_response_lines_have_the_originals_shape(void **state)
{
    char *text;

    (void)state;
    answer = (spd_status){0};
    text = trace_all(UINT32_MAX);
    assert_non_null(strstr(text, "rawdisk[TID=0001]: "));
    assert_non_null(strstr(text, ": >>Read  BlockAddress=1:23456789, BlockCount=8, FUA=1\n"));
    assert_non_null(strstr(text, ": <<Read  Status=GOOD\n"));
    assert_non_null(strstr(text, ": >>Write BlockAddress=0:10, BlockCount=1, FUA=0\n"));
    assert_non_null(strstr(text, ": <<Write Status=GOOD\n"));
    assert_non_null(strstr(text, ": >>Flush BlockAddress=0:0, BlockCount=0\n"));
    assert_non_null(strstr(text, ": >>Unmap Count=3\n"));
    assert_non_null(strstr(text, ": <<Unmap Status=GOOD\n"));
    assert_non_null(strstr(text, ": >>Zero  BlockAddress=0:7, BlockCount=9, FUA=0\n"));
    assert_non_null(strstr(text, ": <<Zero  Status=GOOD\n"));
    assert_non_null(strstr(text, ": >>Extents BlockAddress=0:5, BlockCount=6\n"));
    assert_non_null(strstr(text, ": <<Extents Status=GOOD\n"));
    free(text);
}

static void errors_show_sense_and_information(void **state)
{
    char *text;

    (void)state;
    answer = (spd_status){2, 3, 0x11, 0, 1, {0}, UINT64_C(0x200000003)};
    text = trace_all(1 << SPD_READ);
    assert_non_null(strstr(text, "<<Read  Status=CHECK_CONDITION SenseKey=MEDIUM_ERROR "
                                 "ASC/ASCQ=17/0 Information=2:3\n"));
    free(text);
    answer = (spd_status){2, 7, 0x27, 7, 0, {0}, 0};
    text = trace_all(1 << SPD_WRITE);
    assert_non_null(strstr(text, "<<Write Status=CHECK_CONDITION SenseKey=DATA_PROTECT "
                                 "ASC/ASCQ=39/7\n"));
    free(text);
}

static void sense_keys_have_the_originals_names(void **state)
{
    static const struct {
        uint8_t key;
        const char *text;
    } rows[] = {
        {0x09, "SenseKey=VENDOR_SPECIFIC "}, {0x0c, "SenseKey=UNKNOWN "},
        {0x0d, "SenseKey=VOL_OVERFLOW "}, {0x0f, "SenseKey=COMPLETED "},
        {0x13, "SenseKey=UNKNOWN "},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text;

        answer = (spd_status){2, rows[i].key, 0, 0, 0, {0}, 0};
        text = trace_all(1 << SPD_READ);
        assert_non_null(strstr(text, rows[i].text));
        free(text);
    }
}

static void mask_chooses_kinds(void **state)
{
    char *text;

    (void)state;
    answer = (spd_status){0};
    text = trace_all(1 << SPD_FLUSH | 1 << SPD_UNMAP);
    assert_null(strstr(text, "Read"));
    assert_null(strstr(text, "Write"));
    assert_non_null(strstr(text, ">>Flush"));
    assert_non_null(strstr(text, ">>Unmap"));
    free(text);
}

static void an_error_that_is_returned_is_no_good_status(void **state)
{
    char *text;

    (void)state;
    answer = (spd_status){0};
    result = -5;
    text = trace_all(1 << SPD_READ | 1 << SPD_UNMAP | 1 << SPD_WRITE_ZEROES);
    assert_non_null(strstr(text, "<<Read  Error=-5\n"));
    assert_non_null(strstr(text, "<<Unmap Error=-5\n"));
    assert_non_null(strstr(text, "<<Zero  Error=-5\n"));
    assert_null(strstr(text, "GOOD"));
    free(text);
    result = 0;
}

/* The library asks for what is not NULL: a device without a cache needs no flush. */
static void what_a_device_does_not_have_is_not_traced(void **state)
{
    struct sink sink = {.fd = -1};
    const spd_ops reader = {.size = sizeof reader, .read = fake_read};
    const spd_ops writer = {.size = sizeof writer, .read = fake_read, .write = fake_write};
    struct trace trace;
    const spd_ops *ops = &trace.ops;

    (void)state;
    trace_init(&trace, &(spd_device){ &reader, NULL }, UINT32_MAX, "rawdisk", &sink);
    assert_non_null(ops->read);
    assert_null(ops->write);
    assert_null(ops->flush);
    assert_null(ops->unmap);
    assert_null(ops->write_zeroes);
    assert_null(ops->extents);
    assert_int_equal(ops->submits, 0);
    assert_null(ops->submit);
    assert_null(ops->returned);
    trace_init(&trace, &(spd_device){ &writer, NULL }, UINT32_MAX, "rawdisk", &sink);
    assert_non_null(ops->write);
    assert_null(ops->flush);
    assert_null(ops->unmap);
}

static void begin_thread(spd_device *device)
{
    *(int *)device->context += 1;
}

static void end_thread(spd_device *device)
{
    *(int *)device->context += 10;
}

static void threads_of_the_device_below_begin_and_end(void **state)
{
    struct sink sink = {.fd = -1};
    const spd_ops with = {.size = sizeof with, .read = fake_read, .thread_begin = begin_thread,
        .thread_end = end_thread};
    const spd_ops without = {.size = sizeof without, .read = fake_read};
    struct trace trace;
    int told = 0;

    (void)state;
    trace_init(&trace, &(spd_device){ &with, &told }, 0, "rawdisk", &sink);
    trace.ops.thread_begin(&trace.device);
    assert_int_equal(told, 1);
    trace.ops.thread_end(&trace.device);
    assert_int_equal(told, 11);
    trace_init(&trace, &(spd_device){ &without, NULL }, 0, "rawdisk", &sink);
    if (trace.ops.thread_begin)
        trace.ops.thread_begin(&trace.device);
    if (trace.ops.thread_end)
        trace.ops.thread_end(&trace.device);
}

/* Two disks of a process, each below a trace and with a log of its own. */

struct traced {
    struct test_device device;
    struct trace trace;
    struct sink sink;
    FILE *out;
    spd_unit *unit;
};

static struct traced disks[2];
static unsigned char block[TEST_BLOCK];

static void begin_traced(struct traced *disk, const spd_ops *ops)
{
    spd_params params = test_params(SPD_CACHE | SPD_UNMAP_SUPPORTED);

    disk->out = tmpfile();
    disk->sink = (struct sink){ .fd = fileno(disk->out) };
    test_device_init(&disk->device);
    trace_init(
        &disk->trace, &(spd_device){ ops, &disk->device }, UINT32_MAX, "rawdisk", &disk->sink);
    disk->unit = test_unit_on(&disk->trace.device, &params, 1);
}

static void end_traced(struct traced *disk, char text[2000])
{
    memset(text, 0, 2000);
    test_unit_end(disk->unit, &disk->device);
    rewind(disk->out);
    assert_true(fread(text, 1, 1999, disk->out) > 0);
    fclose(disk->out);
}

static unsigned count_lines(const char *text, const char *of)
{
    unsigned count = 0;

    while ((text = strstr(text, of))) {
        text++;
        count++;
    }
    return count;
}

static void run_write(struct traced *disk, uint64_t lba, bool cancel)
{
    struct loop_command write = { 0 };

    disk->device.hold = cancel;
    assert_true(loop_start_write(loop_door_of(disk->unit), &write, block, lba, 1, TEST_BLOCK));
    if (cancel) {
        test_wait_held(&disk->device, 1);
        assert_false(loop_cancel(&write));
        assert_int_equal(disk->device.aborts, 1);
        test_let_go(&disk->device);
    }
    loop_wait(&write);
}

static void units_have_a_trace_each_of_either_kind(void **state)
{
    const spd_ops *const kinds[] = { &test_simple_ops, &test_async_ops };
    char text[2000];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 2; k++)
            begin_traced(&disks[k], kinds[i]);
        run_write(&disks[0], 0x10, false);
        run_write(&disks[1], 0x20, false);
        disks[0].device.status.scsi_status = SPD_STATUS_BUSY;
        run_write(&disks[0], 0x11, true);
        disks[0].device.status.scsi_status = SPD_STATUS_GOOD;
        end_traced(&disks[0], text);
        assert_int_equal(disks[0].device.stops, 1);
        assert_int_equal(
            count_lines(text, ": >>Write BlockAddress=0:10, BlockCount=1, FUA=0\n"), 1);
        assert_int_equal(
            count_lines(text, ": >>Write BlockAddress=0:11, BlockCount=1, FUA=0\n"), 1);
        assert_int_equal(count_lines(text, "0000000000000001: <<Write Status=GOOD\n"), 1);
        assert_int_equal(count_lines(text, "0000000000000002: <<Write Status=BUSY "), 1);
        assert_int_equal(count_lines(text, "0000000000000003: <<Flush Status=GOOD\n"), 1);
        assert_int_equal(count_lines(text, "\n"), 6);
        end_traced(&disks[1], text);
        assert_int_equal(count_lines(text, "0000000000000001: >>Write BlockAddress=0:20, "), 1);
        assert_int_equal(count_lines(text, "\n"), 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_and_response_lines_have_the_originals_shape),
        cmocka_unit_test(errors_show_sense_and_information),
        cmocka_unit_test(sense_keys_have_the_originals_names),
        cmocka_unit_test(mask_chooses_kinds),
        cmocka_unit_test(an_error_that_is_returned_is_no_good_status),
        cmocka_unit_test(what_a_device_does_not_have_is_not_traced),
        cmocka_unit_test(threads_of_the_device_below_begin_and_end),
        cmocka_unit_test(units_have_a_trace_each_of_either_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
