/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The I/O queue: each transition by itself, then a million random steps beside a simple model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioq/ioq.h"

enum { SLOTS = 4 };

struct fixture {
    struct ioq queue;
    struct ioq_slot slots[SLOTS];
    struct ioq_request request[SLOTS + 1];
    struct ioq_server server[3];
    struct ioq_server *woken;
    uint64_t hint;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    ioq_init(&f->queue, f->slots, SLOTS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static enum ioq_result post(struct fixture *f, int index)
{
    return ioq_post(&f->queue, &f->request[index], &f->woken, &f->hint);
}

static void requests_are_delivered_oldest_first(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(post(f, 0), IOQ_QUEUED);
    assert_int_equal(post(f, 1), IOQ_QUEUED);
    assert_ptr_equal(ioq_wait(&f->queue, &f->server[0], &f->hint), &f->request[0]);
    assert_ptr_equal(ioq_wait(&f->queue, &f->server[0], &f->hint), &f->request[1]);
    assert_int_equal(f->request[1].state, IOQ_SERVED);
    assert_false(f->server[0].waiting);
}

static void a_waiting_server_gets_the_request_at_once(void **state)
{
    struct fixture *f = *state;

    assert_null(ioq_wait(&f->queue, &f->server[0], &f->hint));
    assert_true(f->server[0].waiting);
    assert_int_equal(post(f, 0), IOQ_MATCHED);
    assert_ptr_equal(f->woken, &f->server[0]);
    assert_false(f->server[0].waiting);
    assert_ptr_equal(ioq_find(&f->queue, f->hint), &f->request[0]);
}

static void the_server_that_waited_last_is_woken_first(void **state)
{
    struct fixture *f = *state;

    ioq_wait(&f->queue, &f->server[0], &f->hint);
    ioq_wait(&f->queue, &f->server[1], &f->hint);
    post(f, 0);
    assert_ptr_equal(f->woken, &f->server[1]);
}

static void a_post_beyond_the_slots_is_refused_and_leaves_the_request_alone(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < SLOTS; i++)
        assert_int_equal(post(f, i), IOQ_QUEUED);
    assert_int_equal(post(f, SLOTS), IOQ_FULL);
    assert_int_equal(f->request[SLOTS].state, IOQ_IDLE);
    ioq_cancel(&f->queue, &f->request[2]);
    assert_int_equal(post(f, SLOTS), IOQ_QUEUED);
}

static void a_hint_finds_its_request_once(void **state)
{
    struct fixture *f = *state;

    ioq_wait(&f->queue, &f->server[0], &f->hint);
    post(f, 0);
    assert_ptr_equal(ioq_complete(&f->queue, f->hint), &f->request[0]);
    assert_int_equal(f->request[0].state, IOQ_IDLE);
    assert_null(ioq_complete(&f->queue, f->hint));
}

static void a_late_hint_does_not_find_the_next_request_in_its_slot(void **state)
{
    struct fixture *f = *state;
    uint64_t late;

    post(f, 0);
    ioq_wait(&f->queue, &f->server[0], &late);
    ioq_complete(&f->queue, late);
    post(f, 1);
    ioq_wait(&f->queue, &f->server[0], &f->hint);
    assert_int_equal(f->request[1].slot, (uint32_t)late);
    assert_null(ioq_complete(&f->queue, late));
    assert_ptr_equal(ioq_complete(&f->queue, f->hint), &f->request[1]);
}

static void a_forged_hint_finds_nothing(void **state)
{
    struct fixture *f = *state;

    post(f, 0);
    assert_null(ioq_find(&f->queue, 0));
    assert_null(ioq_find(&f->queue, UINT64_MAX));
    assert_null(ioq_find(&f->queue, SLOTS));
    ioq_wait(&f->queue, &f->server[0], &f->hint);
    assert_null(ioq_find(&f->queue, f->hint ^ 1));
    assert_null(ioq_find(&f->queue, f->hint ^ UINT64_C(1) << 63));
    assert_ptr_equal(ioq_find(&f->queue, f->hint), &f->request[0]);
}

static void no_hint_is_zero_even_when_generations_wrap(void **state)
{
    struct fixture *f = *state;

    f->slots[0].generation = UINT32_MAX;
    post(f, 0);
    ioq_wait(&f->queue, &f->server[0], &f->hint);
    assert_int_not_equal(f->hint, 0);
}

static void a_requeued_request_comes_before_those_that_wait(void **state)
{
    struct fixture *f = *state;
    uint64_t old;

    post(f, 0);
    post(f, 1);
    ioq_wait(&f->queue, &f->server[0], &old);
    assert_int_equal(ioq_requeue(&f->queue, old, &f->woken, &f->hint), IOQ_QUEUED);
    assert_null(ioq_find(&f->queue, old));
    assert_ptr_equal(ioq_wait(&f->queue, &f->server[0], &f->hint), &f->request[0]);
    assert_int_not_equal(f->hint, old);
}

static void a_pending_and_a_served_request_can_be_cancelled_an_idle_one_not(void **state)
{
    struct fixture *f = *state;

    post(f, 0);
    post(f, 1);
    ioq_wait(&f->queue, &f->server[0], &f->hint);
    assert_true(ioq_cancel(&f->queue, &f->request[0]));
    assert_null(ioq_complete(&f->queue, f->hint));
    assert_true(ioq_cancel(&f->queue, &f->request[1]));
    assert_false(ioq_cancel(&f->queue, &f->request[1]));
}

static void a_cancelled_wait_is_not_matched(void **state)
{
    struct fixture *f = *state;

    ioq_wait(&f->queue, &f->server[0], &f->hint);
    assert_true(ioq_cancel_wait(&f->queue, &f->server[0]));
    assert_false(ioq_cancel_wait(&f->queue, &f->server[0]));
    assert_int_equal(post(f, 0), IOQ_QUEUED);
}

static void a_stopped_queue_takes_nothing_and_drains_both_sides(void **state)
{
    struct fixture *f = *state;

    ioq_wait(&f->queue, &f->server[0], &f->hint);
    post(f, 0); /* served */
    post(f, 1); /* pending */
    ioq_stop(&f->queue);
    assert_int_equal(post(f, 2), IOQ_STOPPED);
    assert_int_equal(ioq_requeue(&f->queue, f->hint, &f->woken, &f->hint), IOQ_STOPPED);
    assert_null(ioq_wait(&f->queue, &f->server[1], &f->hint));
    assert_false(f->server[1].waiting);
    assert_ptr_equal(ioq_drain_request(&f->queue), &f->request[1]);
    assert_ptr_equal(ioq_drain_request(&f->queue), &f->request[0]);
    assert_null(ioq_drain_request(&f->queue));
    assert_null(ioq_drain_server(&f->queue));
    assert_null(ioq_complete(&f->queue, f->hint));
}

static void a_drained_server_no_longer_waits(void **state)
{
    struct fixture *f = *state;

    ioq_wait(&f->queue, &f->server[0], &f->hint);
    ioq_stop(&f->queue);
    assert_ptr_equal(ioq_drain_server(&f->queue), &f->server[0]);
    assert_false(f->server[0].waiting);
}

/*
 * The model: arrays, searched from the start, in which nothing can be linked wrongly.
 */
enum { REQUESTS = 24, SERVERS = 6, MODEL_SLOTS = 16, STEPS = 1000000 };

struct model {
    int state[REQUESTS];
    uint64_t hint[REQUESTS];
    int pending[REQUESTS];
    int pending_count;
    int servers[SERVERS];
    int server_count;
    int used;
};

struct world {
    struct ioq queue;
    struct ioq_slot slots[MODEL_SLOTS];
    struct ioq_request request[REQUESTS];
    struct ioq_server server[SERVERS];
    struct model model;
    uint64_t random;
};

static unsigned pick(struct world *w, unsigned below)
{
    /* xorshift64*: the same steps in every run */
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (unsigned)((w->random * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

static void array_remove(int *array, int *count, int value)
{
    int at = 0;

    while (array[at] != value)
        at++;
    memmove(array + at, array + at + 1, (size_t)(--*count - at) * sizeof *array);
}

static void array_insert(int *array, int *count, int at, int value)
{
    memmove(array + at + 1, array + at, (size_t)((*count)++ - at) * sizeof *array);
    array[at] = value;
}

static bool contains(const int *array, int count, int value)
{
    while (count--)
        if (array[count] == value)
            return true;
    return false;
}

static void check_delivery(struct world *w, int r, uint64_t hint)
{
    for (int i = 0; i < REQUESTS; i++)
        if (w->model.state[i] == IOQ_SERVED)
            assert_true(w->model.hint[i] != hint);
    assert_true(hint != w->model.hint[r]);
    w->model.state[r] = IOQ_SERVED;
    w->model.hint[r] = hint;
}

static void expect_hand_over(struct world *w, int r, int at, enum ioq_result result,
    struct ioq_server *server, uint64_t hint)
{
    struct model *m = &w->model;

    if (!m->server_count) {
        assert_int_equal(result, IOQ_QUEUED);
        array_insert(m->pending, &m->pending_count, at, r);
        m->state[r] = IOQ_PENDING;
        return;
    }
    assert_int_equal(result, IOQ_MATCHED);
    assert_ptr_equal(server, &w->server[m->servers[m->server_count - 1]]);
    assert_false(server->waiting);
    m->server_count--;
    check_delivery(w, r, hint);
}

static void step_post(struct world *w, int r)
{
    struct model *m = &w->model;
    struct ioq_server *server = NULL;
    uint64_t hint = 0;
    enum ioq_result result;

    if (m->state[r] != IOQ_IDLE)
        return;
    result = ioq_post(&w->queue, &w->request[r], &server, &hint);
    if (m->used == MODEL_SLOTS) {
        assert_int_equal(result, IOQ_FULL);
        return;
    }
    m->used++;
    expect_hand_over(w, r, m->pending_count, result, server, hint);
}

static void step_wait(struct world *w, int s)
{
    struct model *m = &w->model;
    uint64_t hint = 0;
    struct ioq_request *request;

    if (contains(m->servers, m->server_count, s))
        return;
    request = ioq_wait(&w->queue, &w->server[s], &hint);
    if (!m->pending_count) {
        assert_null(request);
        assert_true(w->server[s].waiting);
        m->servers[m->server_count++] = s;
        return;
    }
    assert_ptr_equal(request, &w->request[m->pending[0]]);
    check_delivery(w, m->pending[0], hint);
    array_remove(m->pending, &m->pending_count, m->pending[0]);
}

static void step_complete(struct world *w, int r)
{
    struct model *m = &w->model;
    bool live = m->state[r] == IOQ_SERVED;
    struct ioq_request *expected = live ? &w->request[r] : NULL;

    /* The hint of a request that is not served is a late one. */
    assert_ptr_equal(ioq_find(&w->queue, m->hint[r]), expected);
    assert_ptr_equal(ioq_complete(&w->queue, m->hint[r]), expected);
    if (live) {
        m->state[r] = IOQ_IDLE;
        m->used--;
    }
}

static void step_requeue(struct world *w, int r)
{
    struct model *m = &w->model;
    struct ioq_server *server = NULL;
    uint64_t hint = 0;
    enum ioq_result result = ioq_requeue(&w->queue, m->hint[r], &server, &hint);

    if (m->state[r] != IOQ_SERVED)
        assert_int_equal(result, IOQ_STOPPED);
    else
        expect_hand_over(w, r, 0, result, server, hint);
}

static void step_cancel(struct world *w, int r)
{
    struct model *m = &w->model;

    assert_int_equal(ioq_cancel(&w->queue, &w->request[r]), m->state[r] != IOQ_IDLE);
    if (m->state[r] == IOQ_PENDING)
        array_remove(m->pending, &m->pending_count, r);
    if (m->state[r] != IOQ_IDLE)
        m->used--;
    m->state[r] = IOQ_IDLE;
}

static void step_cancel_wait(struct world *w, int s)
{
    struct model *m = &w->model;
    bool waits = contains(m->servers, m->server_count, s);

    assert_int_equal(ioq_cancel_wait(&w->queue, &w->server[s]), waits);
    if (waits)
        array_remove(m->servers, &m->server_count, s);
}

static void step_stop_and_begin_again(struct world *w)
{
    struct model *m = &w->model;
    struct ioq_request *request;
    struct ioq_server *server;
    int drained = 0;

    ioq_stop(&w->queue);
    while ((request = ioq_drain_request(&w->queue))) {
        int r = (int)(request - w->request);

        assert_int_not_equal(m->state[r], IOQ_IDLE);
        m->state[r] = IOQ_IDLE;
        drained++;
    }
    assert_int_equal(drained, m->used);
    while ((server = ioq_drain_server(&w->queue))) {
        assert_true(contains(m->servers, m->server_count, (int)(server - w->server)));
        array_remove(m->servers, &m->server_count, (int)(server - w->server));
    }
    assert_int_equal(m->server_count, 0);
    memset(m, 0, sizeof *m);
    ioq_init(&w->queue, w->slots, MODEL_SLOTS);
}

static void check_counts(const struct world *w)
{
    const struct model *m = &w->model;

    assert_int_equal(w->queue.pending_count, m->pending_count);
    assert_int_equal(w->queue.served_count, m->used - m->pending_count);
    for (int r = 0; r < REQUESTS; r++)
        assert_int_equal(w->request[r].state, m->state[r]);
}

static void a_million_random_steps_match_the_model(void **state)
{
    static struct world w = { .random = 0x9e3779b97f4a7c15 };

    (void)state;
    ioq_init(&w.queue, w.slots, MODEL_SLOTS);
    for (int i = 0; i < STEPS; i++) {
        int r = (int)pick(&w, REQUESTS), s = (int)pick(&w, SERVERS);

        switch (pick(&w, 16)) {
        case 0 ... 5:
            step_post(&w, r);
            break;
        case 6 ... 8:
            step_wait(&w, s);
            break;
        case 9 ... 11:
            step_complete(&w, r);
            break;
        case 12:
            step_requeue(&w, r);
            break;
        case 13:
            step_cancel(&w, r);
            break;
        case 14:
            step_cancel_wait(&w, s);
            break;
        default:
            if (pick(&w, 500) == 0)
                step_stop_and_begin_again(&w);
        }
        check_counts(&w);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(requests_are_delivered_oldest_first),
        TEST(a_waiting_server_gets_the_request_at_once),
        TEST(the_server_that_waited_last_is_woken_first),
        TEST(a_post_beyond_the_slots_is_refused_and_leaves_the_request_alone),
        TEST(a_hint_finds_its_request_once),
        TEST(a_late_hint_does_not_find_the_next_request_in_its_slot),
        TEST(a_forged_hint_finds_nothing),
        TEST(no_hint_is_zero_even_when_generations_wrap),
        TEST(a_requeued_request_comes_before_those_that_wait),
        TEST(a_pending_and_a_served_request_can_be_cancelled_an_idle_one_not),
        TEST(a_cancelled_wait_is_not_matched),
        TEST(a_stopped_queue_takes_nothing_and_drains_both_sides),
        TEST(a_drained_server_no_longer_waits),
        TEST(a_million_random_steps_match_the_model),
    };

    return cmocka_run_group_tests_name("ioq", tests, NULL, NULL);
}
