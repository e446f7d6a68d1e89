/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "queue_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct queues queues;
static unsigned char disk[TEST_BLOCKS][TEST_BLOCK];
static _Thread_local char me;

bool queues_is_of(const struct lane *lane)
{
    return lane->thread == &me;
}

static int test_begin(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    if (queues.begin_error && spd_queue_index(queue) == queues.failing)
        return queues.begin_error;
    lane->thread = &me;
    lane->queue = queue;
    queues.lanes[spd_queue_index(queue)] = lane;
    atomic_fetch_add(&queues.begun, 1);
    if (!queues.watches)
        return 0;
    assert_int_equal(os_event_open(&lane->event), 0);
    return spd_queue_watch(queue, lane->event);
}

static void test_end(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&queues.elsewhere, !queues_is_of(lane));
        if (queues.watches)
        os_event_close(lane->event);
    atomic_fetch_add(&queues.ended, 1);
}

void queues_transfer(const spd_request *request)
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

    atomic_fetch_add(&queues.elsewhere, !queues_is_of(lane));
    atomic_fetch_add(&queues.flushes, spd_request_operation(request) == SPD_FLUSH);
    assert_int_equal(spd_request_buffer_kind(request), SPD_BUFFER_OF_DOOR);
    memset(mark, 0x11, queues.area_used);
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

    atomic_fetch_add(&queues.bad_areas, mark->lba != spd_request_lba(request) ||
        mark->operation != spd_request_operation(request));
}

static void complete_kept(struct lane *lane)
{
    uint32_t count = lane->kept_count;

    lane->kept_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        check_mark(lane->kept[i]);
        queues_transfer(lane->kept[i]);
    }
    spd_requests_complete(lane->kept, NULL, count);
}

static void test_submit_many(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&queues.in_submit, 1);
    while (atomic_load(&queues.gate_shut))
        os_yield();
    lane->calls++;
    if (count > lane->most)
        lane->most = count;
    for (uint32_t i = 0; i < count; i++) {
        assert_ptr_equal(spd_request_queue(requests[i]), queue);
        note(lane, requests[i]);
        lane->kept[lane->kept_count++] = requests[i];
    }
    if (queues.watches)
        os_event_signal(lane->event);
}

static void test_poll(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&queues.elsewhere, !queues_is_of(lane));
    lane->polls++;
    if (queues.watches)
        os_event_clear(lane->event);
    if (!atomic_load(&queues.hold))
        complete_kept(lane);
}

static void test_abort(spd_device *device, spd_request *request)
{
    (void)device;
    (void)request;
    atomic_fetch_add(&queues.aborts, 1);
}

const spd_ops queues_ops = {
    .size = sizeof queues_ops,
    .submit_many = test_submit_many,
    .abort = test_abort,
    .queue_begin = test_begin,
    .queue_end = test_end,
    .poll = test_poll,
    .queue_size = sizeof(struct lane),
    .request_size = sizeof(struct mark),
};

void queues_reset(bool with_descriptor)
{
    queues.watches = with_descriptor;
    queues.area_used = 0;
    queues.begin_error = 0;
    memset(queues.lanes, 0, sizeof queues.lanes);
    atomic_store(&queues.begun, 0);
    atomic_store(&queues.ended, 0);
    atomic_store(&queues.elsewhere, 0);
    atomic_store(&queues.flushes, 0);
    atomic_store(&queues.aborts, 0);
    atomic_store(&queues.bad_areas, 0);
    atomic_store(&queues.in_submit, 0);
    atomic_store(&queues.hold, false);
    atomic_store(&queues.gate_shut, false);
}

spd_params queues_params(uint32_t count)
{
    spd_params params = test_params(SPD_CACHE);

    params.queues = count;
    return params;
}

spd_unit *queues_begin(uint32_t count)
{
    spd_params params = queues_params(count);

    return test_unit_on(&(spd_device){ &queues_ops, NULL }, &params, 0);
}

void queues_end(spd_unit *unit, uint32_t count)
{
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(atomic_load(&queues.flushes), 1); /* the last one */
    assert_int_equal(atomic_load(&queues.begun), count);
    assert_int_equal(atomic_load(&queues.ended), count);
    assert_int_equal(atomic_load(&queues.elsewhere), 0);
    assert_int_equal(atomic_load(&queues.bad_areas), 0);
    spd_unit_delete(unit);
}

void queues_free_commands(void)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        spd_request_free(&queues.commands[i].request);
    memset(queues.commands, 0, sizeof queues.commands);
}

void queues_start_writes(spd_unit *unit, unsigned first, unsigned count, uint32_t streams)
{
    for (unsigned i = first; i < first + count; i++) {
        queues.commands[i].request.stream = i % streams;
        memset(queues.blocks[i], (int)i + 1, TEST_BLOCK);
        assert_true(
            loop_start_write(loop_door_of(unit), &queues.commands[i], queues.blocks[i], i, 1,
                TEST_BLOCK));
    }
}

void queues_wait_writes(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        assert_int_equal(loop_wait(&queues.commands[i]), SCSI_GOOD);
}

void queues_check_disk(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(disk[i][TEST_BLOCK - 1], (unsigned char)(i + 1));
}
