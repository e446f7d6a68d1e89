/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Common parts of all commands: dispatch, reserved bits, absent units, directions. */

#include "test.h"

static void unknown_operation_code_is_refused(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x06));
    assert_sense(disk, 0x5, 0x2000);
    none(disk, CDB(0xff, 0xff, 0xff));
    assert_sense(disk, 0x5, 0x2000);
}

static void unknown_service_action_points_at_its_field(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x9e, 0x1f));
    assert_cdb_field(disk, 1, 4);
    none(disk, CDB(0xa3, 0x00));
    assert_cdb_field(disk, 1, 4);
}

static void every_reserved_bit_of_every_byte_is_found(void **state)
{
    struct disk *disk = *state;
    static const uint8_t tur_usage[6] = { 0 };

    for (unsigned byte = 1; byte < sizeof tur_usage; byte++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t cdb[16] = { 0 };

            cdb[byte] = (uint8_t)(1u << bit);
            none(disk, cdb);
            assert_cdb_field(disk, byte, bit);
        }
    }
}

static void the_highest_of_several_reserved_bits_is_reported(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x00, 0x00, 0x2c, 0xff));
    assert_cdb_field(disk, 2, 5);
}

static void bytes_past_the_end_of_the_cdb_do_not_matter(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x00, [6] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    assert_good(disk);
}

static void naca_is_refused(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x00, 0, 0, 0, 0, 0x04));
    assert_cdb_field(disk, 5, 2);
}

static void a_cdb_that_is_cut_short_is_refused(void **state)
{
    struct disk *disk = *state;
    struct scsi_task *task = &disk->task;

    none(disk, CDB(0x00));
    task->cdb[0] = 0x28;
    task->cdb_length = 9;
    assert_int_equal(scsi_begin(task), SCSI_DONE);
    assert_sense(disk, 0x5, 0x2400);
}

static void a_lun_without_unit_refuses_commands(void **state)
{
    struct disk *disk = *state;

    disk_run(disk, 0, NULL, CDB(0x00), SCSI_NO_DATA, NULL, 0);
    assert_sense(disk, 0x5, 0x2500);
    disk_run(disk, 0, NULL, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), SCSI_DATA_IN, NULL, 512);
    assert_sense(disk, 0x5, 0x2500);
    disk_run(disk, 0, NULL, CDB(0x06), SCSI_NO_DATA, NULL, 0);
    assert_sense(disk, 0x5, 0x2500);
}

static void a_lun_without_unit_answers_inquiry_with_qualifier_3(void **state)
{
    struct disk *disk = *state;

    disk_run(disk, 0, NULL, CDB(0x12, 0, 0, 0, 96), SCSI_DATA_IN, NULL, 96);
    assert_length(disk, 96);
    assert_int_equal(disk_reply(disk)[0], 0x7f);
    disk_run(disk, 0, NULL, CDB(0x12, 1, 0, 0, 96), SCSI_DATA_IN, NULL, 96);
    assert_cdb_field(disk, 2, 7);
}

static void a_lun_without_unit_answers_request_sense(void **state)
{
    struct disk *disk = *state;

    disk_run(disk, 0, NULL, CDB(0x03, 0, 0, 0, 18), SCSI_DATA_IN, NULL, 18);
    assert_length(disk, 18);
    assert_int_equal(disk_reply(disk)[2], 0x05);
    assert_int_equal(be16_get(disk_reply(disk) + 12), 0x2500);
}

static void a_lun_without_unit_answers_report_luns(void **state)
{
    struct disk *disk = *state;

    disk_run(disk, 0, NULL, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16), SCSI_DATA_IN, NULL, 16);
    assert_length(disk, 16);
    assert_int_equal(be32_get(disk_reply(disk)), 8);
}

/* By operation code and, where there are any, service action. */
static bool must_always_be_answered(unsigned opcode, unsigned action)
{
    static const uint8_t opcodes[] = { 0x00, 0x03, 0x12, 0x1a, 0x25, 0x4d, 0x5a, 0xa0 };

    switch (opcode) {
    case 0x5e:
        return action <= 3;
    case 0x9e:
        return action == 0x10;
    case 0xa3:
        return action == 0x0c || action == 0x0d;
    default:
        return memchr(opcodes, (int)opcode, sizeof opcodes);
    }
}

static void what_only_asks_is_always_answered_and_touches_no_medium(void **state)
{
    struct disk *disk = *state;

    for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned action = 0; action < 32; action++) {
            none(disk, CDB((uint8_t)opcode, (uint8_t)action));
            assert_int_equal(
                scsi_always_answered(&disk->task), must_always_be_answered(opcode, action));
            if (scsi_always_answered(&disk->task))
                assert_false(disk->task.medium || disk->task.exclusive || disk->log_count);
        }
    }
}

static void the_ordered_attribute_makes_a_task_exclusive(void **state)
{
    struct disk *disk = *state;
    struct scsi_task *task = &disk->task;

    none(disk, CDB(0x00));
    assert_false(task->exclusive);
    task->attribute = SCSI_ORDERED;
    scsi_begin(task);
    assert_true(task->exclusive);
    task->attribute = SCSI_HEAD_OF_QUEUE;
    scsi_begin(task);
    assert_false(task->exclusive);
}

static void only_medium_commands_are_marked_so(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x00));
    assert_false(disk->task.medium);
    in(disk, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 512);
    assert_true(disk->task.medium);
    none(disk, CDB(0x35));
    assert_true(disk->task.medium);
}

static void data_announced_for_a_command_without_any_is_underflow(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x00), 100);
    assert_good(disk);
    assert_true(disk->task.underflow);
    assert_int_equal(disk->task.residual, 100);
}

static void a_read_announced_as_a_write_is_all_overflow(void **state)
{
    struct disk *disk = *state;
    uint8_t data[512] = { 0 };

    out(disk, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), data, 512);
    assert_length(disk, 0);
    assert_true(disk->task.overflow);
    assert_int_equal(disk->task.residual, 512);
    out(disk, CDB(0x12, 0, 0, 0, 36), data, 36);
    assert_length(disk, 0);
    assert_int_equal(disk->task.residual, 36);
}

static void any_group_number_is_as_good_as_none(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x34, 0, 0, 0, 0, 0, 0x1f, 0, 1));
    assert_int_not_equal(disk->task.status, SCSI_CHECK_CONDITION);
    none(disk, CDB(0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1f));
    assert_int_not_equal(disk->task.status, SCSI_CHECK_CONDITION);
    in(disk, CDB(0x28, 0, 0, 0, 0, 0, 3, 0, 1), 512);
    assert_length(disk, 512);
    none(disk, CDB(0x34, 0, 0, 0, 0, 0, 0x20, 0, 1));
    assert_cdb_field(disk, 6, 5);
}

static void unmapping_nothing_past_the_end_is_no_error(void **state)
{
    struct disk *disk = *state;
    uint64_t end = disk->unit.params.block_count;
    const uint8_t list[] = { 0, 22, 0, 16, 0, 0, 0, 0, B64(end), B32(0), 0, 0, 0, 0 };
    const uint8_t one[] = { 0, 22, 0, 16, 0, 0, 0, 0, B64(end), B32(1), 0, 0, 0, 0 };

    out(disk, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, sizeof list), list, sizeof list);
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
    out(disk, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, sizeof one), one, sizeof one);
    assert_sense(disk, 0x5, 0x2100);
}

static void a_failed_command_reports_all_as_residual(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1), 512);
    assert_sense(disk, 0x5, 0x2100);
    assert_true(disk->task.underflow);
    assert_int_equal(disk->task.residual, 512);
}

static void a_busy_device_passes_its_status_without_sense(void **state)
{
    struct disk *disk = *state;

    disk->fail_at = 1;
    disk->fail_with = (struct scsi_outcome){ .status = SCSI_BUSY };
    in(disk, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 512);
    assert_int_equal(disk->task.status, SCSI_BUSY);
    assert_int_equal(disk->task.sense_length, 0);
}

static void a_caller_can_fail_a_task_itself(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x00));
    scsi_task_fail(&disk->task, &(struct scsi_outcome){ .status = SCSI_CHECK_CONDITION,
        .sense_key = 0xb, .asc = 0x4b, .ascq = 0x03 });
    assert_sense(disk, 0xb, 0x4b03);
    scsi_task_fail(&disk->task, &(struct scsi_outcome){ .status = SCSI_TASK_SET_FULL });
    assert_int_equal(disk->task.status, SCSI_TASK_SET_FULL);
    assert_int_equal(disk->task.sense_length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_operation_code_is_refused),
        TEST(unknown_service_action_points_at_its_field),
        TEST(every_reserved_bit_of_every_byte_is_found),
        TEST(the_highest_of_several_reserved_bits_is_reported),
        TEST(bytes_past_the_end_of_the_cdb_do_not_matter),
        TEST(naca_is_refused),
        TEST(a_cdb_that_is_cut_short_is_refused),
        TEST(a_lun_without_unit_refuses_commands),
        TEST(a_lun_without_unit_answers_inquiry_with_qualifier_3),
        TEST(a_lun_without_unit_answers_request_sense),
        TEST(a_lun_without_unit_answers_report_luns),
        TEST(what_only_asks_is_always_answered_and_touches_no_medium),
        TEST(the_ordered_attribute_makes_a_task_exclusive),
        TEST(only_medium_commands_are_marked_so),
        TEST(data_announced_for_a_command_without_any_is_underflow),
        TEST(a_read_announced_as_a_write_is_all_overflow),
        TEST(any_group_number_is_as_good_as_none),
        TEST(unmapping_nothing_past_the_end_is_no_error),
        TEST(a_failed_command_reports_all_as_residual),
        TEST(a_busy_device_passes_its_status_without_sense),
        TEST(a_caller_can_fail_a_task_itself),
    };

    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
