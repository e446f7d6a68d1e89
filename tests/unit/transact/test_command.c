/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Transactions as SCSI commands, and sense as transaction status. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "transact/command.h"

#include <cmocka.h>

static void assert_cdb(const struct scsi_task *task, const char *cdb, uint8_t length)
{
    assert_int_equal(task->cdb_length, length);
    assert_memory_equal(task->cdb, cdb, length);
}

static void read_becomes_read_16(void **state)
{
    struct transact_request r = {
        .kind = TRANSACT_READ, .lba = 0x0102030405060708, .blocks = 0x0a0b0c0d, .fua = true,
    };
    struct scsi_task task = { 0 };

    (void)state;
    assert_true(transact_command_build(&r, 512, &task));
    assert_cdb(&task, "\x88\x08\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\0\0", 16);
    assert_int_equal(task.expected_direction, SCSI_DATA_IN);
    assert_int_equal(task.expected_length, UINT64_C(0x0a0b0c0d) * 512);
}

static void write_becomes_write_16(void **state)
{
    struct transact_request r = { .kind = TRANSACT_WRITE, .lba = 7, .blocks = 5 };
    struct scsi_task task = { 0 };

    (void)state;
    assert_true(transact_command_build(&r, 4096, &task));
    assert_cdb(&task, "\x8a\0\0\0\0\0\0\0\0\x07\0\0\0\x05\0\0", 16);
    assert_int_equal(task.expected_direction, SCSI_DATA_OUT);
    assert_int_equal(task.expected_length, 5 * 4096);
}

static void flush_becomes_synchronize_cache_16(void **state)
{
    struct transact_request r = { .kind = TRANSACT_FLUSH, .lba = 7, .blocks = 5, .fua = true };
    struct scsi_task task = { 0 };

    (void)state;
    assert_true(transact_command_build(&r, 512, &task));
    assert_cdb(&task, "\x91\0\0\0\0\0\0\0\0\x07\0\0\0\x05\0\0", 16);
    assert_int_equal(task.expected_direction, SCSI_NO_DATA);
    assert_int_equal(task.expected_length, 0);
}

static void unknown_kinds_become_nothing(void **state)
{
    struct scsi_task task = { 0 };

    (void)state;
    for (int kind = 0; kind < 256; kind++) {
        struct transact_request r = { .kind = (uint8_t)kind };

        if (kind < TRANSACT_READ || kind > TRANSACT_FLUSH)
            assert_false(transact_command_build(&r, 512, &task));
    }
}

static void unmap_has_a_parameter_list(void **state)
{
    struct scsi_task task = { 0 };
    uint8_t header[TRANSACT_UNMAP_HEADER_LENGTH];
    uint8_t ranges[32];
    struct transact_range first = { 0x0102030405060708, 0x0a0b0c0d }, second = { 9, 1 };

    (void)state;
    transact_command_build_unmap(2, &task, header);
    assert_cdb(&task, "\x42\0\0\0\0\0\0\0\x28\0", 10);
    assert_int_equal(task.expected_length, 40);
    assert_int_equal(task.expected_direction, SCSI_DATA_OUT);
    assert_memory_equal(header, "\0\x26\0\x20\0\0\0\0", 8);
    transact_encode_range(&first, ranges);
    transact_encode_range(&second, ranges + 16);
    memset(ranges + 12, 0xff, 4); /* what is reserved there is reserved here too */
    transact_command_convert_ranges(ranges, 2);
    assert_memory_equal(ranges, "\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\0\0\0\0", 16);
    assert_memory_equal(ranges + 16, "\0\0\0\0\0\0\0\x09\0\0\0\x01\0\0\0\0", 16);
}

static struct transact_status from_sense(const char *sense, uint8_t length)
{
    struct scsi_task task = { .status = SCSI_CHECK_CONDITION, .sense_length = length };

    memcpy(task.sense, sense, length);
    return transact_status_from_task(&task);
}

static void fixed_sense_is_translated(void **state)
{
    struct transact_status s = from_sense(
        "\xf0\0\x03\x01\x02\x03\x04\x0a\0\0\0\0\x11\x01\0\0\0\0", 18);

    (void)state;
    assert_int_equal(s.scsi_status, 2);
    assert_int_equal(s.sense_key, 3);
    assert_int_equal(s.asc, 0x11);
    assert_int_equal(s.ascq, 0x01);
    assert_true(s.information_valid);
    assert_int_equal(s.information, 0x01020304);
}

static void fixed_sense_without_valid_has_no_information(void **state)
{
    struct transact_status s = from_sense(
        "\x70\0\x05\xff\xff\xff\xff\x0a\0\0\0\0\x24\0\0\0\0\0", 18);

    (void)state;
    assert_int_equal(s.sense_key, 5);
    assert_false(s.information_valid);
}

static void descriptor_sense_is_translated(void **state)
{
    struct transact_status s = from_sense(
        "\x72\x03\x11\x02\0\0\0\x14"
        "\x02\x06\0\0\xc0\0\x02\0"
        "\0\x0a\x80\0\x01\x02\x03\x04\x05\x06\x07\x08", 28);

    (void)state;
    assert_int_equal(s.sense_key, 3);
    assert_int_equal(s.asc, 0x11);
    assert_int_equal(s.ascq, 0x02);
    assert_true(s.information_valid);
    assert_int_equal(s.information, 0x0102030405060708);
}

static void cut_sense_is_read_as_far_as_it_goes(void **state)
{
    struct transact_status s = from_sense("\x72\x03\x11\x02\0\0\0\x0c\0\x0a\x80\0\x01", 13);

    (void)state;
    assert_int_equal(s.sense_key, 3);
    assert_false(s.information_valid);
    s = from_sense("\x70", 1);
    assert_int_equal(s.scsi_status, 2);
    assert_int_equal(s.sense_key, 0);
}

static void other_status_has_no_sense(void **state)
{
    struct scsi_task task = { .status = SCSI_BUSY };
    struct transact_status s = transact_status_from_task(&task);

    (void)state;
    assert_int_equal(s.scsi_status, SCSI_BUSY);
    assert_int_equal(s.sense_key, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_becomes_read_16),
        cmocka_unit_test(write_becomes_write_16),
        cmocka_unit_test(flush_becomes_synchronize_cache_16),
        cmocka_unit_test(unknown_kinds_become_nothing),
        cmocka_unit_test(unmap_has_a_parameter_list),
        cmocka_unit_test(fixed_sense_is_translated),
        cmocka_unit_test(fixed_sense_without_valid_has_no_information),
        cmocka_unit_test(descriptor_sense_is_translated),
        cmocka_unit_test(cut_sense_is_read_as_far_as_it_goes),
        cmocka_unit_test(other_status_has_no_sense),
    };

    return cmocka_run_group_tests_name("unix-command", tests, NULL, NULL);
}
