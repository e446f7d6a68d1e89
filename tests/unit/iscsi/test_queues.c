/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A device with queues behind the door: sessions are spread over the queues, and a reset ends what
 * the device has from both. */

#include <stdatomic.h>
#include <string.h>

#include "fixture.h"
#include "os/os.h"

enum { QUEUES = 2, KEPT_MAX = 64 };

/* The device's area of a queue. */
struct lane {
    int event;
    _Atomic unsigned requests;
    spd_request *kept[KEPT_MAX];
    unsigned count;
};

static uint8_t memory[BLOCKS][BLOCK], data[BLOCK];
static struct lane *lanes[QUEUES];
static os_mutex lock = OS_MUTEX_INIT; /* guards memory: commands overlap */
static atomic_bool hold;
static _Atomic unsigned aborts;

static int begin_queue(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    lanes[spd_queue_index(queue)] = lane;
    assert_int_equal(0, os_event_open(&lane->event));
    return spd_queue_watch(queue, lane->event);
}

static void end_queue(spd_device *device, spd_queue *queue)
{
    os_event_close(((struct lane *)spd_queue_area(queue, device))->event);
}

static void submit(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct lane *lane = spd_queue_area(queue, device);

    for (uint32_t i = 0; i < count; i++)
        lane->kept[lane->count++] = requests[i];
    atomic_fetch_add(&lane->requests, count);
    os_event_signal(lane->event);
}

static void transfer(const spd_request *request)
{
    uint32_t count;
    const spd_vec *pieces = spd_request_data(request, &count);
    size_t length = (size_t)spd_request_blocks(request) * BLOCK;

    os_mutex_lock(&lock);
    if (spd_request_operation(request) == SPD_READ)
        spd_vec_put(pieces, count, 0, memory[spd_request_lba(request)], length);
    else if (spd_request_operation(request) == SPD_WRITE)
        spd_vec_get(pieces, count, 0, memory[spd_request_lba(request)], length);
    os_mutex_unlock(&lock);
}

static void poll_queue(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);
    unsigned count = lane->count;

    os_event_clear(lane->event);
    if (atomic_load(&hold))
        return;
    lane->count = 0;
    for (unsigned i = 0; i < count; i++)
        transfer(lane->kept[i]);
    spd_requests_complete(lane->kept, NULL, count);
}

static void let_go(void)
{
    atomic_store(&hold, false);
    for (unsigned i = 0; i < QUEUES; i++)
        os_event_signal(lanes[i]->event);
}

/* When both requests are aborted the device ends them. */
static void abort_request(spd_device *device, spd_request *request)
{
    (void)device;
    (void)request;
    if (atomic_fetch_add(&aborts, 1) == 1)
        let_go();
}

static void open_queues(const char *query)
{
    static const spd_ops ops = {
        .size = sizeof ops, .submit_many = submit, .abort = abort_request,
        .queue_begin = begin_queue, .queue_end = end_queue, .poll = poll_queue,
        .queue_size = sizeof(struct lane),
    };
    spd_params params = SPD_PARAMS_INIT;
    char name[128];

    params.block_count = BLOCKS;
    params.queues = QUEUES;
    snprintf(name, sizeof name, "iscsi://127.0.0.1:0/" TARGET "%s", query);
    atomic_store(&hold, false);
    atomic_store(&aborts, 0);
    memset(&disk, 0, sizeof disk);
    assert_int_equal(0, spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &disk.unit));
    assert_int_equal(0, spd_unit_start(disk.unit, 0));
    client_login(&client, &disk, "");
    client_settle(&client);
    client_login_other(&other, &disk);
}

static void close_queues(void)
{
    client_close(&client);
    client_close(&other);
    spd_unit_shutdown(disk.unit);
    assert_int_equal(0, spd_unit_wait(disk.unit));
    spd_unit_delete(disk.unit);
}

static const char *const queries[] = { "?resets=all", "?resets=all&threads=2" };

static void sessions_are_spread_over_the_queues(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        open_queues(queries[i]);
        for (unsigned k = 0; k < 10; k++) {
            memset(data, 0x30 + (int)k, sizeof data);
            assert_int_equal(0, client_write(&client, k, 1, data));
            memset(data, 0, sizeof data);
            assert_int_equal(0, client_read(&other, k, 1, data));
            assert_int_equal(0x30 + k, data[BLOCK - 1]);
        }
        for (unsigned k = 0; k < QUEUES; k++)
            assert_int_equal(10, atomic_load(&lanes[k]->requests));
        close_queues();
    }
}

static void a_reset_ends_requests_of_both_queues(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        open_queues(queries[i]);
        atomic_store(&hold, true);
        client_give_write(&client);
        client_give_write(&other);
        while (atomic_load(&lanes[0]->requests) + atomic_load(&lanes[1]->requests) < 2)
            os_yield();
        client_header(
            &other, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | TASK_LUN_RESET);
        client_send(&other, bhs, NULL, 0);
        client_expect(&other, ISCSI_TASK_RESPONSE);
        assert_int_equal(0, other.bhs[BHS_RESPONSE]);
        assert_int_equal(2, atomic_load(&aborts));
        close_queues();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_spread_over_the_queues),
        cmocka_unit_test(a_reset_ends_requests_of_both_queues),
    };

    return cmocka_run_group_tests_name("iscsi-queues", tests, NULL, NULL);
}
