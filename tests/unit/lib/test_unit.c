/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units: what is refused, the life cycle, and what a program built elsewhere may bring. */

#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_unit.h"

static void good_parameters_are_taken_and_defaults_filled_in(void **state)
{
    static const uint8_t zero[16];
    spd_params params = test_params(SPD_CACHE);
    spd_params effective;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    effective = effective_params();
    assert_int_equal(effective.physical_block_length, 4096);
    assert_int_equal(effective.max_transfer_length, 1 << 20);
    assert_int_equal(effective.queue_depth, 256);
    assert_int_equal(effective.rotation_rate, 1);
    assert_string_equal(effective.vendor_id, "WinSpd");
    assert_memory_not_equal(effective.guid, zero, 16);
    assert_string_equal(spd_unit_door_uri(unit, 0), "loop:canonical");
    assert_null(spd_unit_door_uri(unit, 1));
}

static void long_blocks_have_a_physical_length_to_match(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    params.block_length = 65536;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(effective_params().physical_block_length, 65536);
}

static void each_bad_parameter_has_its_error_and_says_the_value(void **state)
{
    static const struct {
        int error;
        const char *detail;
        size_t offset;
        uint64_t value;
        size_t length;
    } rows[] = {
#define ROW(ERROR, DETAIL, FIELD, VALUE)                                                           \
    { SPD_ERROR_##ERROR, DETAIL, offsetof(spd_params, FIELD), VALUE,                               \
        sizeof(((spd_params *)0)->FIELD) }
        ROW(BLOCK_COUNT, "0 blocks", block_count, 0),
        ROW(BLOCK_COUNT, "18014398509481985 blocks of 512", block_count, (UINT64_C(1) << 54) + 1),
        ROW(BLOCK_LENGTH, "0", block_length, 0),
        ROW(BLOCK_LENGTH, "256", block_length, 256),
        ROW(BLOCK_LENGTH, "1000", block_length, 1000),
        ROW(BLOCK_LENGTH, "131072", block_length, 131072),
        ROW(PHYSICAL_BLOCK_LENGTH, "256", physical_block_length, 256),
        ROW(PHYSICAL_BLOCK_LENGTH, "5000", physical_block_length, 5000),
        ROW(PHYSICAL_BLOCK_LENGTH, "33554432", physical_block_length, 1 << 25),
        ROW(TRANSFER_LENGTH, "1000", max_transfer_length, 1000),
        ROW(TRANSFER_LENGTH, "16777728", max_transfer_length, (16 << 20) + 512),
        ROW(UNMAP, "1000", unmap_granularity, 1000),
        ROW(UNMAP, "SPD_UNMAP_SUPPORTED", flags, SPD_UNMAP_ZEROS),
        ROW(WWN, "7 bytes", wwn_length, 7),
        ROW(WWN, "264 bytes", wwn_length, 256 + 8),
        ROW(WWN, "0 bytes, the first is 50", wwn, 0x50),
        ROW(FLAGS, "0x80000000", flags, UINT64_C(1) << 31),
        ROW(FLAGS, "SPD_TRY_FIRST", flags, SPD_NEVER_BLOCKS | SPD_TRY_FIRST),
        ROW(QUEUE_DEPTH, "4097", queue_depth, 4097),
        ROW(GRACE, "3601 seconds", grace, SPD_GRACE_MAX + 1),
        ROW(GRACE, "loop: has none", grace, 1),
        ROW(SIZE, "8;", size, 8),
        ROW(SIZE, "99999999", size, 99999999),
        ROW(SIZE, "reserved", reserved, 1),
        ROW(SIZE, "reserved", reserved_2, 1),
        ROW(ROTATION_RATE, "it is 2", rotation_rate, 2),
        ROW(ROTATION_RATE, "it is 1024", rotation_rate, 1024),
        ROW(ROTATION_RATE, "it is 65535", rotation_rate, 65535),
        ROW(ROTATION_RATE, "it is 72736", rotation_rate, 65536 + 7200),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        spd_params params = test_params(SPD_CACHE);

        memcpy((char *)&params + rows[i].offset, &rows[i].value, rows[i].length);
        assert_int_equal(create(&params, &test_simple_ops), rows[i].error);
        assert_null(unit);
        assert_non_null(strstr(spd_error_detail(), rows[i].detail));
    }
}

static void the_greatest_capacity_is_taken(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    params.block_count = UINT64_C(1) << 54;
    assert_int_equal(create(&params, &test_simple_ops), 0);
}

static void text_that_is_not_printable_or_not_ended_is_refused(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    params.product_id[3] = '\n';
    assert_int_equal(create(&params, &test_simple_ops), SPD_ERROR_TEXT);
    memset(params.product_id, 'x', sizeof params.product_id);
    assert_int_equal(create(&params, &test_simple_ops), SPD_ERROR_TEXT);
    params = test_params(SPD_CACHE);
    memset(params.product_revision, 'x', sizeof params.product_revision);
    assert_int_equal(create(&params, &test_simple_ops), SPD_ERROR_TEXT);
    params = test_params(SPD_CACHE);
    params.vendor_id[0] = '\n';
    assert_int_equal(create(&params, &test_simple_ops), SPD_ERROR_TEXT);
    memset(params.vendor_id, 'x', sizeof params.vendor_id);
    assert_int_equal(create(&params, &test_simple_ops), SPD_ERROR_TEXT);
    memcpy(params.vendor_id, "12345678", sizeof params.vendor_id);
    assert_int_equal(create(&params, &test_simple_ops), 0);
}

static void operations_that_do_not_fit_together_are_refused(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_ops ops = test_simple_ops;

    (void)state;
    ops.read = NULL;
    assert_int_equal(create(&params, &ops), SPD_ERROR_OPS);
    ops = test_simple_ops;
    ops.write = NULL;
    assert_int_equal(create(&params, &ops), SPD_ERROR_OPS);
    ops = test_simple_ops;
    ops.submit = test_async_ops.submit;
    assert_int_equal(create(&params, &ops), SPD_ERROR_OPS);
    ops = test_simple_ops;
    ops.unmap = NULL;
    params.flags |= SPD_UNMAP_SUPPORTED;
    assert_int_equal(create(&params, &ops), SPD_ERROR_UNMAP);
}

static void a_write_protected_device_needs_no_write(void **state)
{
    spd_params params = test_params(SPD_CACHE | SPD_WRITE_PROTECTED);
    spd_ops ops = test_simple_ops;

    (void)state;
    ops.write = NULL;
    assert_int_equal(create(&params, &ops), 0);
}

static void resize_to_nothing(void *argument)
{
    assert_int_equal(spd_unit_resize(argument, 0), SPD_ERROR_BLOCK_COUNT);
}

static void the_last_error_is_known_on_other_threads(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    char detail[64] = "x", cut[5];
    os_thread thread;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_last_error(unit, detail, sizeof detail), 0);
    assert_string_equal(detail, "");
    assert_int_equal(os_thread_create(&thread, "resizes", resize_to_nothing, unit), 0);
    os_thread_join(thread);
    assert_int_equal(spd_unit_last_error(unit, detail, sizeof detail), SPD_ERROR_BLOCK_COUNT);
    assert_string_equal(detail, "0 blocks of 512 bytes");
    assert_int_equal(spd_unit_last_error(unit, cut, sizeof cut), SPD_ERROR_BLOCK_COUNT);
    assert_string_equal(cut, "0 bl");
    assert_int_equal(spd_unit_last_error(unit, NULL, 0), SPD_ERROR_BLOCK_COUNT);
    assert_int_equal(spd_unit_add_door(unit, "nothing:"), SPD_ERROR_SCHEME);
    assert_int_equal(spd_unit_last_error(unit, NULL, 0), SPD_ERROR_SCHEME);
}

static void a_device_name_without_a_door_is_explained(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(
        spd_unit_create("wat:x", &params, &(spd_device){ &test_simple_ops, NULL }, &unit),
        SPD_ERROR_SCHEME);
    assert_non_null(strstr(spd_error_detail(), "'wat:'"));
    assert_non_null(strstr(spd_error_detail(), "loop:NAME"));
    assert_int_equal(
        spd_unit_create("ublk:", &params, &(spd_device){ &test_simple_ops, NULL }, &unit),
        SPD_ERROR_DOOR_MISSING);
    assert_non_null(strstr(spd_error_detail(), "loop:NAME"));
    assert_int_equal(spd_unit_create(NULL, &params, &(spd_device){ &test_simple_ops, NULL }, &unit),
        SPD_ERROR_DOOR_MISSING);
    assert_non_null(strstr(spd_error_detail(), "loop:NAME"));
    assert_int_equal(
        spd_unit_create("plain", &params, &(spd_device){ &test_simple_ops, NULL }, &unit),
        SPD_ERROR_URI);
    assert_int_equal(
        spd_unit_create("loop:?x=1", &params, &(spd_device){ &test_simple_ops, NULL }, &unit),
        SPD_ERROR_URI_PARAMETER);
    assert_null(unit);
}

static void a_door_that_does_not_open_leaves_nothing_behind(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    loop_open_error = SPD_ERROR_ADDRESS_IN_USE;
    assert_int_equal(create(&params, &test_simple_ops), SPD_ERROR_ADDRESS_IN_USE);
    assert_null(unit);
    assert_int_equal(loop_open_count, 0);
}

static void a_unit_stands_behind_several_doors(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_add_door(unit, "loop:b"), 0);
    assert_int_equal(loop_open_count, 2);
    assert_non_null(spd_unit_door_uri(unit, 1));
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(spd_unit_add_door(unit, "loop:c"), SPD_ERROR_STATE);
}

static void a_unit_that_cannot_start_has_stopped(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    loop_start_error = SPD_ERROR_SYSTEM;
    assert_int_equal(spd_unit_start(unit, 2), SPD_ERROR_SYSTEM);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_SYSTEM);
    assert_int_equal(spd_unit_start(unit, 2), SPD_ERROR_STATE);
}

static void too_many_threads_are_refused_and_the_unit_can_still_start(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1025), SPD_ERROR_THREADS);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    assert_non_null(unit);
}

static void waiting_for_a_unit_that_was_never_started_is_an_error(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_STATE);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(spd_unit_start(unit, 0), SPD_ERROR_STATE);
}

static void check_last_flush(const spd_ops *ops, uint32_t flags, unsigned flushes)
{
    spd_params params = test_params(flags);

    assert_int_equal(create(&params, ops), 0);
    assert_int_equal(spd_unit_start(unit, 2), 0);
    device.lba = device.blocks = 1;
    spd_unit_shutdown(unit);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(device.calls[SPD_FLUSH], flushes);
    if (flushes)
        assert_true(device.lba == 0 && device.blocks == 0);
    device.calls[SPD_FLUSH] = 0;
    spd_unit_delete(unit);
    unit = NULL;
}

static void everything_is_flushed_once_at_the_end(void **state)
{
    (void)state;
    check_last_flush(&test_simple_ops, SPD_CACHE, 1);
    check_last_flush(&test_simple_ops, SPD_CACHE | SPD_NEVER_BLOCKS, 1);
    check_last_flush(&test_simple_ops, SPD_CACHE | SPD_TRY_FIRST, 1);
    check_last_flush(&test_async_ops, SPD_CACHE, 1);
    check_last_flush(&test_simple_ops, 0, 0);
    check_last_flush(&test_simple_ops, SPD_CACHE | SPD_WRITE_PROTECTED, 0);
}

static void the_last_flush_of_an_asynchronous_device_is_waited_for(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_async_ops), 0);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    test_thread_start(&device);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
    assert_int_equal(device.kept_count, 0);
    test_thread_end(&device);
}

static void a_last_flush_that_fails_is_reported(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    spd_status_set(&device.status, 3, 0x0c, 0, NULL);
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_FLUSH);
}

static void a_door_that_fails_ends_the_unit_with_its_error(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    spd_unit_fail(unit, SPD_ERROR_SYSTEM);
    spd_unit_fail(unit, SPD_ERROR_ADDRESS);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_SYSTEM);
}

static void fail_as_a_door(void *argument)
{
    (void)argument;
    spd_unit_fail(unit, spd_fail(SPD_ERROR_SYSTEM, "the cable is out"));
    spd_unit_fail(unit, spd_fail(SPD_ERROR_ADDRESS, "and it moved"));
}

static void what_a_door_says_of_its_error_reaches_who_waits(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    os_thread door;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(os_thread_create(&door, "door", fail_as_a_door, NULL), 0);
    assert_int_equal(spd_unit_wait(unit), SPD_ERROR_SYSTEM);
    assert_string_equal(spd_error_detail(), "the cable is out");
    os_thread_join(door);
}

static int read_and_shut_down(spd_device *self, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)self, (void)buffer, (void)lba, (void)blocks, (void)flags, (void)status;
    spd_unit_shutdown(unit);
    return 0;
}

static void an_operation_may_shut_its_unit_down(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    unsigned char block[TEST_BLOCK];
    struct loop_command command = { 0 };
    spd_ops ops = test_simple_ops;

    (void)state;
    ops.read = read_and_shut_down;
    assert_int_equal(create(&params, &ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_true(loop_start_read(loop_door_of(unit), &command, block, 0, 1, TEST_BLOCK));
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(loop_wait(&command), SCSI_GOOD);
}

static void a_unit_may_be_shut_down_while_it_starts(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    loop_start_hook = spd_unit_shutdown;
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(spd_unit_wait(unit), 0);
}

static void shutdown_cancels_what_waits_and_completes_what_the_device_has(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    unsigned char block[TEST_BLOCK] = { 0 };
    struct loop_command served = { 0 }, queued = { 0 }, mapping = { .defer_map = true };

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    device.hold = true;
    assert_true(loop_start_write(loop_door_of(unit), &served, block, 0, 1, TEST_BLOCK));
    test_wait_held(&device, 1);
    assert_true(loop_start_write(loop_door_of(unit), &queued, block, 1, 1, TEST_BLOCK));
    assert_true(loop_start_write(loop_door_of(unit), &mapping, block, 2, 1, TEST_BLOCK));
    spd_unit_shutdown(unit);
    test_let_go(&device);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(loop_wait(&served), SCSI_GOOD);
    assert_true(mapping.cancelled);
    assert_int_equal(atomic_load(&queued.dones) + queued.cancelled, 1);
    assert_int_equal(atomic_load(&mapping.dones), 0);
}

static void a_signal_shuts_the_unit_down(void **state)
{
    spd_params params = test_params(SPD_CACHE);

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(unit), 0);
    raise(SIGTERM);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
}

static volatile sig_atomic_t seen;

static void note(int number)
{
    seen = number;
}

static void a_watch_that_is_taken_back_restores_the_handlers(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    struct sigaction before = { .sa_handler = note }, after;

    (void)state;
    sigaction(SIGINT, &before, NULL);
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(unit), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(unit), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(NULL), 0);
    raise(SIGINT);
    assert_int_equal(seen, SIGINT);
    signal(SIGINT, SIG_DFL);
    sigaction(SIGTERM, NULL, &after);
    assert_true(after.sa_handler == SIG_DFL);
}

static void a_signal_shuts_all_units_down(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *other, *late;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(spd_unit_create(
        "loop:", &params, &(spd_device){ &test_simple_ops, &device }, &other), 0);
    assert_int_equal(spd_unit_create(
        "loop:", &params, &(spd_device){ &test_simple_ops, &device }, &late), 0);
    assert_int_equal(spd_unit_start(unit, 1), 0);
    assert_int_equal(spd_unit_start(other, 1), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(unit), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(other), 0);
    raise(SIGTERM);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(spd_unit_wait(other), 0);
    /* It is for one that comes later, too: a program that starts its units must end as well. */
    assert_int_equal(spd_unit_shutdown_on_signal(late), 0);
    assert_int_equal(spd_unit_start(late, 1), SPD_ERROR_STATE);
    spd_unit_delete(late);
    spd_unit_delete(other);
}

static void a_unit_that_is_deleted_leaves_the_watch_to_others(void **state)
{
    spd_params params = test_params(SPD_CACHE);
    spd_unit *other;

    (void)state;
    assert_int_equal(create(&params, &test_simple_ops), 0);
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &test_simple_ops, &device }, &other), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(unit), 0);
    assert_int_equal(spd_unit_shutdown_on_signal(other), 0);
    spd_unit_delete(unit);
    unit = other;
    assert_int_equal(spd_unit_start(unit, 1), 0);
    raise(SIGTERM);
    assert_int_equal(spd_unit_wait(unit), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(good_parameters_are_taken_and_defaults_filled_in),
        TEST(long_blocks_have_a_physical_length_to_match),
        TEST(each_bad_parameter_has_its_error_and_says_the_value),
        TEST(the_greatest_capacity_is_taken),
        TEST(text_that_is_not_printable_or_not_ended_is_refused),
        TEST(operations_that_do_not_fit_together_are_refused),
        TEST(a_write_protected_device_needs_no_write),
        TEST(the_last_error_is_known_on_other_threads),
        TEST(a_device_name_without_a_door_is_explained),
        TEST(a_door_that_does_not_open_leaves_nothing_behind),
        TEST(a_unit_stands_behind_several_doors),
        TEST(a_unit_that_cannot_start_has_stopped),
        TEST(too_many_threads_are_refused_and_the_unit_can_still_start),
        TEST(waiting_for_a_unit_that_was_never_started_is_an_error),
        TEST(everything_is_flushed_once_at_the_end),
        TEST(the_last_flush_of_an_asynchronous_device_is_waited_for),
        TEST(a_last_flush_that_fails_is_reported),
        TEST(a_door_that_fails_ends_the_unit_with_its_error),
        TEST(what_a_door_says_of_its_error_reaches_who_waits),
        TEST(an_operation_may_shut_its_unit_down),
        TEST(a_unit_may_be_shut_down_while_it_starts),
        TEST(shutdown_cancels_what_waits_and_completes_what_the_device_has),
        TEST(a_signal_shuts_the_unit_down),
        TEST(a_watch_that_is_taken_back_restores_the_handlers),
        TEST(a_signal_shuts_all_units_down),
        TEST(a_unit_that_is_deleted_leaves_the_watch_to_others),
    };

    return cmocka_run_group_tests_name("unit", tests, NULL, NULL);
}
