/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The gate: who may pass beside whom. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gate.h"

static struct spd_gate gate;

static int setup(void **state)
{
    (void)state;
    spd_gate_init(&gate);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(atomic_load(&gate.word), 0);
    assert_null(ioq_turns_first(&gate.gate.waiting));
    spd_gate_destroy(&gate);
    return 0;
}

static struct scsi_nexus nexus, other;

static struct spd_request shared(void)
{
    return (struct spd_request){ .task = { .exclusive = false, .nexus = &nexus } };
}

static struct spd_request exclusive(void)
{
    return (struct spd_request){ .task = { .exclusive = true, .nexus = &nexus } };
}

static struct spd_request of_other(struct spd_request request)
{
    request.task.nexus = &other;
    return request;
}

static void shared_ones_pass_side_by_side(void **state)
{
    struct spd_request a = shared(), b = shared(), *granted = NULL;

    (void)state;
    assert_true(spd_gate_enter(&gate, &a, &granted));
    assert_true(spd_gate_enter(&gate, &b, &granted));
    assert_null(spd_gate_leave(&gate, &a));
    assert_null(spd_gate_leave(&gate, &b));
}

static void an_exclusive_one_enters_an_empty_gate(void **state)
{
    struct spd_request x = exclusive(), *granted = NULL;

    (void)state;
    assert_false(spd_gate_enter(&gate, &x, &granted));
    assert_ptr_equal(granted, &x);
    assert_true(x.waiter.inside);
    assert_null(spd_gate_leave(&gate, &x));
}

static void head_of_queue_passes_those_who_wait(void **state)
{
    struct spd_request a = shared(), x = exclusive(), b = shared(), h = shared(), *granted = NULL;

    (void)state;
    h.task.attribute = SCSI_HEAD_OF_QUEUE;
    spd_gate_enter(&gate, &a, &granted);
    assert_false(spd_gate_enter(&gate, &x, &granted));
    assert_false(spd_gate_enter(&gate, &b, &granted));
    assert_null(granted);
    assert_false(spd_gate_enter(&gate, &h, &granted));
    assert_ptr_equal(granted, &h);
    assert_null(granted->next);
    assert_null(spd_gate_leave(&gate, &a));
    assert_ptr_equal(spd_gate_leave(&gate, &h), &x);
    assert_ptr_equal(spd_gate_leave(&gate, &x), &b);
    assert_null(spd_gate_leave(&gate, &b));
}

static void head_of_queue_waits_for_the_exclusive_one_inside(void **state)
{
    struct spd_request x = exclusive(), b = shared(), h = exclusive(), *granted = NULL;

    (void)state;
    h.task.attribute = SCSI_HEAD_OF_QUEUE;
    spd_gate_enter(&gate, &x, &granted);
    granted = NULL;
    assert_false(spd_gate_enter(&gate, &h, &granted));
    assert_false(spd_gate_enter(&gate, &b, &granted));
    assert_null(granted);
    assert_ptr_equal(spd_gate_leave(&gate, &x), &h);
    assert_ptr_equal(spd_gate_leave(&gate, &h), &b);
    assert_null(spd_gate_leave(&gate, &b));
}

static void an_exclusive_one_waits_for_the_last_shared_one(void **state)
{
    struct spd_request a = shared(), b = shared(), x = exclusive(), *granted = NULL;

    (void)state;
    spd_gate_enter(&gate, &a, &granted);
    spd_gate_enter(&gate, &b, &granted);
    assert_false(spd_gate_enter(&gate, &x, &granted));
    assert_null(granted);
    assert_null(spd_gate_leave(&gate, &b));
    assert_ptr_equal(spd_gate_leave(&gate, &a), &x);
    assert_null(spd_gate_leave(&gate, &x));
}

static void those_behind_an_exclusive_one_follow_it_together_in_order(void **state)
{
    struct spd_request x = exclusive(), a = shared(), b = shared(), y = exclusive(), c = shared();
    struct spd_request *granted = NULL;

    (void)state;
    spd_gate_enter(&gate, &x, &granted);
    assert_false(spd_gate_enter(&gate, &a, &granted));
    assert_false(spd_gate_enter(&gate, &b, &granted));
    assert_false(spd_gate_enter(&gate, &y, &granted));
    assert_false(spd_gate_enter(&gate, &c, &granted));
    assert_null(granted);
    granted = spd_gate_leave(&gate, &x);
    assert_ptr_equal(granted, &a);
    assert_ptr_equal(granted->next, &b);
    assert_null(granted->next->next);
    assert_null(spd_gate_leave(&gate, &a));
    assert_ptr_equal(spd_gate_leave(&gate, &b), &y);
    assert_ptr_equal(spd_gate_leave(&gate, &y), &c);
    assert_null(spd_gate_leave(&gate, &c));
}

static void a_cancelled_exclusive_one_frees_those_behind_it(void **state)
{
    struct spd_request a = shared(), x = exclusive(), b = shared(), *granted = NULL;

    (void)state;
    spd_gate_enter(&gate, &a, &granted);
    spd_gate_enter(&gate, &x, &granted);
    spd_gate_enter(&gate, &b, &granted);
    assert_true(spd_gate_cancel(&gate, &x, &granted));
    assert_ptr_equal(granted, &b);
    assert_false(spd_gate_cancel(&gate, &b, &granted));
    spd_gate_leave(&gate, &a);
    spd_gate_leave(&gate, &b);
}

static void the_last_one_parked_can_be_cancelled(void **state)
{
    struct spd_request x = exclusive(), a = shared(), b = shared(), c = shared(), *granted = NULL;

    (void)state;
    spd_gate_enter(&gate, &x, &granted);
    spd_gate_enter(&gate, &a, &granted);
    spd_gate_enter(&gate, &b, &granted);
    assert_true(spd_gate_cancel(&gate, &b, &granted));
    spd_gate_enter(&gate, &c, &granted);
    granted = spd_gate_leave(&gate, &x);
    assert_ptr_equal(granted, &a);
    assert_ptr_equal(granted->next, &c);
    spd_gate_leave(&gate, &a);
    spd_gate_leave(&gate, &c);
}

/* As if it had come this long ago. */
static void grow_old(struct spd_request *request, uint64_t milliseconds)
{
    request->waiter.since -= milliseconds * 1000000;
}

static void an_exclusive_one_that_holds_up_others_for_long_is_refused(void **state)
{
    struct spd_request a = shared(), b = shared(), c = shared(), e = exclusive(), *granted = NULL;

    (void)state;
    assert_true(spd_gate_enter(&gate, &a, &granted));
    assert_false(spd_gate_enter(&gate, &e, &granted));
    grow_old(&e, 9000);
    b = of_other(b);
    assert_false(spd_gate_enter(&gate, &b, &granted));
    assert_null(granted);
    grow_old(&e, 2000);
    assert_false(spd_gate_enter(&gate, &c, &granted));
    assert_ptr_equal(granted, &e);
    assert_int_equal(e.waiter.refused_for, 1);
    assert_false(e.waiter.inside);
    assert_ptr_equal(e.next, &b);
    assert_ptr_equal(b.next, &c);
    assert_null(c.next);
    assert_true(b.waiter.inside && c.waiter.inside);
    assert_false(b.waiter.refused_for || c.waiter.refused_for);
    assert_null(spd_gate_leave(&gate, &b));
    assert_null(spd_gate_leave(&gate, &c));
    assert_null(spd_gate_leave(&gate, &a));
}

/* An exclusive task waits, another task comes this much later, and all leave. Returns whether the
 * exclusive task was refused. */
static bool is_refused_after(uint64_t milliseconds)
{
    struct spd_request a = shared(), b = shared(), e = exclusive(), *granted = NULL;

    assert_true(spd_gate_enter(&gate, &a, &granted));
    assert_false(spd_gate_enter(&gate, &e, &granted));
    grow_old(&e, milliseconds);
    assert_false(spd_gate_enter(&gate, &b, &granted));
    granted = spd_gate_leave(&gate, &a);
    if (!e.waiter.refused_for) {
        assert_ptr_equal(granted, &e);
        assert_ptr_equal(spd_gate_leave(&gate, &e), &b);
    }
    assert_null(spd_gate_leave(&gate, &b));
    return e.waiter.refused_for != 0;
}

static void after_a_refusal_patience_is_short_until_one_gets_in(void **state)
{
    (void)state;
    assert_false(is_refused_after(1000));
    assert_true(is_refused_after(11000));
    assert_true(is_refused_after(1000));
    assert_false(is_refused_after(0));
    assert_false(is_refused_after(1000));
}

/* Operations of a second each are slow, but those that come before the exclusive task end. */
static void a_slow_device_lets_an_exclusive_one_in_some_time_after_a_refusal(void **state)
{
    (void)state;
    assert_true(is_refused_after(11000));
    gate.gate.brief_until -= UINT64_C(29000000000);
    assert_true(is_refused_after(1000));
    gate.gate.brief_until -= UINT64_C(1000000000);
    assert_false(is_refused_after(1000));
}

/* The turns of a nexus are one exclusive task, or all before its next one. */
static void nexuses_have_turns(void **state)
{
    struct spd_request x = exclusive(), y = exclusive(), z = exclusive(), *granted = NULL;
    struct spd_request a = of_other(shared()), b = of_other(shared()), c = of_other(exclusive());

    (void)state;
    spd_gate_enter(&gate, &x, &granted);
    granted = NULL;
    assert_false(spd_gate_enter(&gate, &y, &granted));
    assert_false(spd_gate_enter(&gate, &z, &granted));
    assert_false(spd_gate_enter(&gate, &a, &granted));
    assert_false(spd_gate_enter(&gate, &b, &granted));
    assert_false(spd_gate_enter(&gate, &c, &granted));
    assert_null(granted);
    assert_ptr_equal(spd_gate_leave(&gate, &x), &y);
    granted = spd_gate_leave(&gate, &y);
    assert_ptr_equal(granted, &a);
    assert_ptr_equal(granted->next, &b);
    assert_null(granted->next->next);
    assert_null(spd_gate_leave(&gate, &a));
    assert_ptr_equal(spd_gate_leave(&gate, &b), &z);
    assert_ptr_equal(spd_gate_leave(&gate, &z), &c);
    assert_null(spd_gate_leave(&gate, &c));
}

static void head_of_queue_does_not_pass_other_nexuses_twice_in_a_row(void **state)
{
    struct spd_request x = exclusive(), h = exclusive(), i = exclusive(), j = exclusive();
    struct spd_request a = of_other(shared()), *granted = NULL;

    (void)state;
    h.task.attribute = i.task.attribute = j.task.attribute = SCSI_HEAD_OF_QUEUE;
    spd_gate_enter(&gate, &x, &granted);
    granted = NULL;
    assert_false(spd_gate_enter(&gate, &a, &granted));
    assert_false(spd_gate_enter(&gate, &h, &granted));
    assert_ptr_equal(spd_gate_leave(&gate, &x), &h);
    assert_false(spd_gate_enter(&gate, &i, &granted));
    assert_false(spd_gate_enter(&gate, &j, &granted));
    assert_null(granted);
    assert_ptr_equal(spd_gate_leave(&gate, &h), &a);
    assert_ptr_equal(spd_gate_leave(&gate, &a), &j);
    assert_ptr_equal(spd_gate_leave(&gate, &j), &i);
    assert_null(spd_gate_leave(&gate, &i));
}

/*
 * Threads: a plain variable that exclusive ones change and shared ones read.
 */
enum { THREADS = 4, EACH = 20000 };

struct visitor {
    struct spd_request request; /* first */
    os_cond go;
    bool granted;
};

static os_mutex lock;
static unsigned written;
static atomic_int inside, exclusives;

static void wake(struct spd_request *granted)
{
    while (granted) {
        struct spd_request *next = granted->next;
        struct visitor *visitor = (struct visitor *)granted;

        os_mutex_lock(&lock);
        visitor->granted = true;
        os_cond_signal(&visitor->go);
        os_mutex_unlock(&lock);
        granted = next;
    }
}

static void visit(struct visitor *visitor)
{
    struct spd_request *granted = NULL;

    visitor->granted = false;
    if (!spd_gate_enter(&gate, &visitor->request, &granted)) {
        wake(granted);
        os_mutex_lock(&lock);
        while (!visitor->granted)
            os_cond_wait(&visitor->go, &lock);
        os_mutex_unlock(&lock);
    }
    if (visitor->request.task.exclusive) {
        assert_int_equal(atomic_fetch_add(&inside, 1), 0);
        written++;
        atomic_fetch_sub(&inside, 1);
    } else {
        unsigned before = written;

        atomic_fetch_add(&inside, 1);
        assert_int_equal(before, written);
        atomic_fetch_sub(&inside, 1);
    }
    wake(spd_gate_leave(&gate, &visitor->request));
}

static void visitor_main(void *argument)
{
    struct visitor visitor = { .granted = false };
    unsigned seed = *(unsigned *)argument;

    visitor.request.task.nexus = seed % 2 ? &nexus : &other;
    os_cond_init(&visitor.go);
    for (int i = 0; i < EACH; i++) {
        seed = seed * 1103515245 + 12345;
        visitor.request.task.exclusive = seed >> 16 & 7 ? false : true;
        visitor.request.task.attribute = seed >> 20 & 7 ? SCSI_SIMPLE : SCSI_HEAD_OF_QUEUE;
        if (visitor.request.task.exclusive)
            atomic_fetch_add(&exclusives, 1);
        visit(&visitor);
    }
    os_cond_destroy(&visitor.go);
}

static void an_exclusive_one_is_alone_among_threads(void **state)
{
    unsigned seeds[THREADS] = { 1, 2, 3, 4 };
    os_thread threads[THREADS];

    (void)state;
    os_mutex_init(&lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(os_thread_create(&threads[i], "visitor", visitor_main, &seeds[i]), 0);
    for (int i = 0; i < THREADS; i++)
        os_thread_join(threads[i]);
    assert_int_equal(written, atomic_load(&exclusives));
    os_mutex_destroy(&lock);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(shared_ones_pass_side_by_side),
        TEST(an_exclusive_one_enters_an_empty_gate),
        TEST(head_of_queue_passes_those_who_wait),
        TEST(head_of_queue_waits_for_the_exclusive_one_inside),
        TEST(an_exclusive_one_waits_for_the_last_shared_one),
        TEST(those_behind_an_exclusive_one_follow_it_together_in_order),
        TEST(a_cancelled_exclusive_one_frees_those_behind_it),
        TEST(the_last_one_parked_can_be_cancelled),
        TEST(an_exclusive_one_that_holds_up_others_for_long_is_refused),
        TEST(after_a_refusal_patience_is_short_until_one_gets_in),
        TEST(a_slow_device_lets_an_exclusive_one_in_some_time_after_a_refusal),
        TEST(nexuses_have_turns),
        TEST(head_of_queue_does_not_pass_other_nexuses_twice_in_a_row),
        TEST(an_exclusive_one_is_alone_among_threads),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
