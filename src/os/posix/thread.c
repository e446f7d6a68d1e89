/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

void os_mutex_init(os_mutex *mutex)
{
    pthread_mutex_init(mutex, NULL);
}

void os_mutex_destroy(os_mutex *mutex)
{
    pthread_mutex_destroy(mutex);
}

void os_mutex_lock(os_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

void os_mutex_unlock(os_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
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
    pthread_cond_wait(cond, mutex);
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
    void (*function)(void *argument);
    void *argument;
};

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
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
    *start = (struct start){ function, argument };

    /* A new thread inherits the mask, so there is no moment in which it takes a signal. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (error) {
        free(start);
        return error;
    }
    pthread_setname_np(*thread, name);
    return 0;
}

void os_thread_join(os_thread thread)
{
    pthread_join(thread, NULL);
}

void os_yield(void)
{
    sched_yield();
}
