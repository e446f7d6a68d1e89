/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Queues of asynchronous devices: on which thread and in which order the device is called, batches,
 * areas, both kinds of polling, aborts at every place, and failures at the start. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alone.h"
#include "lib/unit.h"
#include "test_device.h"

enum { QUEUES = 2, COMMANDS = 200, KEPT_MAX = 256 };

/* The device's area of a queue. */
struct lane {
    const char *thread; /* the address of its own `me` */
    spd_queue *queue;
    int event;         /* spd_queue_watch(), if the device watches */
    uint32_t requests; /* in all */
    uint32_t calls, most;
    _Atomic uint32_t polls;
    spd_request *kept[KEPT_MAX];
    _Atomic uint32_t kept_count;
    uint64_t last_lba;
    bool out_of_order;
    unsigned ended;
};

/* The device's area of a request. */
struct mark {
    uint64_t lba;
    spd_operation operation;
};

static unsigned char disk[TEST_BLOCKS][TEST_BLOCK];
static struct lane *lanes[SPD_QUEUES_MAX];
static _Atomic unsigned begun, ended, elsewhere, flushes, aborts, bad_areas, waiting_in_submit;
static atomic_bool hold, gate_shut;
static bool watches;
static uint32_t area_size; /* of a request, if the device uses all of it */
static _Thread_local char me;
static int begin_error;
static uint32_t failing_queue;

static bool is_of(const struct lane *lane)
{
    return lane->thread == &me;
}

static int test_begin(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    if (begin_error && spd_queue_index(queue) == failing_queue)
        return begin_error;
    lane->thread = &me;
    lane->queue = queue;
    lanes[spd_queue_index(queue)] = lane;
    atomic_fetch_add(&begun, 1);
    if (!watches)
        return 0;
    assert_int_equal(os_event_open(&lane->event), 0);
    return spd_queue_watch(queue, lane->event);
}

static void test_end(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&elsewhere, !is_of(lane));
    lane->ended++;
    if (watches)
        os_event_close(lane->event);
    atomic_fetch_add(&ended, 1);
}

static void transfer(const spd_request *request)
{
    unsigned char *at = disk[spd_request_lba(request)];
    size_t length = (size_t)spd_request_blocks(request) * TEST_BLOCK;
    uint32_t count;
    const spd_vec *data = spd_request_data(request, &count);

    if (spd_request_operation(request) == SPD_READ)
        spd_vec_put(data, count, 0, at, length);
    else if (spd_request_operation(request) == SPD_WRITE)
        spd_vec_get(data, count, 0, at, length);
}

static void note(struct lane *lane, spd_request *request)
{
    struct mark *mark = spd_request_area(request);

    atomic_fetch_add(&elsewhere, !is_of(lane));
    atomic_fetch_add(&flushes, spd_request_operation(request) == SPD_FLUSH);
    assert_int_equal(spd_request_buffer_kind(request), SPD_BUFFER_OF_DOOR);
    memset(mark, 0x11, area_size);
    mark->lba = spd_request_lba(request);
    mark->operation = spd_request_operation(request);
    if (mark->operation == SPD_WRITE) {
        lane->out_of_order |= lane->requests && mark->lba <= lane->last_lba;
        lane->last_lba = mark->lba;
    }
    lane->requests++;
}

static void check_mark(const spd_request *request)
{
    const struct mark *mark = spd_request_area(request);

    atomic_fetch_add(&bad_areas, mark->lba != spd_request_lba(request) ||
        mark->operation != spd_request_operation(request));
}

static void complete_kept(struct lane *lane)
{
    uint32_t count = lane->kept_count;

    lane->kept_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        check_mark(lane->kept[i]);
        transfer(lane->kept[i]);
    }
    spd_requests_complete(lane->kept, NULL, count);
}

static void test_submit_many(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&waiting_in_submit, 1);
    while (atomic_load(&gate_shut))
        os_yield();
    lane->calls++;
    if (count > lane->most)
        lane->most = count;
    for (uint32_t i = 0; i < count; i++) {
        assert_ptr_equal(spd_request_queue(requests[i]), queue);
        note(lane, requests[i]);
        lane->kept[lane->kept_count++] = requests[i];
    }
    if (watches)
        os_event_signal(lane->event);
}

static void test_poll(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&elsewhere, !is_of(lane));
    lane->polls++;
    if (watches)
        os_event_clear(lane->event);
    if (!atomic_load(&hold))
        complete_kept(lane);
}

static void test_abort(spd_device *device, spd_request *request)
{
    (void)device;
    (void)request;
    atomic_fetch_add(&aborts, 1);
}

static spd_ops many_ops = {
    .size = sizeof many_ops,
    .submit_many = test_submit_many,
    .abort = test_abort,
    .queue_begin = test_begin,
    .queue_end = test_end,
    .poll = test_poll,
    .queue_size = sizeof(struct lane),
    .request_size = sizeof(struct mark),
};

static void reset(bool with_descriptor)
{
    watches = with_descriptor;
    area_size = 0;
    begin_error = 0;
    memset(lanes, 0, sizeof lanes);
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    atomic_store(&elsewhere, 0);
    atomic_store(&flushes, 0);
    atomic_store(&aborts, 0);
    atomic_store(&bad_areas, 0);
    atomic_store(&waiting_in_submit, 0);
    atomic_store(&hold, false);
    atomic_store(&gate_shut, false);
}

static spd_params params_with(uint32_t queues)
{
    spd_params params = test_params(SPD_CACHE);

    params.queues = queues;
    return params;
}

static spd_unit *begin(uint32_t queues)
{
    spd_params params = params_with(queues);

    return test_unit_on(&(spd_device){ &many_ops, NULL }, &params, 0);
}

static void end(spd_unit *unit, uint32_t queues)
{
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(atomic_load(&flushes), 1); /* the last one */
    assert_int_equal(atomic_load(&begun), queues);
    assert_int_equal(atomic_load(&ended), queues);
    assert_int_equal(atomic_load(&elsewhere), 0);
    assert_int_equal(atomic_load(&bad_areas), 0);
    spd_unit_delete(unit);
}

static struct loop_command commands[COMMANDS];
static unsigned char blocks[COMMANDS][TEST_BLOCK];

static void free_commands(void)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        spd_request_free(&commands[i].request);
    memset(commands, 0, sizeof commands);
}

static void start_writes(spd_unit *unit, unsigned first, unsigned count, uint32_t streams)
{
    for (unsigned i = first; i < first + count; i++) {
        commands[i].request.stream = i % streams;
        memset(blocks[i], (int)i + 1, TEST_BLOCK);
        assert_true(
            loop_start_write(loop_door_of(unit), &commands[i], blocks[i], i, 1, TEST_BLOCK));
    }
}

static void wait_writes(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
}

static void check_disk(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(disk[i][TEST_BLOCK - 1], (unsigned char)(i + 1));
}

static void a_stream_goes_to_one_queue_in_order(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        spd_unit *unit;

        reset(k);
        unit = begin(QUEUES);
        start_writes(unit, 0, COMMANDS, QUEUES);
        wait_writes(0, COMMANDS);
        check_disk(COMMANDS);
        for (unsigned i = 0; i < QUEUES; i++) {
            assert_int_equal(lanes[i]->requests, COMMANDS / QUEUES);
            assert_false(lanes[i]->out_of_order);
        }
        assert_ptr_not_equal(lanes[0]->thread, lanes[1]->thread);
        assert_false(is_of(lanes[0]) || is_of(lanes[1]));
        free_commands();
        end(unit, QUEUES);
    }
}

static void what_has_come_meanwhile_is_one_batch(void **state)
{
    spd_unit *unit;

    (void)state;
    reset(true);
    atomic_store(&gate_shut, true);
    unit = begin(1);
    start_writes(unit, 0, 1, 1);
    while (!atomic_load(&waiting_in_submit))
        os_yield();
    start_writes(unit, 1, SPD_BATCH_MAX + 10, 1); /* they are in the mail */
    atomic_store(&gate_shut, false);
    wait_writes(0, SPD_BATCH_MAX + 11);
    assert_int_equal(lanes[0]->calls, 3); /* 1, SPD_BATCH_MAX, 10 */
    assert_int_equal(lanes[0]->most, SPD_BATCH_MAX);
    assert_int_equal(lanes[0]->requests, SPD_BATCH_MAX + 11);
    free_commands();
    end(unit, 1);
}

static void a_device_without_descriptor_is_polled_while_it_has_requests(void **state)
{
    spd_unit *unit;
    uint32_t polls;

    (void)state;
    reset(false);
    unit = begin(1);
    start_writes(unit, 0, 1, 1);
    wait_writes(0, 1);
    assert_true(lanes[0]->polls >= 1);
    atomic_store(&hold, true);
    polls = lanes[0]->polls;
    start_writes(unit, 1, 1, 1);
    while (atomic_load(&lanes[0]->polls) < polls + 100)
        os_yield();
    atomic_store(&hold, false);
    wait_writes(1, 1);
    free_commands();
    end(unit, 1);
}

static void one_queue_is_the_default(void **state)
{
    spd_unit *unit;

    (void)state;
    reset(true);
    unit = begin(0);
    start_writes(unit, 0, 4, 4);
    wait_writes(0, 4);
    assert_int_equal(lanes[0]->requests, 4);
    assert_null(lanes[1]);
    free_commands();
    end(unit, 1);
}

/* In the mail, and with the device. */
static void an_abort_reaches_a_request_at_every_place(void **state)
{
    spd_unit *unit;

    (void)state;
    reset(true);
    atomic_store(&gate_shut, true);
    atomic_store(&hold, true);
    unit = begin(1);
    start_writes(unit, 0, 1, 1);
    while (!atomic_load(&waiting_in_submit))
        os_yield();
    start_writes(unit, 1, 2, 1);
    assert_false(loop_cancel(&commands[1])); /* in the mail: done() follows */
    atomic_store(&gate_shut, false);
    loop_wait(&commands[1]);
    assert_int_equal(atomic_load(&aborts), 0);
    while (atomic_load(&lanes[0]->kept_count) < 2)
        os_yield();
    assert_false(loop_cancel(&commands[2]));
    assert_int_equal(atomic_load(&aborts), 1);
    atomic_store(&hold, false);
    os_event_signal(lanes[0]->event);
    wait_writes(0, 1);
    loop_wait(&commands[2]);
    assert_int_equal(lanes[0]->requests, 2); /* the first and the third */
    free_commands();
    end(unit, 1);
}

static void a_queue_that_cannot_begin_stops_the_start(void **state)
{
    spd_params params = params_with(3);
    spd_unit *unit;

    (void)state;
    reset(true);
    begin_error = -ENODEV;
    failing_queue = 2;
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &many_ops, NULL }, &unit), 0);
    assert_int_equal(spd_unit_start(unit, 0), SPD_ERROR_QUEUES);
    assert_string_equal(spd_error_detail(), "queue 2: No such device");
    assert_int_equal(atomic_load(&begun), 2);
    assert_int_equal(atomic_load(&ended), 2);
    spd_unit_delete(unit);
}

static void a_unit_that_was_not_started_has_no_queues(void **state)
{
    spd_params params = params_with(3);
    spd_unit *unit;

    (void)state;
    reset(true);
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &many_ops, NULL }, &unit), 0);
    spd_unit_delete(unit);
    assert_int_equal(atomic_load(&begun), 0);
}

static void bound_queues_know_their_cpus(void **state)
{
    spd_params params = params_with(QUEUES);
    spd_unit *unit;

    (void)state;
    reset(true);
    params.flags |= SPD_BIND_QUEUES;
    unit = test_unit_on(&(spd_device){ &many_ops, NULL }, &params, 0);
    assert_true(spd_queue_cpu(lanes[0]->queue) >= 0);
    if (os_cpu_count() > 1)
        assert_int_not_equal(spd_queue_cpu(lanes[0]->queue), spd_queue_cpu(lanes[1]->queue));
    end(unit, QUEUES);
    reset(true);
    unit = begin(QUEUES);
    assert_int_equal(spd_queue_cpu(lanes[0]->queue), -1);
    end(unit, QUEUES);
}

/* submit of a device that knows nothing of queues. */
static void plain_submit(spd_device *device, spd_request *request)
{
    (void)device;
    atomic_fetch_add(&flushes, spd_request_operation(request) == SPD_FLUSH);
    atomic_fetch_add(&elsewhere, !spd_request_queue(request));
    transfer(request);
    spd_request_complete(request, NULL);
}

static void a_device_with_submit_alone_may_have_queues(void **state)
{
    static const spd_ops ops = { .size = sizeof ops, .submit = plain_submit };
    spd_params params = params_with(QUEUES);
    spd_unit *unit;

    (void)state;
    reset(false);
    unit = test_unit_on(&(spd_device){ &ops, NULL }, &params, 0);
    start_writes(unit, 0, COMMANDS, QUEUES);
    wait_writes(0, COMMANDS);
    check_disk(COMMANDS);
    free_commands();
    end(unit, 0);
}

static int create(const spd_ops *ops, uint32_t queues)
{
    spd_params params = params_with(queues);
    spd_unit *unit;
    int error = spd_unit_create("loop:", &params, &(spd_device){ ops, NULL }, &unit);

    spd_unit_delete(unit);
    return error;
}

static void queues_that_cannot_be_are_refused(void **state)
{
    spd_ops ops = many_ops;

    (void)state;
    assert_int_equal(create(&many_ops, SPD_QUEUES_MAX), 0);
    assert_int_equal(create(&many_ops, SPD_QUEUES_MAX + 1), SPD_ERROR_QUEUES);
    assert_int_equal(create(&test_simple_ops, 1), SPD_ERROR_QUEUES);
    ops.queue_size = SPD_AREA_MAX + 1;
    assert_int_equal(create(&ops, 1), SPD_ERROR_OPS);
    ops = test_simple_ops;
    ops.poll = test_poll;
    assert_int_equal(create(&ops, 0), SPD_ERROR_OPS);
}

/* The sanitizer sees what is written behind an area. */
static void the_memory_of_a_command_serves_units_with_areas_of_any_size(void **state)
{
    static const uint32_t sizes[] = { 100, 10000, 1000 };
    spd_params params = params_with(1);
    spd_ops ops = many_ops;
    spd_unit *unit;

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        reset(true);
        ops.request_size = area_size = sizes[i];
        unit = test_unit_on(&(spd_device){ &ops, NULL }, &params, 0);
        start_writes(unit, 0, 1, 1);
        wait_writes(0, 1);
        end(unit, 1);
        commands[0] = (struct loop_command){ .request = commands[0].request };
    }
    free_commands();
}

static void a_request_that_is_not_handed_over_gives_its_list_back(void **state)
{
    const uint8_t write[16] = { 0x8a, [13] = LOOP_VECS };
    spd_unit *unit;

    (void)state;
    reset(true);
    atomic_store(&gate_shut, true);
    unit = begin(1);
    start_writes(unit, 0, 1, 1);
    while (!atomic_load(&waiting_in_submit))
        os_yield();
    commands[1].vec_count = LOOP_VECS;
    for (unsigned i = 0; i < LOOP_VECS; i++)
        commands[1].vec[i] = (struct scsi_vec){ blocks[i], TEST_BLOCK };
    assert_true(loop_start(loop_door_of(unit), &commands[1], write, sizeof write, SCSI_DATA_OUT,
        LOOP_VECS * TEST_BLOCK));
    assert_false(loop_cancel(&commands[1]));
    atomic_store(&gate_shut, false);
    loop_wait(&commands[1]);
    wait_writes(0, 1);
    assert_int_equal(unit->lists.in_use, 0);
    free_commands();
    end(unit, 1);
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
        .below = { &many_ops, NULL },
    };
    spd_params params = params_with(QUEUES);
    spd_unit *unit;

    (void)state;
    reset(true);
    above.device = (spd_device){ &above.ops, &above };
    spd_ops_fit(&above.ops, &above.below);
    unit = test_unit_on(&above.device, &params, 0);
    start_writes(unit, 0, COMMANDS, QUEUES);
    wait_writes(0, COMMANDS);
    check_disk(COMMANDS);
    assert_int_equal(lanes[0]->requests + lanes[1]->requests, COMMANDS);
    assert_int_equal(above.batches, lanes[0]->calls + lanes[1]->calls);
    free_commands();
    end(unit, QUEUES);
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

    reset(true);
    unit = begin(1);
    spd_queue_watch(lanes[0]->queue, lanes[0]->event);
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
