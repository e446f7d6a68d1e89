/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

void os_mutex_init(os_mutex *mutex)
{
    pthread_mutex_init(&mutex->mutex, NULL);
}

void os_mutex_destroy(os_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
}

void os_mutex_lock(os_mutex *mutex) OS_UNCHECKED
{
    pthread_mutex_lock(&mutex->mutex);
}

void os_mutex_unlock(os_mutex *mutex) OS_UNCHECKED
{
    pthread_mutex_unlock(&mutex->mutex);
}

void os_cond_init(os_cond *cond)
{
    pthread_cond_init(cond, NULL);
}

void os_cond_destroy(os_cond *cond)
{
    pthread_cond_destroy(cond);
}

void os_cond_wait(os_cond *cond, os_mutex *mutex)
{
    pthread_cond_wait(cond, &mutex->mutex);
}

void os_cond_wait_ms(os_cond *cond, os_mutex *mutex, uint32_t milliseconds)
{
    uint64_t end = os_now_ns() + milliseconds * UINT64_C(1000000);
    struct timespec until = { (time_t)(end / 1000000000u), (long)(end % 1000000000u) };

    pthread_cond_clockwait(cond, &mutex->mutex, CLOCK_MONOTONIC, &until);
}

void os_cond_signal(os_cond *cond)
{
    pthread_cond_signal(cond);
}

void os_cond_broadcast(os_cond *cond)
{
    pthread_cond_broadcast(cond);
}

struct start {
    const char *name;
    void (*function)(void *argument);
    void *argument;
};

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    /* The thread names itself: another thread would need a file in /proc, which a sandbox does not
     * let it open. */
    pthread_setname_np(pthread_self(), start.name);
    start.function(start.argument);
    return NULL;
}

int os_thread_create(
    os_thread *thread, const char *name, void (*function)(void *argument), void *argument)
{
    struct start *start = malloc(sizeof *start);
    sigset_t all, before;
    int error;

    if (!start)
        return ENOMEM;
    *start = (struct start){ name, function, argument };

    /* A new thread inherits the mask, so there is no moment in which it takes a signal. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (error)
        free(start);
    return error;
}

void os_thread_join(os_thread thread)
{
    pthread_join(thread, NULL);
}

void os_yield(void)
{
    sched_yield();
}

static struct {
    void (*before)(void);
    void (*after)(bool child);
} fork_pairs[OS_FORK_PAIRS];
static _Atomic unsigned fork_pair_count;
static _Thread_local unsigned forking_pairs; /* others may be added meanwhile */

static void fork_begins(void)
{
    forking_pairs = atomic_load(&fork_pair_count);
    for (unsigned i = forking_pairs; i--;)
        fork_pairs[i].before();
}

static void fork_ends(bool child)
{
    for (unsigned i = 0; i < forking_pairs; i++)
        fork_pairs[i].after(child);
}

static void fork_in_parent(void)
{
    fork_ends(false);
}

static void fork_in_child(void)
{
    fork_ends(true);
}

void os_at_fork(void (*before)(void), void (*after)(bool child))
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    unsigned count;

    pthread_mutex_lock(&lock);
    count = atomic_load(&fork_pair_count);
    if (count == 0)
        pthread_atfork(fork_begins, fork_in_parent, fork_in_child);
    fork_pairs[count].before = before;
    fork_pairs[count].after = after;
    atomic_store(&fork_pair_count, count + 1);
    pthread_mutex_unlock(&lock);
}

void os_at_exit(void (*function)(void))
{
    atexit(function);
}
