/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests that wait: for their data, at the gate, for a dispatcher, for the device; and how they
 * are cancelled there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../log_lines.h"
#include "lib/unit.h"
#include "test_device.h"

static struct test_device device;

static void map_is_called_once_and_only_for_data(void **state)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    struct loop_command command = { 0 }, write = { 0 };
    static unsigned char bytes[8 * TEST_BLOCK];
    spd_unit *unit;

    (void)state;
    params.max_transfer_length = TEST_BLOCK;
    unit = test_unit(&device, &test_simple_ops, &params, 0);
    assert_true(
        loop_start(loop_door_of(unit), &command, inquiry, sizeof inquiry, SCSI_DATA_IN, 36));
    assert_int_equal(command.maps, 0);
    assert_non_null(command.request.task.reply);
    assert_memory_equal((const char *)command.request.task.reply + 8, "WinSpd  ", 8);
    assert_int_equal(loop_wait(&command), SCSI_GOOD);
    assert_true(loop_start_write(loop_door_of(unit), &write, bytes, 0, 8, TEST_BLOCK));
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_int_equal(write.maps, 1);
    assert_int_equal(device.calls[SPD_WRITE], 8);
    test_unit_end(unit, &device);
}

static void a_request_goes_on_when_its_data_has_come(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char block[TEST_BLOCK] = { 7 };
    struct loop_command write = { .defer_map = true };

    (void)state;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 2, 1, TEST_BLOCK));
    assert_int_equal(device.calls[SPD_WRITE], 0);
    loop_mapped(&write);
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_int_equal(device.disk[2][0], 7);
    assert_int_equal(write.maps, 1);
    test_unit_end(unit, &device);
}

static void a_command_that_waits_for_data_can_be_cancelled(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char block[TEST_BLOCK] = { 7 };
    struct loop_command write = { .defer_map = true };
    spd_statistics statistics = { .size = sizeof statistics };

    (void)state;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 2, 1, TEST_BLOCK));
    assert_true(loop_cancel(&write));
    assert_int_equal(atomic_load(&write.dones), 0);
    assert_int_equal(spd_unit_statistics(unit, &statistics), 0);
    assert_int_equal(statistics.aborted, 1);
    test_unit_end(unit, &device);
    assert_int_equal(device.calls[SPD_WRITE], 0);
}

static void a_queued_command_can_be_cancelled_one_that_the_device_has_not(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    unsigned char block[TEST_BLOCK] = { 7 };
    struct loop_command first = { 0 }, second = { 0 };

    (void)state;
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &first, block, 0, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    assert_true(loop_start_write(loop_door_of(unit), &second, block, 1, 1, TEST_BLOCK));
    assert_true(loop_cancel(&second));
    assert_false(loop_cancel(&first));
    test_let_go(&device);
    assert_int_equal(loop_wait(&first), SCSI_GOOD);
    assert_false(loop_cancel(&first));
    assert_int_equal(atomic_load(&first.dones), 1);
    assert_int_equal(device.calls[SPD_WRITE], 1);
    test_unit_end(unit, &device);
}

static void an_exclusive_command_waits_for_those_before_it_and_holds_those_after_it(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 4);
    struct loop_command command[3] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    command[1].request.task.attribute = SCSI_ORDERED;
    for (int i = 0; i < 3; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    test_let_go(&device);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_wait(&command[i]), SCSI_GOOD);
    assert_int_equal(device.most_inside, 1);
    assert_int_equal(device.lba, 2); /* the last one */
    test_unit_end(unit, &device);
}

/* A write that the device has, an ORDERED one that waits for it, and one behind. */
static void hang_up_all(spd_unit *unit, struct loop_command command[3], unsigned char *block)
{
    command[1].request.task.attribute = SCSI_ORDERED;
    for (int i = 0; i < 2; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    command[1].request.waiter.since -= 11 * UINT64_C(1000000000);
    assert_true(loop_start_write(loop_door_of(unit), &command[2], block, 2, 1, TEST_BLOCK));
}

static void an_exclusive_command_that_waits_for_a_device_that_hangs_gives_way(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 4);
    struct loop_command command[3] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    log_lines_begin();
    hang_up_all(unit, command, block);
    assert_int_equal(loop_wait(&command[1]), SCSI_BUSY);
    log_lines_wait("command 8Ah, which none may run beside, waited # s for 1 operation of others "
                   "that the device has not ended, the oldest a write of 1 block at block 0, # s; "
                   "it is answered BUSY");
    test_wait_held(&device, 2); /* and the one behind goes on */
    test_let_go(&device);
    assert_int_equal(loop_wait(&command[0]), SCSI_GOOD);
    assert_int_equal(loop_wait(&command[2]), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_WRITE], 2);
    test_unit_end(unit, &device);
}

static void the_log_says_what_an_exclusive_command_that_was_aborted_waited_for(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 4);
    struct loop_command command[2] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    command[1].request.task.attribute = SCSI_ORDERED;
    for (int i = 0; i < 2; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    command[1].request.waiter.since -= 30 * UINT64_C(1000000000);
    log_lines_begin();
    assert_true(loop_cancel(&command[1]));
    log_lines_wait("command 8Ah, which none may run beside, waited # s for 1 operation of others "
                   "that the device has not ended, the oldest a write of 1 block at block 0, # s; "
                   "it has been aborted");
    test_let_go(&device);
    assert_int_equal(loop_wait(&command[0]), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void those_that_waited_for_an_exclusive_one_go_on_side_by_side(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 3);
    struct loop_command command[4] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    command[0].request.task.attribute = SCSI_ORDERED;
    for (int i = 0; i < 4; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    test_let_one_go(&device);
    test_wait_held(&device, 3);
    test_let_go(&device);
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_wait(&command[i]), SCSI_GOOD);
    test_unit_end(unit, &device);
}

/* PERSISTENT RESERVE OUT of the door's one nexus, with its parameter list. */
static bool start_reserve(struct loop_door *door, struct loop_command *command, uint8_t *list,
    uint8_t action, uint8_t key, uint8_t action_key)
{
    const uint8_t cdb[10] = { 0x5f, action, 0x01, [8] = 24 };

    memset(list, 0, 24);
    list[7] = key;
    list[15] = action_key;
    command->vec[0] = (struct scsi_vec){ list, 24 };
    command->vec_count = 1;
    return loop_start(door, command, cdb, sizeof cdb, SCSI_DATA_OUT, 24);
}

enum { REGISTER = 0, PREEMPT_AND_ABORT = 5 };

static void a_change_of_reservations_waits_for_what_the_device_has(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    struct loop_command write = { 0 }, reserve = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };
    uint8_t list[24];

    (void)state;
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
    assert_true(start_reserve(loop_door_of(unit), &reserve, list, REGISTER, 0, 1));
    assert_int_equal(atomic_load(&reserve.dones), 0);
    test_let_go(&device);
    assert_int_equal(loop_wait(&reserve), SCSI_GOOD);
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void a_write_whose_data_comes_after_its_abort_does_not_reach_the_device(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    struct loop_command write = { .defer_map = true }, reserve[2] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };
    uint8_t list[24];

    (void)state;
    assert_true(start_reserve(loop_door_of(unit), &reserve[0], list, REGISTER, 0, 1));
    assert_int_equal(loop_wait(&reserve[0]), SCSI_GOOD);
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
    assert_true(start_reserve(loop_door_of(unit), &reserve[1], list, PREEMPT_AND_ABORT, 1, 1));
    assert_int_equal(loop_wait(&reserve[1]), SCSI_GOOD);
    loop_mapped(&write);
    assert_int_equal(loop_wait(&write), SCSI_CHECK_CONDITION);
    assert_int_equal(device.calls[SPD_WRITE], 0);
    test_unit_end(unit, &device);
}

/* COMPARE AND WRITE needs a scratch, but has no reply in it. */
static void a_scratch_without_a_reply_is_given_back_before_done(void **state)
{
    static const uint8_t cdb[16] = { 0x89, [13] = 1 };
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    unsigned char pair[2 * TEST_BLOCK] = { 0 };
    struct loop_command command = { .vec = { { pair, sizeof pair } }, .vec_count = 1 };

    (void)state;
    pair[TEST_BLOCK] = 9;
    assert_true(
        loop_start(loop_door_of(unit), &command, cdb, sizeof cdb, SCSI_DATA_OUT, sizeof pair));
    assert_null(command.request.task.scratch);
    assert_int_equal(loop_wait(&command), SCSI_GOOD);
    assert_int_equal(device.disk[0][0], 9);
    test_unit_end(unit, &device);
}

static void a_command_parked_behind_an_exclusive_one_can_be_cancelled(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    struct loop_command command[4] = { 0 };
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    command[1].request.task.attribute = SCSI_ORDERED;
    for (int i = 0; i < 4; i++)
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    assert_int_equal(device.calls[SPD_WRITE], 1);
    assert_true(loop_cancel(&command[3]));
    /* The exclusive one goes; the other behind it may overlap the first now. */
    assert_true(loop_cancel(&command[1]));
    assert_int_equal(device.calls[SPD_WRITE], 2);
    assert_int_equal(device.lba, 2);
    test_let_go(&device);
    assert_int_equal(loop_wait(&command[0]), SCSI_GOOD);
    assert_int_equal(loop_wait(&command[2]), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void a_thousand_parked_commands_go_on_without_recursion(void **state)
{
    enum { COUNT = 3000 };
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    struct loop_command *command = calloc(COUNT, sizeof *command);
    unsigned char block[TEST_BLOCK] = { 0 };

    (void)state;
    device.hold = true;
    for (int i = 0; i < COUNT; i++) {
        command[i].request.task.attribute = SCSI_ORDERED;
        assert_true(
            loop_start_write(loop_door_of(unit), &command[i], block, (uint64_t)i, 1, TEST_BLOCK));
    }
    assert_int_equal(device.calls[SPD_WRITE], 1);
    test_let_go(&device);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(loop_wait(&command[i]), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_WRITE], COUNT);
    test_unit_end(unit, &device);
    free(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_is_called_once_and_only_for_data),
        cmocka_unit_test(a_request_goes_on_when_its_data_has_come),
        cmocka_unit_test(a_command_that_waits_for_data_can_be_cancelled),
        cmocka_unit_test(a_queued_command_can_be_cancelled_one_that_the_device_has_not),
        cmocka_unit_test(an_exclusive_command_waits_for_those_before_it_and_holds_those_after_it),
        cmocka_unit_test(an_exclusive_command_that_waits_for_a_device_that_hangs_gives_way),
        cmocka_unit_test(the_log_says_what_an_exclusive_command_that_was_aborted_waited_for),
        cmocka_unit_test(those_that_waited_for_an_exclusive_one_go_on_side_by_side),
        cmocka_unit_test(a_change_of_reservations_waits_for_what_the_device_has),
        cmocka_unit_test(a_write_whose_data_comes_after_its_abort_does_not_reach_the_device),
        cmocka_unit_test(a_scratch_without_a_reply_is_given_back_before_done),
        cmocka_unit_test(a_command_parked_behind_an_exclusive_one_can_be_cancelled),
        cmocka_unit_test(a_thousand_parked_commands_go_on_without_recursion),
    };

    return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
