/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A device learns of aborted requests and of the end of its unit; and other things do not wait for
 * a device that hangs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test_device.h"

static struct test_device device;
static unsigned char block[8 * TEST_BLOCK];

static void a_simple_operation_is_aborted_by_its_request(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    struct loop_command write = { 0 };

    (void)state;
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 7, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    assert_non_null(device.current);
    assert_int_equal(spd_request_is_aborted(device.current), 0);
    assert_false(loop_cancel(&write));
    assert_int_equal(device.aborts, 1);
    assert_ptr_equal(device.aborted, device.current);
    assert_int_equal(spd_request_is_aborted(device.current), 1);
    assert_int_equal(spd_request_operation(device.current), SPD_WRITE);
    assert_int_equal(spd_request_lba(device.current), 7);
    assert_false(loop_cancel(&write)); /* and it is not told again */
    test_let_go(&device);
    loop_wait(&write);
    assert_int_equal(atomic_load(&write.dones), 1);
    assert_int_equal(device.aborts, 1);
    assert_null(spd_request_current());
    test_unit_end(unit, &device);
}

static void what_never_blocks_has_no_request(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_NEVER_BLOCKS);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 0);
    struct loop_command write = { 0 };

    (void)state;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_null(device.current);
    test_unit_end(unit, &device);
}

static void complete(struct test_device *of, spd_request *request)
{
    assert_ptr_equal(of->kept[0], request);
    of->kept_count = 0;
    spd_request_complete(request, NULL);
}

static void a_request_may_be_completed_within_abort(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    struct loop_command write = { 0 };

    (void)state;
    device.hold = true;
    device.abort_hook = complete;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
    assert_false(loop_cancel(&write));
    assert_int_equal(atomic_load(&write.dones), 1);
    loop_wait(&write);
    device.hold = false;
    test_unit_end(unit, &device);
}

static spd_request *completed;

static void complete_main(void *argument)
{
    complete(argument, completed);
}

static void complete_elsewhere(struct test_device *of, spd_request *request)
{
    os_thread thread;

    completed = request;
    assert_int_equal(os_thread_create(&thread, "completes", complete_main, of), 0);
    os_thread_join(thread);
    /* It is still there. */
    assert_int_equal(spd_request_lba(request), 5);
    assert_int_equal(spd_request_blocks(request), 1);
}

static void a_request_that_completes_meanwhile_stays_until_abort_returns(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
    struct loop_command write = { 0 };

    (void)state;
    device.hold = true;
    device.abort_hook = complete_elsewhere;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 5, 1, TEST_BLOCK));
    assert_false(loop_cancel(&write));
    assert_int_equal(atomic_load(&write.dones), 1);
    loop_wait(&write);
    device.hold = false;
    test_unit_end(unit, &device);
}

static void nothing_follows_an_operation_that_was_aborted(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    struct loop_command write = { 0 };
    spd_unit *unit;

    (void)state;
    params.max_transfer_length = TEST_BLOCK;
    unit = test_unit(&device, &test_simple_ops, &params, 1);
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 8, TEST_BLOCK));
    test_wait_held(&device, 1);
    assert_false(loop_cancel(&write));
    test_let_go(&device);
    assert_int_equal(loop_wait(&write), SCSI_CHECK_CONDITION);
    assert_int_equal(device.calls[SPD_WRITE], 1);
    test_unit_end(unit, &device);
}

static void an_exclusive_command_waits_for_writes_that_were_aborted_not_for_reads(void **state)
{
    static const bool writes[] = { false, true };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        spd_params params = test_params(SPD_CACHE);
        spd_unit *unit = test_unit(&device, &test_async_ops, &params, 0);
        struct loop_command first = { 0 }, ordered = { 0 };

        device.hold = true;
        ordered.request.task.attribute = SCSI_ORDERED;
        if (writes[i])
            assert_true(loop_start_write(loop_door_of(unit), &first, block, 0, 1, TEST_BLOCK));
        else
            assert_true(loop_start_read(loop_door_of(unit), &first, block, 0, 1, TEST_BLOCK));
        assert_true(loop_start_write(loop_door_of(unit), &ordered, block, 1, 1, TEST_BLOCK));
        assert_false(loop_cancel(&first));
        assert_int_equal(spd_request_is_left(&first.request), !writes[i]);
        assert_int_equal(device.lba, writes[i] ? 0 : 1);
        test_let_go(&device);
        assert_int_equal(loop_wait(&ordered), SCSI_GOOD);
        loop_wait(&first);
        test_unit_end(unit, &device);
    }
}

static void a_device_is_told_once_that_its_unit_stops(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit;

    (void)state;
    test_device_init(&device);
    assert_int_equal(
        spd_unit_create("loop:x", &params, &(spd_device){ &test_simple_ops, &device }, &unit), 0);
    spd_unit_shutdown(unit); /* never started */
    test_unit_end(unit, &device);
    assert_int_equal(device.stops, 0);
    unit = test_unit(&device, &test_simple_ops, &params, 1);
    spd_unit_shutdown(unit);
    assert_int_equal(device.stops, 1);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(device.stops, 1);
    test_unit_end(unit, &device);
}

static void a_wait_with_a_bound_says_what_hangs(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 2);
    struct loop_command write = { 0 };

    (void)state;
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 9, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait_for(unit, 0), SPD_ERROR_HANGS);
    test_wait_aborts(&device, 1);
    assert_int_equal(spd_unit_wait_for(unit, 0), SPD_ERROR_HANGS);
    assert_memory_equal(spd_error_detail(), "1 operation, the oldest a write, LBA 9, ", 40);
    assert_int_equal(device.calls[SPD_FLUSH], 0);
    test_let_go(&device);
    loop_wait(&write);
    assert_int_equal(spd_unit_wait_for(unit, 3600), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
    test_unit_end(unit, &device);
}

static void an_unmap_is_waited_for(void **state)
{
    const uint8_t cdb[10] = { 0x42, [8] = 24 };
    uint8_t list[24] = { [1] = 22, [3] = 16, [15] = 3, [19] = 1 };
    spd_params params = test_params(SPD_CACHE | SPD_UNMAP_SUPPORTED);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);
    struct loop_command unmap = { .vec = { { list, sizeof list } }, .vec_count = 1 };

    (void)state;
    device.hold = true;
    assert_true(loop_start(
        loop_door_of(unit), &unmap, cdb, sizeof cdb, SCSI_DATA_OUT, sizeof list));
    test_wait_held(&device, 1);
    assert_false(loop_cancel(&unmap));
    assert_false(spd_request_is_left(&unmap.request));
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait_for(unit, 0), SPD_ERROR_HANGS);
    assert_memory_equal(spd_error_detail(), "1 operation, the oldest an unmap, LBA 3, ", 41);
    test_let_go(&device);
    loop_wait(&unmap);
    assert_int_equal(spd_unit_wait_for(unit, 3600), 0);
    test_unit_end(unit, &device);
}

static void the_last_flush_may_hang_as_well(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit = test_unit(&device, &test_simple_ops, &params, 1);

    (void)state;
    device.hold = true;
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait_for(unit, 0), SPD_ERROR_HANGS);
    test_wait_held(&device, 1);
    assert_int_equal(spd_unit_wait_for(unit, 0), SPD_ERROR_HANGS);
    assert_memory_equal(spd_error_detail(), "the last flush, ", 16);
    test_let_go(&device);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(spd_unit_wait_for(unit, 0), 0);
    test_unit_end(unit, &device);
}

static void a_unit_that_was_not_started_is_not_waited_for(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *unit;

    (void)state;
    test_device_init(&device);
    assert_int_equal(
        spd_unit_create("loop:x", &params, &(spd_device){ &test_simple_ops, &device }, &unit), 0);
    assert_int_equal(spd_unit_wait_for(unit, 0), SPD_ERROR_STATE);
    test_unit_end(unit, &device);
}

/* The rounds of task management. */

static void a_round_ends_when_all_other_doors_say_so(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    struct loop_command write = { 0 };
    struct spd_door *asking, *other;
    spd_unit *unit;
    uint32_t round;

    (void)state;
    test_device_init(&device);
    assert_int_equal(
        spd_unit_create("loop:a", &params, &(spd_device){ &test_async_ops, &device }, &unit), 0);
    asking = (struct spd_door *)loop_door_of(unit);
    assert_int_equal(spd_unit_add_door(unit, "loop:b"), 0);
    other = (struct spd_door *)loop_door_last(unit);
    assert_ptr_not_equal(asking, other);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    round = spd_round_begin(asking);
    assert_true(spd_round_ended(asking, round)); /* it has nothing */
    device.hold = true;
    assert_true(
        loop_start_write((struct loop_door *)other, &write, block, 0, 1, TEST_BLOCK));
    round = spd_round_begin(asking);
    assert_true(spd_request_is_before(&write.request, round));
    assert_false(spd_round_ended(asking, round));
    test_let_go(&device);
    loop_wait(&write);
    assert_true(spd_round_ended(asking, round));
    assert_false(spd_request_is_before(&write.request, write.request.round));
    test_unit_end(unit, &device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simple_operation_is_aborted_by_its_request),
        cmocka_unit_test(what_never_blocks_has_no_request),
        cmocka_unit_test(a_request_may_be_completed_within_abort),
        cmocka_unit_test(a_request_that_completes_meanwhile_stays_until_abort_returns),
        cmocka_unit_test(nothing_follows_an_operation_that_was_aborted),
        cmocka_unit_test(an_exclusive_command_waits_for_writes_that_were_aborted_not_for_reads),
        cmocka_unit_test(a_device_is_told_once_that_its_unit_stops),
        cmocka_unit_test(a_wait_with_a_bound_says_what_hangs),
        cmocka_unit_test(an_unmap_is_waited_for),
        cmocka_unit_test(the_last_flush_may_hang_as_well),
        cmocka_unit_test(a_unit_that_was_not_started_is_not_waited_for),
        cmocka_unit_test(a_round_ends_when_all_other_doors_say_so),
    };

    return cmocka_run_group_tests_name("abort", tests, NULL, NULL);
}
