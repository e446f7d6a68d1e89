/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "measure.h"
#include "monitor.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static sem_t wanted; /* sem_post() is for handlers of signals */
static atomic_bool ended;
static struct monitor_thread *thread;
static void (*look_at)(void *context);

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    sem_post(&wanted);
    errno = saved;
}

void measure_begin(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    sem_init(&wanted, 0, 0);
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
}

static void serve(void *context)
{
    for (;;) {
        while (sem_wait(&wanted) != 0)
            continue; /* EINTR */
        while (sem_trywait(&wanted) == 0)
            continue;
        if (atomic_load(&ended))
            return;
        look_at(context);
    }
}

void measure_start(void (*look)(void *context), void *context)
{
    look_at = look;
    thread = monitor_thread_new(serve, context);
}

bool measure_ask(void)
{
    if (!thread)
        return false;
    sem_post(&wanted);
    return true;
}

void measure_stop(void)
{
    atomic_store(&ended, true);
    sem_post(&wanted);
    monitor_thread_join(thread);
    thread = NULL;
}
