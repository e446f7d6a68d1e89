/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Writers that share a flush. The flush here is a play: it begins, waits for its cue, and ends as
 * the test says; every wait of the test is for a state, so that the order of things is sure. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rawdisk/flush_group.h"

enum { JOINERS = 4 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned begun, cues; /* flushes so far, and how many may end */
    int outcome;          /* of the next one to end */
    unsigned side_by_side, most;
} play = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct flush_group group;

static struct joiner {
    pthread_t thread;
    int result;
} joiners[JOINERS];

static int played_flush(void *context)
{
    unsigned mine;
    int outcome;

    (void)context;
    pthread_mutex_lock(&play.lock);
    mine = ++play.begun;
    if (++play.side_by_side > play.most)
        play.most = play.side_by_side;
    pthread_cond_broadcast(&play.changed);
    while (play.cues < mine)
        pthread_cond_wait(&play.changed, &play.lock);
    play.side_by_side--;
    outcome = play.outcome;
    pthread_mutex_unlock(&play.lock);
    return outcome;
}

static void *join(void *argument)
{
    struct joiner *joiner = argument;

    joiner->result = flush_group_join(&group);
    return NULL;
}

static void start(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        assert_int_equal(pthread_create(&joiners[i].thread, NULL, join, &joiners[i]), 0);
}

static int result_of(unsigned index)
{
    pthread_join(joiners[index].thread, NULL);
    return joiners[index].result;
}

static void until_begun(unsigned flushes)
{
    pthread_mutex_lock(&play.lock);
    while (play.begun < flushes)
        pthread_cond_wait(&play.changed, &play.lock);
    pthread_mutex_unlock(&play.lock);
}

static void until_waiting(unsigned threads)
{
    unsigned waiting = 0;

    while (waiting != threads) {
        sched_yield();
        monitor_lock(group.monitor);
        waiting = group.waiting;
        monitor_unlock(group.monitor);
    }
}

/* The flush that runs ends like this. */
static void cue(int outcome)
{
    pthread_mutex_lock(&play.lock);
    play.outcome = outcome;
    play.cues++;
    pthread_cond_broadcast(&play.changed);
    pthread_mutex_unlock(&play.lock);
}

/* The first runs a flush, and so many others wait for the next. */
static void start_behind_one(unsigned others)
{
    start(0, 1);
    until_begun(1);
    start(1, others);
    until_waiting(others);
}

/* The flush that runs succeeds, and the one after it, which has begun, ends like this. */
static void cue_next(int outcome)
{
    cue(0);
    until_begun(2);
    cue(outcome);
}

static void assert_results(unsigned first, unsigned end, int result)
{
    for (unsigned i = first; i < end; i++)
        assert_int_equal(result_of(i), result);
}

static int setup(void **state)
{
    (void)state;
    play.begun = play.cues = play.most = 0;
    return flush_group_open(&group, played_flush, NULL);
}

static int teardown(void **state)
{
    (void)state;
    flush_group_close(&group);
    return 0;
}

static void one_alone_gets_its_own_verdict(void **state)
{
    (void)state;
    cue(0);
    assert_int_equal(flush_group_join(&group), 0);
    cue(EIO);
    assert_int_equal(flush_group_join(&group), EIO);
    assert_int_equal(play.begun, 2);
}

static void flush_that_had_begun_does_not_count(void **state)
{
    (void)state;
    start_behind_one(1);
    cue(0);
    assert_results(0, 1, 0);
    until_begun(2);
    cue(0);
    assert_results(1, 2, 0);
    assert_int_equal(play.most, 1);
}

static void all_that_waited_share_one_flush(void **state)
{
    (void)state;
    start_behind_one(3);
    cue_next(0);
    assert_results(0, JOINERS, 0);
    assert_int_equal(play.begun, 2);
    assert_int_equal(play.most, 1);
}

static void failure_is_that_of_all_who_waited(void **state)
{
    (void)state;
    start_behind_one(3);
    cue_next(ENOSPC);
    assert_results(0, 1, 0);
    assert_results(1, JOINERS, ENOSPC);
    assert_int_equal(play.begun, 2);
}

/* They would get a flush of their own, which succeeds though it covers what was lost. */
static void who_comes_during_a_failure_fails_too(void **state)
{
    (void)state;
    start_behind_one(3);
    cue(EIO);
    assert_results(0, JOINERS, EIO);
    assert_int_equal(play.begun, 1);
}

static void failure_is_final_and_asks_nobody_again(void **state)
{
    (void)state;
    assert_int_equal(flush_group_lost(&group), 0);
    cue(EIO);
    assert_int_equal(flush_group_join(&group), EIO);
    cue(0);
    assert_int_equal(flush_group_join(&group), EIO);
    assert_int_equal(flush_group_lost(&group), EIO);
    assert_int_equal(play.begun, 1);
}

static void success_stays_although_the_next_one_fails(void **state)
{
    (void)state;
    start_behind_one(2);
    cue(0);
    until_begun(2);
    start(3, 1);
    until_waiting(2);
    cue(0);
    until_begun(3);
    cue(EIO);
    assert_results(0, 3, 0);
    assert_results(3, JOINERS, EIO);
}

/*
 * Many threads at once, against a model of the system: a flush makes durable what was written
 * before it began, and from some flush on it fails.
 */
enum { CROWD = 8, ROUNDS = 400, GOOD_FLUSHES = 500 };

static struct {
    atomic_uint written, durable;
    atomic_bool failed, inside;
    unsigned flushes;
} model;

static int modelled_flush(void *context)
{
    unsigned covered;

    (void)context;
    assert_false(atomic_exchange(&model.inside, true));
    covered = atomic_load(&model.written);
    sched_yield();
    if (++model.flushes > GOOD_FLUSHES)
        atomic_store(&model.failed, true);
    else
        atomic_store(&model.durable, covered);
    atomic_store(&model.inside, false);
    return atomic_load(&model.failed) ? EIO : 0;
}

/* Returns how often the answer was wrong. */
static void *crowd(void *argument)
{
    unsigned *wrong = argument;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned mine = atomic_fetch_add(&model.written, 1) + 1;
        int error = flush_group_join(&group);

        if (error ? !atomic_load(&model.failed) : atomic_load(&model.durable) < mine)
            ++*wrong;
    }
    return NULL;
}

static void crowd_is_never_told_a_lie(void **state)
{
    pthread_t threads[CROWD];
    unsigned wrong[CROWD] = {0};

    (void)state;
    flush_group_close(&group);
    assert_int_equal(flush_group_open(&group, modelled_flush, NULL), 0);
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd, &wrong[i]), 0);
    for (unsigned i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
    /* With fewer flushes than it takes to fail, every write was durable. */
    assert_true(atomic_load(&model.failed) || atomic_load(&model.durable) == CROWD * ROUNDS);
}

#define FLUSH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLUSH_TEST(one_alone_gets_its_own_verdict),
        FLUSH_TEST(flush_that_had_begun_does_not_count),
        FLUSH_TEST(all_that_waited_share_one_flush),
        FLUSH_TEST(failure_is_that_of_all_who_waited),
        FLUSH_TEST(who_comes_during_a_failure_fails_too),
        FLUSH_TEST(failure_is_final_and_asks_nobody_again),
        FLUSH_TEST(success_stays_although_the_next_one_fails),
        FLUSH_TEST(crowd_is_never_told_a_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
