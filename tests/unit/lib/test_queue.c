/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Queues of asynchronous devices: on which thread and in which order the device is called, batches,
 * areas, both kinds of polling, aborts at every place, and failures at the start. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alone.h"
#include "lib/unit.h"
#include "queue_device.h"

static void a_stream_goes_to_one_queue_in_order(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        spd_unit *unit;

        queues_reset(k);
        unit = queues_begin(QUEUES);
        queues_start_writes(unit, 0, COMMANDS, QUEUES);
        queues_wait_writes(0, COMMANDS);
        queues_check_disk(COMMANDS);
        for (unsigned i = 0; i < QUEUES; i++) {
            assert_int_equal(queues.lanes[i]->requests, COMMANDS / QUEUES);
            assert_false(queues.lanes[i]->out_of_order);
        }
        assert_ptr_not_equal(queues.lanes[0]->thread, queues.lanes[1]->thread);
        assert_false(queues_is_of(queues.lanes[0]) || queues_is_of(queues.lanes[1]));
        queues_free_commands();
        queues_end(unit, QUEUES);
    }
}

static void what_has_come_meanwhile_is_one_batch(void **state)
{
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    atomic_store(&queues.gate_shut, true);
    unit = queues_begin(1);
    queues_start_writes(unit, 0, 1, 1);
    while (!atomic_load(&queues.in_submit))
        os_yield();
    queues_start_writes(unit, 1, SPD_BATCH_MAX + 10, 1); /* they are in the mail */
    atomic_store(&queues.gate_shut, false);
    queues_wait_writes(0, SPD_BATCH_MAX + 11);
    assert_int_equal(queues.lanes[0]->calls, 3); /* 1, SPD_BATCH_MAX, 10 */
    assert_int_equal(queues.lanes[0]->most, SPD_BATCH_MAX);
    assert_int_equal(queues.lanes[0]->requests, SPD_BATCH_MAX + 11);
    queues_free_commands();
    queues_end(unit, 1);
}

static void a_device_without_descriptor_is_polled_while_it_has_requests(void **state)
{
    spd_unit *unit;
    uint32_t polls;

    (void)state;
    queues_reset(false);
    unit = queues_begin(1);
    queues_start_writes(unit, 0, 1, 1);
    queues_wait_writes(0, 1);
    assert_true(queues.lanes[0]->polls >= 1);
    atomic_store(&queues.hold, true);
    polls = queues.lanes[0]->polls;
    queues_start_writes(unit, 1, 1, 1);
    while (atomic_load(&queues.lanes[0]->polls) < polls + 100)
        os_yield();
    atomic_store(&queues.hold, false);
    queues_wait_writes(1, 1);
    queues_free_commands();
    queues_end(unit, 1);
}

static void one_queue_is_the_default(void **state)
{
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    unit = queues_begin(0);
    queues_start_writes(unit, 0, 4, 4);
    queues_wait_writes(0, 4);
    assert_int_equal(queues.lanes[0]->requests, 4);
    assert_null(queues.lanes[1]);
    queues_free_commands();
    queues_end(unit, 1);
}

/* In the mail, and with the device. */
static void an_abort_reaches_a_request_at_every_place(void **state)
{
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    atomic_store(&queues.gate_shut, true);
    atomic_store(&queues.hold, true);
    unit = queues_begin(1);
    queues_start_writes(unit, 0, 1, 1);
    while (!atomic_load(&queues.in_submit))
        os_yield();
    queues_start_writes(unit, 1, 2, 1);
    assert_false(loop_cancel(&queues.commands[1])); /* in the mail: done() follows */
    atomic_store(&queues.gate_shut, false);
    loop_wait(&queues.commands[1]);
    assert_int_equal(atomic_load(&queues.aborts), 0);
    while (atomic_load(&queues.lanes[0]->kept_count) < 2)
        os_yield();
    assert_false(loop_cancel(&queues.commands[2]));
    assert_int_equal(atomic_load(&queues.aborts), 1);
    atomic_store(&queues.hold, false);
    os_event_signal(queues.lanes[0]->event);
    queues_wait_writes(0, 1);
    loop_wait(&queues.commands[2]);
    assert_int_equal(queues.lanes[0]->requests, 2); /* the first and the third */
    queues_free_commands();
    queues_end(unit, 1);
}

static void a_queue_that_cannot_begin_stops_the_start(void **state)
{
    spd_params params = queues_params(3);
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    queues.begin_error = -ENODEV;
    queues.failing = 2;
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &queues_ops, NULL }, &unit), 0);
    assert_int_equal(spd_unit_start(unit, 0), SPD_ERROR_QUEUES);
    assert_string_equal(spd_error_detail(), "queue 2: No such device");
    assert_int_equal(atomic_load(&queues.begun), 2);
    assert_int_equal(atomic_load(&queues.ended), 2);
    spd_unit_delete(unit);
}

static void a_unit_that_was_not_started_has_no_queues(void **state)
{
    spd_params params = queues_params(3);
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &queues_ops, NULL }, &unit), 0);
    spd_unit_delete(unit);
    assert_int_equal(atomic_load(&queues.begun), 0);
}

static void bound_queues_know_their_cpus(void **state)
{
    spd_params params = queues_params(QUEUES);
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    params.flags |= SPD_BIND_QUEUES;
    unit = test_unit_on(&(spd_device){ &queues_ops, NULL }, &params, 0);
    assert_true(spd_queue_cpu(queues.lanes[0]->queue) >= 0);
    if (os_cpu_count() > 1)
        assert_int_not_equal(
            spd_queue_cpu(queues.lanes[0]->queue), spd_queue_cpu(queues.lanes[1]->queue));
    queues_end(unit, QUEUES);
    queues_reset(true);
    unit = queues_begin(QUEUES);
    assert_int_equal(spd_queue_cpu(queues.lanes[0]->queue), -1);
    queues_end(unit, QUEUES);
}

/* submit of a device that knows nothing of queues. */
static void plain_submit(spd_device *device, spd_request *request)
{
    (void)device;
    atomic_fetch_add(&queues.flushes, spd_request_operation(request) == SPD_FLUSH);
    atomic_fetch_add(&queues.elsewhere, !spd_request_queue(request));
    queues_transfer(request);
    spd_request_complete(request, NULL);
}

static void a_device_with_submit_alone_may_have_queues(void **state)
{
    static const spd_ops ops = { .size = sizeof ops, .submit = plain_submit };
    spd_params params = queues_params(QUEUES);
    spd_unit *unit;

    (void)state;
    queues_reset(false);
    unit = test_unit_on(&(spd_device){ &ops, NULL }, &params, 0);
    queues_start_writes(unit, 0, COMMANDS, QUEUES);
    queues_wait_writes(0, COMMANDS);
    queues_check_disk(COMMANDS);
    queues_free_commands();
    queues_end(unit, 0);
}

static int create(const spd_ops *ops, uint32_t count)
{
    spd_params params = queues_params(count);
    spd_unit *unit;
    int error = spd_unit_create("loop:", &params, &(spd_device){ ops, NULL }, &unit);

    spd_unit_delete(unit);
    return error;
}

static void queues_that_cannot_be_are_refused(void **state)
{
    spd_ops ops = queues_ops;

    (void)state;
    assert_int_equal(create(&queues_ops, SPD_QUEUES_MAX), 0);
    assert_int_equal(create(&queues_ops, SPD_QUEUES_MAX + 1), SPD_ERROR_QUEUES);
    assert_int_equal(create(&test_simple_ops, 1), SPD_ERROR_QUEUES);
    ops.queue_size = SPD_AREA_MAX + 1;
    assert_int_equal(create(&ops, 1), SPD_ERROR_OPS);
    ops = test_simple_ops;
    ops.poll = queues_ops.poll;
    assert_int_equal(create(&ops, 0), SPD_ERROR_OPS);
}

/* The sanitizer sees what is written behind an area. */
static void the_memory_of_a_command_serves_units_with_areas_of_any_size(void **state)
{
    static const uint32_t sizes[] = { 100, 10000, 1000 };
    spd_params params = queues_params(1);
    spd_ops ops = queues_ops;
    spd_unit *unit;

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        queues_reset(true);
        ops.request_size = queues.area_used = sizes[i];
        unit = test_unit_on(&(spd_device){ &ops, NULL }, &params, 0);
        queues_start_writes(unit, 0, 1, 1);
        queues_wait_writes(0, 1);
        queues_end(unit, 1);
        queues.commands[0] = (struct loop_command){ .request = queues.commands[0].request };
    }
    queues_free_commands();
}

static void a_request_that_is_not_handed_over_gives_its_list_back(void **state)
{
    const uint8_t write[16] = { 0x8a, [13] = LOOP_VECS };
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    atomic_store(&queues.gate_shut, true);
    unit = queues_begin(1);
    queues_start_writes(unit, 0, 1, 1);
    while (!atomic_load(&queues.in_submit))
        os_yield();
    queues.commands[1].vec_count = LOOP_VECS;
    for (unsigned i = 0; i < LOOP_VECS; i++)
        queues.commands[1].vec[i] = (struct scsi_vec){ queues.blocks[i], TEST_BLOCK };
    queues.commands[1].vec[LOOP_VECS - 1].length++; /* or the command's own list would do */
    assert_true(loop_start(loop_door_of(unit), &queues.commands[1], write, sizeof write,
        SCSI_DATA_OUT, LOOP_VECS * TEST_BLOCK));
    assert_false(loop_cancel(&queues.commands[1]));
    atomic_store(&queues.gate_shut, false);
    loop_wait(&queues.commands[1]);
    queues_wait_writes(0, 1);
    assert_int_equal(unit->lists.in_use, 0);
    queues_free_commands();
    queues_end(unit, 1);
}

/* A filter with areas of its own above the device. */
enum { ABOVE_QUEUE = 100, ABOVE_REQUEST = 20 };
struct above {
    spd_device device, below;
    spd_ops ops;
    _Atomic unsigned batches, spoilt;
};

static bool is_full(const unsigned char *area, unsigned size)
{
    while (size && area[size - 1] == 0xff)
        size--;
    return !size;
}

static int above_begin(spd_device *device, spd_queue *queue)
{
    struct above *above = device->context;

    memset(spd_queue_area(queue, device), 0xff, ABOVE_QUEUE);
    return spd_device_queue_begin(&above->below, queue);
}

static void above_end(spd_device *device, spd_queue *queue)
{
    struct above *above = device->context;

    above->spoilt += !is_full(spd_queue_area(queue, device), ABOVE_QUEUE);
    spd_device_queue_end(&((struct above *)device->context)->below, queue);
}

static void above_poll(spd_device *device, spd_queue *queue)
{
    spd_device_poll(&((struct above *)device->context)->below, queue);
}

static void above_submit_many(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct above *above = device->context;

    (void)queue;
    above->batches++;
    for (uint32_t i = 0; i < count; i++)
        memset(spd_request_area(requests[i]), 0xff, ABOVE_REQUEST);
    spd_requests_pass(requests, count, &above->below);
}

static void above_returned(spd_device *device, spd_request *request, const spd_status *status)
{
    ((struct above *)device->context)->spoilt +=
        !is_full(spd_request_area(request), ABOVE_REQUEST);
    spd_request_complete(request, status);
}

static void a_filter_has_areas_of_its_own(void **state)
{
    struct above above = {
        .ops = {
            .size = sizeof above.ops, .queue_begin = above_begin, .queue_end = above_end,
            .submit_many = above_submit_many, .returned = above_returned, .poll = above_poll,
            .queue_size = ABOVE_QUEUE, .request_size = ABOVE_REQUEST,
        },
        .below = { &queues_ops, NULL },
    };
    spd_params params = queues_params(QUEUES);
    spd_unit *unit;

    (void)state;
    queues_reset(true);
    above.device = (spd_device){ &above.ops, &above };
    spd_ops_fit(&above.ops, &above.below);
    unit = test_unit_on(&above.device, &params, 0);
    queues_start_writes(unit, 0, COMMANDS, QUEUES);
    queues_wait_writes(0, COMMANDS);
    queues_check_disk(COMMANDS);
    assert_int_equal(queues.lanes[0]->requests + queues.lanes[1]->requests, COMMANDS);
    assert_int_equal(above.batches, queues.lanes[0]->calls + queues.lanes[1]->calls);
    queues_free_commands();
    queues_end(unit, QUEUES);
    assert_int_equal(above.spoilt, 0);
}

static void a_filter_does_without_queues_where_the_device_does(void **state)
{
    struct above above = {
        .ops = {
            .size = sizeof above.ops, .queue_begin = above_begin, .queue_end = above_end,
            .submit_many = above_submit_many, .poll = above_poll,
        },
        .below = { &test_async_ops, NULL },
    };

    (void)state;
    spd_ops_fit(&above.ops, &above.below);
    assert_null(above.ops.queue_begin);
    assert_null(above.ops.queue_end);
    assert_null(above.ops.submit_many);
    assert_null(above.ops.poll);
}

static void watch_twice(void)
{
    spd_unit *unit;

    queues_reset(true);
    unit = queues_begin(1);
    spd_queue_watch(queues.lanes[0]->queue, queues.lanes[0]->event);
    (void)unit;
}

static void misuse_is_noticed(void **state)
{
    (void)state;
    alone_expect_abort(
        watch_twice, "spd_queue_watch(): it is called once, in queue_begin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_goes_to_one_queue_in_order),
        cmocka_unit_test(what_has_come_meanwhile_is_one_batch),
        cmocka_unit_test(a_device_without_descriptor_is_polled_while_it_has_requests),
        cmocka_unit_test(one_queue_is_the_default),
        cmocka_unit_test(an_abort_reaches_a_request_at_every_place),
        cmocka_unit_test(a_queue_that_cannot_begin_stops_the_start),
        cmocka_unit_test(a_unit_that_was_not_started_has_no_queues),
        cmocka_unit_test(bound_queues_know_their_cpus),
        cmocka_unit_test(a_device_with_submit_alone_may_have_queues),
        cmocka_unit_test(queues_that_cannot_be_are_refused),
        cmocka_unit_test(the_memory_of_a_command_serves_units_with_areas_of_any_size),
        cmocka_unit_test(a_request_that_is_not_handed_over_gives_its_list_back),
        cmocka_unit_test(a_filter_has_areas_of_its_own),
        cmocka_unit_test(a_filter_does_without_queues_where_the_device_does),
        cmocka_unit_test(misuse_is_noticed),
    };

    return cmocka_run_group_tests_name("lib-queue", tests, NULL, NULL);
}
