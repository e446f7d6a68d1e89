/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A device with queues behind the door: sessions are spread over the queues, or go to that of the
 * door's loop. A reset ends what the device has from all. Units that share a loop have a queue each
 * there. */

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "fixture.h"
#include "os/os.h"

enum { QUEUES = 2, KEPT_MAX = 64 };

/* The device's area of a queue. */
struct lane {
    int event;
    const char *thread; /* the address of its own `me` */
    _Atomic unsigned requests;
    spd_request *kept[KEPT_MAX];
    unsigned count;
};

static uint8_t memory[BLOCKS][BLOCK], data[BLOCK];
static struct lane *_Atomic lanes[SPD_QUEUES_MAX];
static _Thread_local char me;
static _Atomic unsigned begun, ended, elsewhere;
static unsigned failing; /* queues from this one on do not begin; 0: all do */
static os_mutex lock = OS_MUTEX_INIT; /* guards memory: commands overlap */
static atomic_bool hold;
static _Atomic unsigned aborts;

static int begin_queue(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    if (failing && spd_queue_index(queue) >= failing)
        return -ENOSPC;
    lanes[spd_queue_index(queue)] = lane;
    lane->thread = &me;
    atomic_fetch_add(&begun, 1);
    assert_int_equal(0, os_event_open(&lane->event));
    return spd_queue_watch(queue, lane->event);
}

static void end_queue(spd_device *device, spd_queue *queue)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&elsewhere, lane->thread != &me);
    atomic_fetch_add(&ended, 1);
    lanes[spd_queue_index(queue)] = NULL;
    os_event_close(lane->event);
}

static void submit(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct lane *lane = spd_queue_area(queue, device);

    atomic_fetch_add(&elsewhere, lane->thread != &me);
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
    for (unsigned i = 0; i < SPD_QUEUES_MAX; i++)
        if (lanes[i])
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

static const spd_ops ops = {
    .size = sizeof ops, .submit_many = submit, .abort = abort_request,
    .queue_begin = begin_queue, .queue_end = end_queue, .poll = poll_queue,
    .queue_size = sizeof(struct lane),
};

static void open_queues(const char *query, uint32_t flags)
{
    spd_params params = SPD_PARAMS_INIT;
    char name[128];

    params.block_count = BLOCKS;
    params.queues = QUEUES;
    params.flags |= flags;
    snprintf(name, sizeof name, "iscsi://127.0.0.1:0/" TARGET "%s", query);
    atomic_store(&hold, false);
    atomic_store(&aborts, 0);
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
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
    assert_int_equal(atomic_load(&begun), atomic_load(&ended));
    assert_int_equal(0, atomic_load(&elsewhere));
}

static const char *const queries[] = { "?resets=all", "?resets=all&threads=2" };

static unsigned requests_of(unsigned first, unsigned count)
{
    unsigned requests = 0;

    for (unsigned i = first; i < first + count; i++)
        if (lanes[i])
            requests += atomic_load(&lanes[i]->requests);
    return requests;
}

static void write_and_read(unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        memset(data, 0x30 + (int)k, sizeof data);
        assert_int_equal(0, client_write(&client, k, 1, data));
        memset(data, 0, sizeof data);
        assert_int_equal(0, client_read(&other, k, 1, data));
        assert_int_equal(0x30 + k, data[BLOCK - 1]);
    }
}

static void sessions_are_spread_over_the_queues(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        open_queues(queries[i], 0);
        write_and_read(10);
        for (unsigned k = 0; k < QUEUES; k++)
            assert_int_equal(10, requests_of(k, 1));
        close_queues();
    }
}

static void each_loop_has_a_queue_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        open_queues(queries[i], SPD_DOOR_QUEUES);
        write_and_read(10);
        assert_int_equal(0, requests_of(0, QUEUES));
        assert_int_equal(20, requests_of(QUEUES, SPD_QUEUES_MAX - QUEUES));
        assert_int_equal(QUEUES + 1 + i, atomic_load(&begun));
        close_queues();
    }
}

static void a_loop_without_a_queue_uses_those_with_threads(void **state)
{
    (void)state;
    failing = QUEUES;
    open_queues("?resets=all", SPD_DOOR_QUEUES);
    write_and_read(10);
    assert_int_equal(20, requests_of(0, QUEUES));
    assert_int_equal(QUEUES, atomic_load(&begun));
    close_queues();
    failing = 0;
}

/* Until no unit attention is in the way. */
static int read_at(struct client *c, uint8_t lun)
{
    int status;

    c->lun = lun;
    while (client_sense(c) != 0)
        ;
    status = client_read(c, 0, 1, data);
    c->lun = 0;
    return status;
}

static void a_unit_that_goes_takes_its_queue_along(void **state)
{
    spd_params params = SPD_PARAMS_INIT;
    char name[512];
    spd_unit *unit;

    (void)state;
    open_queues("?resets=all", SPD_DOOR_QUEUES);
    params.block_count = BLOCKS;
    params.flags |= SPD_DOOR_QUEUES;
    for (unsigned i = 0; i < 2; i++) {
        unsigned before;

        assert_int_equal(0, read_at(&client, 0));
        assert_int_equal(0, read_at(&other, 0));
        before = atomic_load(&ended);
        disk_name_beside(name, &disk, TARGET "/1?resets=all");
        assert_int_equal(
            0, spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
        assert_int_equal(0, spd_unit_start(unit, 0));
        assert_int_equal(0, read_at(&client, 1));
        spd_unit_shutdown(unit);
        assert_int_equal(0, spd_unit_wait(unit));
        assert_int_equal(before + 2, atomic_load(&ended)); /* its thread's and its loop's */
        spd_unit_delete(unit);
        assert_int_equal(0, read_at(&client, 0));
        assert_int_equal(0, read_at(&other, 0));
        write_and_read(3);
    }
    close_queues();
}

static void a_reset_ends_requests_of_all_queues(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        open_queues(queries[i & 1], i & 2 ? SPD_DOOR_QUEUES : 0);
        atomic_store(&hold, true);
        client_give_write(&client);
        client_give_write(&other);
        while (requests_of(0, SPD_QUEUES_MAX) < 2)
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
        cmocka_unit_test(each_loop_has_a_queue_of_its_own),
        cmocka_unit_test(a_loop_without_a_queue_uses_those_with_threads),
        cmocka_unit_test(a_unit_that_goes_takes_its_queue_along),
        cmocka_unit_test(a_reset_ends_requests_of_all_queues),
    };

    return cmocka_run_group_tests_name("iscsi-queues", tests, NULL, NULL);
}
