/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "monitor.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { NANOSECONDS = 1000000000 }; /* in a second */

struct monitor {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

struct monitor *monitor_new(void)
{
    struct monitor *monitor = malloc(sizeof *monitor);
    pthread_condattr_t attributes;

    if (!monitor)
        return NULL;
    pthread_mutex_init(&monitor->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return monitor;
}

void monitor_delete(struct monitor *monitor)
{
    if (!monitor)
        return;
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
    free(monitor);
}

void monitor_lock(struct monitor *monitor)
{
    pthread_mutex_lock(&monitor->mutex);
}

void monitor_unlock(struct monitor *monitor)
{
    pthread_mutex_unlock(&monitor->mutex);
}

void monitor_wait(struct monitor *monitor)
{
    pthread_cond_wait(&monitor->changed, &monitor->mutex);
}

void monitor_wait_until(struct monitor *monitor, uint64_t time)
{
    const struct timespec until = {
        .tv_sec = (time_t)(time / NANOSECONDS), .tv_nsec = (long)(time % NANOSECONDS)
    };

    pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &until);
}

void monitor_wake_one(struct monitor *monitor)
{
    pthread_cond_signal(&monitor->changed);
}

void monitor_wake_all(struct monitor *monitor)
{
    pthread_cond_broadcast(&monitor->changed);
}

uint64_t monitor_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

struct monitor_thread {
    pthread_t thread;
    void (*main)(void *argument);
    void *argument;
};

static void *run(void *argument)
{
    const struct monitor_thread *thread = argument;

    thread->main(thread->argument);
    return NULL;
}

struct monitor_thread *monitor_thread_new(void (*main)(void *argument), void *argument)
{
    struct monitor_thread *thread = malloc(sizeof *thread);
    sigset_t all, saved;
    int error;

    if (!thread)
        return NULL;
    *thread = (struct monitor_thread){ .main = main, .argument = argument };
    /* Signals are for the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    error = pthread_create(&thread->thread, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    if (!error)
        return thread;
    free(thread);
    return NULL;
}

void monitor_thread_join(struct monitor_thread *thread)
{
    if (!thread)
        return;
    pthread_join(thread->thread, NULL);
    free(thread);
}
