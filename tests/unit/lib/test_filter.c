/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Devices on devices: two filters on a simple and on an asynchronous device, in two units at once,
 * with errors, attempts and aborts at every level. test_stress.c has the same under threads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alone.h"
#include "filter.h"
#include "test_device.h"

enum { LOWER, UPPER, FILTERS };

/* A device, the filters above it, and the unit of all. */
struct stack {
    struct test_device device;
    struct filter filters[FILTERS];
    spd_unit *unit;
};

static struct stack stacks[2];
static unsigned char block[TEST_BLOCK];

static void begin(struct stack *stack, const spd_ops *ops, uint32_t flags)
{
    spd_params params = test_params(SPD_CACHE | SPD_UNMAP_SUPPORTED | flags);

    test_device_init(&stack->device);
    filter_init(&stack->filters[LOWER], &(spd_device){ ops, &stack->device });
    filter_init(&stack->filters[UPPER], &stack->filters[LOWER].device);
    stack->unit = test_unit_on(&stack->filters[UPPER].device, &params, 1);
}

static void end(struct stack *stack)
{
    test_unit_end(stack->unit, &stack->device);
}

static uint8_t run_write(struct stack *stack, uint64_t lba)
{
    struct loop_command write = { 0 };

    assert_true(
        loop_start_write(loop_door_of(stack->unit), &write, block, lba, 1, TEST_BLOCK));
    return loop_wait(&write);
}

static uint8_t run_read(struct stack *stack, uint64_t lba)
{
    struct loop_command read = { 0 };

    memset(block, 0, sizeof block);
    assert_true(loop_start_read(loop_door_of(stack->unit), &read, block, lba, 1, TEST_BLOCK));
    return loop_wait(&read);
}

static void assert_counts(const struct stack *stack, spd_operation operation, unsigned count)
{
    for (unsigned i = 0; i < FILTERS; i++)
        assert_int_equal(atomic_load(&stack->filters[i].calls[operation]), count);
    assert_int_equal(stack->device.calls[operation], count);
}

static const struct {
    const spd_ops *ops;
    uint32_t flags;
} kinds[] = {
    { &test_simple_ops, 0 },
    { &test_simple_ops, SPD_NEVER_BLOCKS },
    { &test_async_ops, 0 },
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void two_units_have_stacks_of_their_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        for (unsigned k = 0; k < 2; k++)
            begin(&stacks[k], kinds[i].ops, kinds[i].flags);
        memset(block, 0x5a, sizeof block);
        assert_int_equal(run_write(&stacks[0], 7), SCSI_GOOD);
        memset(block, 0xa5, sizeof block);
        assert_int_equal(run_write(&stacks[1], 7), SCSI_GOOD);
        assert_int_equal(run_read(&stacks[0], 7), SCSI_GOOD);
        assert_int_equal(block[TEST_BLOCK - 1], 0x5a);
        for (unsigned k = 0; k < 2; k++) {
            assert_counts(&stacks[k], SPD_WRITE, 1);
            assert_counts(&stacks[k], SPD_READ, !k);
            spd_unit_shutdown(stacks[k].unit);
            assert_int_equal(spd_unit_wait(stacks[k].unit), 0);
            assert_counts(&stacks[k], SPD_FLUSH, 1); /* the last one */
            assert_int_equal(stacks[k].device.stops, 1);
            end(&stacks[k]);
        }
    }
}

static void errors_come_up_through_all_filters(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        begin(&stacks[0], kinds[i].ops, kinds[i].flags);
        spd_status_set(&stacks[0].device.status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR, NULL);
        assert_int_equal(run_write(&stacks[0], 1), SCSI_CHECK_CONDITION);
        assert_int_equal(test_statistics(stacks[0].unit, SPD_WRITE).errors, 1);
        memset(&stacks[0].device.status, 0, sizeof stacks[0].device.status);
        assert_int_equal(run_write(&stacks[0], 1), SCSI_GOOD);
        assert_int_equal(test_statistics(stacks[0].unit, SPD_WRITE).operations, 2);
        end(&stacks[0]);
    }
}

/* The limit for writes: nothing comes below. */

static bool refuse_call(struct filter *filter, spd_operation operation, spd_status *status)
{
    (void)filter;
    if (operation == SPD_WRITE)
        spd_status_set_busy(status);
    return operation == SPD_WRITE;
}

static bool refuse_request(struct filter *filter, spd_request *request)
{
    spd_status status = { .scsi_status = SPD_STATUS_BUSY };

    (void)filter;
    if (spd_request_operation(request) != SPD_WRITE)
        return false;
    spd_request_complete(request, &status);
    return true;
}

static void a_filter_may_answer_by_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        begin(&stacks[0], kinds[i].ops, kinds[i].flags);
        stacks[0].filters[LOWER].on_call = refuse_call;
        stacks[0].filters[LOWER].on_submit = refuse_request;
        assert_int_equal(run_write(&stacks[0], 1), SCSI_BUSY);
        assert_int_equal(stacks[0].device.calls[SPD_WRITE], 0);
        assert_int_equal(run_read(&stacks[0], 1), SCSI_GOOD);
        end(&stacks[0]);
    }
}

static bool forgive(struct filter *filter, spd_request *request, const spd_status *status)
{
    (void)filter;
    assert_int_equal(status->scsi_status, SPD_STATUS_BUSY);
    spd_request_complete(request, NULL);
    return true;
}

static void a_filter_may_change_the_status(void **state)
{
    (void)state;
    begin(&stacks[0], &test_async_ops, 0);
    stacks[0].device.status.scsi_status = SPD_STATUS_BUSY;
    stacks[0].filters[UPPER].on_return = forgive;
    assert_int_equal(run_write(&stacks[0], 1), SCSI_GOOD);
    assert_int_equal(atomic_load(&stacks[0].filters[LOWER].returns), 1);
    stacks[0].device.status.scsi_status = 0;
    stacks[0].filters[UPPER].on_return = NULL;
    end(&stacks[0]);
}

static void a_filter_may_pass_a_request_on_again(void **state)
{
    (void)state;
    begin(&stacks[0], &test_async_ops, 0);
    stacks[0].filters[LOWER].tries = 2;
    stacks[0].filters[UPPER].tries = 3;
    assert_int_equal(run_write(&stacks[0], 1), SCSI_GOOD);
    assert_int_equal(stacks[0].device.calls[SPD_WRITE], 6);
    assert_int_equal(atomic_load(&stacks[0].filters[LOWER].calls[SPD_WRITE]), 3);
    assert_int_equal(test_statistics(stacks[0].unit, SPD_WRITE).operations, 1);
    end(&stacks[0]);
}

static void a_filter_without_returned_passes_the_status_up(void **state)
{
    (void)state;
    begin(&stacks[0], &test_async_ops, 0);
    stacks[0].filters[LOWER].ops.returned = NULL;
    stacks[0].device.status.scsi_status = SPD_STATUS_BUSY;
    assert_int_equal(run_write(&stacks[0], 1), SCSI_BUSY);
    assert_int_equal(atomic_load(&stacks[0].filters[UPPER].returns), 1);
    stacks[0].device.status.scsi_status = 0;
    end(&stacks[0]);
}

/* Aborts. */

static void start_write(struct stack *stack, struct loop_command *write)
{
    assert_true(loop_start_write(loop_door_of(stack->unit), write, block, 3, 1, TEST_BLOCK));
}

static void an_abort_goes_down_a_simple_stack(void **state)
{
    struct loop_command writes[2] = { 0 };

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        begin(&stacks[k], &test_simple_ops, 0);
        stacks[k].device.hold = true;
        start_write(&stacks[k], &writes[k]);
        test_wait_held(&stacks[k].device, 1);
    }
    assert_false(loop_cancel(&writes[0]));
    assert_int_equal(stacks[0].device.aborts, 1);
    assert_ptr_equal(stacks[0].device.aborted, stacks[0].device.current);
    assert_int_equal(stacks[1].device.aborts, 0);
    for (unsigned k = 0; k < 2; k++) {
        test_let_go(&stacks[k].device);
        loop_wait(&writes[k]);
        assert_int_equal(atomic_load(&writes[k].dones), 1);
        end(&stacks[k]);
    }
}

static void the_device_that_has_the_request_is_told_alone(void **state)
{
    struct loop_command writes[2] = { 0 };

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        begin(&stacks[k], &test_async_ops, 0);
        stacks[k].device.hold = true;
        start_write(&stacks[k], &writes[k]);
    }
    assert_false(loop_cancel(&writes[0]));
    assert_int_equal(stacks[0].device.aborts, 1);
    assert_int_equal(atomic_load(&stacks[0].filters[LOWER].aborts), 0);
    assert_int_equal(atomic_load(&stacks[0].filters[UPPER].aborts), 0);
    assert_int_equal(stacks[1].device.aborts, 0);
    for (unsigned k = 0; k < 2; k++) {
        test_let_go(&stacks[k].device);
        loop_wait(&writes[k]);
        assert_int_equal(atomic_load(&writes[k].dones), 1);
        assert_int_equal(atomic_load(&stacks[k].filters[UPPER].returns), 1);
        end(&stacks[k]);
    }
}

static bool keep(struct filter *filter, spd_request *request)
{
    filter->kept = request;
    return true;
}

static bool keep_returned(struct filter *filter, spd_request *request, const spd_status *status)
{
    (void)status;
    return keep(filter, request);
}

static void pass_kept(struct filter *filter, spd_request *request)
{
    assert_ptr_equal(request, filter->kept);
    filter->on_submit = NULL;
    filter_pass(filter, request);
}

/* It learns of it before it has passed the request on, and passes it on all the same. */
static void an_aborted_request_is_not_passed_on(void **state)
{
    struct loop_command write = { 0 };
    struct filter *lower = &stacks[0].filters[LOWER];

    (void)state;
    begin(&stacks[0], &test_async_ops, 0);
    lower->on_submit = keep;
    lower->on_abort = pass_kept;
    start_write(&stacks[0], &write);
    assert_false(loop_cancel(&write));
    assert_int_equal(atomic_load(&lower->aborts), 1);
    assert_int_equal(atomic_load(&stacks[0].filters[UPPER].aborts), 0);
    assert_int_equal(atomic_load(&lower->returns), 1);
    assert_int_equal(stacks[0].device.calls[SPD_WRITE], 0);
    assert_int_equal(atomic_load(&write.dones), 1);
    loop_wait(&write);
    end(&stacks[0]);
}

static void complete_kept(struct filter *filter, spd_request *request)
{
    assert_ptr_equal(request, filter->kept);
    spd_request_complete(request, NULL);
}

static void a_filter_that_has_it_back_is_told(void **state)
{
    struct loop_command write = { 0 };
    struct filter *upper = &stacks[0].filters[UPPER];

    (void)state;
    begin(&stacks[0], &test_async_ops, 0);
    upper->on_return = keep_returned;
    upper->on_abort = complete_kept;
    start_write(&stacks[0], &write);
    assert_non_null(upper->kept);
    assert_int_equal(atomic_load(&write.dones), 0);
    assert_false(loop_cancel(&write));
    assert_int_equal(atomic_load(&upper->aborts), 1);
    assert_int_equal(atomic_load(&stacks[0].filters[LOWER].aborts), 0);
    assert_int_equal(stacks[0].device.aborts, 0);
    assert_int_equal(atomic_load(&write.dones), 1);
    loop_wait(&write);
    upper->on_return = NULL;
    end(&stacks[0]);
}

static void complete_below(struct test_device *device, spd_request *request)
{
    assert_ptr_equal(device->kept[0], request);
    device->kept_count = 0;
    spd_request_complete(request, NULL);
    assert_ptr_equal(spd_request_context(request), device); /* nothing moves before this returns */
}

static void a_request_stays_at_its_device_until_abort_returns(void **state)
{
    struct loop_command write = { 0 };

    (void)state;
    begin(&stacks[0], &test_async_ops, 0);
    stacks[0].device.hold = true;
    stacks[0].device.abort_hook = complete_below;
    start_write(&stacks[0], &write);
    assert_false(loop_cancel(&write));
    assert_int_equal(atomic_load(&stacks[0].filters[UPPER].returns), 1);
    assert_int_equal(atomic_load(&write.dones), 1);
    loop_wait(&write);
    stacks[0].device.hold = false;
    end(&stacks[0]);
}

/* An operation that a device lacks. */

static int read_nothing(spd_device *self, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)self, (void)buffer, (void)lba, (void)blocks, (void)flags, (void)status;
    return 0;
}

static void a_filter_has_what_the_device_below_has(void **state)
{
    const spd_ops reader = { .size = sizeof reader, .read = read_nothing };
    struct filter filter;

    (void)state;
    filter_init(&filter, &(spd_device){ &reader, NULL });
    assert_non_null(filter.ops.read);
    assert_null(filter.ops.write);
    assert_null(filter.ops.flush);
    assert_null(filter.ops.unmap);
    assert_null(filter.ops.submit);
    assert_null(filter.ops.returned);
    assert_non_null(filter.ops.abort);
    filter_init(&filter, &(spd_device){ &test_async_ops, NULL });
    assert_null(filter.ops.read);
    assert_non_null(filter.ops.submit);
    assert_non_null(filter.ops.returned);
}

static void what_a_device_lacks_is_refused_but_a_flush(void **state)
{
    const spd_ops reader = { .size = sizeof reader, .read = read_nothing };
    spd_device device = { &reader, NULL };
    spd_range range = { 0, 1, 0 };
    spd_status status = { 0 };

    (void)state;
    assert_int_equal(spd_device_flush(&device, 0, 0, 0, &status), 0);
    assert_int_equal(status.scsi_status, SPD_STATUS_GOOD);
    assert_int_equal(spd_device_unmap(&device, &range, 1, 0, &status), 0);
    assert_int_equal(status.sense_key, SPD_SENSE_ILLEGAL_REQUEST);
    assert_int_equal(status.asc, 0x20);
    memset(&status, 0, sizeof status);
    assert_int_equal(spd_device_write(&device, block, 0, 1, 0, &status), 0);
    assert_int_equal(status.sense_key, SPD_SENSE_ILLEGAL_REQUEST);
}

/* Built against a header that had no more than read and write. */
static void a_device_may_be_older_than_its_filter(void **state)
{
    spd_ops old = test_simple_ops;
    struct filter filter;
    spd_status status = { 0 };
    spd_range range = { 0, 1, 0 };

    (void)state;
    old.size = offsetof(spd_ops, flush);
    filter_init(&filter, &(spd_device){ &old, NULL });
    assert_non_null(filter.ops.write);
    assert_null(filter.ops.unmap);
    assert_int_equal(spd_device_unmap(&filter.below, &range, 1, 0, &status), 0);
    assert_int_equal(status.scsi_status, SPD_STATUS_CHECK_CONDITION);
    spd_device_stop(&filter.below);
    spd_device_abort(&filter.below, NULL);
}

/* Misuse. */

static bool pass_to_simple(struct filter *filter, spd_request *request)
{
    static spd_device simple = { &test_simple_ops, NULL };

    (void)filter;
    spd_request_pass(request, &simple);
    return true;
}

static void run_misuse(bool (*on_submit)(struct filter *filter, spd_request *request))
{
    begin(&stacks[0], &test_async_ops, 0);
    stacks[0].filters[UPPER].on_submit = on_submit;
    run_write(&stacks[0], 1);
}

static void pass_to_a_simple_device(void)
{
    run_misuse(pass_to_simple);
}

static bool pass_to_itself(struct filter *filter, spd_request *request)
{
    spd_request_set_context(request, NULL);
    spd_request_pass(request, &filter->device);
    return true;
}

static void pass_in_a_ring(void)
{
    run_misuse(pass_to_itself);
}

static bool pass_twice(struct filter *filter, spd_request *request)
{
    filter_pass(filter, request);
    spd_request_pass(request, &filter->below);
    return true;
}

static void pass_what_has_ended(void)
{
    run_misuse(pass_twice);
}

static void misuse_is_noticed(void **state)
{
    (void)state;
    alone_expect_abort(pass_to_a_simple_device,
        "spd_request_pass(): the device below is not asynchronous");
    alone_expect_abort(pass_in_a_ring,
        "spd_request_pass(): 8 filters have passed this request on already");
    alone_expect_abort(pass_what_has_ended,
        "spd_request_pass(): the device does not have this request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_units_have_stacks_of_their_own),
        cmocka_unit_test(errors_come_up_through_all_filters),
        cmocka_unit_test(a_filter_may_answer_by_itself),
        cmocka_unit_test(a_filter_may_change_the_status),
        cmocka_unit_test(a_filter_may_pass_a_request_on_again),
        cmocka_unit_test(a_filter_without_returned_passes_the_status_up),
        cmocka_unit_test(an_abort_goes_down_a_simple_stack),
        cmocka_unit_test(the_device_that_has_the_request_is_told_alone),
        cmocka_unit_test(an_aborted_request_is_not_passed_on),
        cmocka_unit_test(a_filter_that_has_it_back_is_told),
        cmocka_unit_test(a_request_stays_at_its_device_until_abort_returns),
        cmocka_unit_test(a_filter_has_what_the_device_below_has),
        cmocka_unit_test(what_a_device_lacks_is_refused_but_a_flush),
        cmocka_unit_test(a_device_may_be_older_than_its_filter),
        cmocka_unit_test(misuse_is_noticed),
    };

    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
