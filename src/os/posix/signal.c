/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

static const int watched[] = { SIGINT, SIGTERM };
enum { WATCHED = sizeof watched / sizeof watched[0] };

static struct {
    os_thread thread;
    struct sigaction before[WATCHED];
    void (*callback)(void *context);
    void *context;
    bool active;
} watch;

/* Of the static storage only these are touched by the handler. The event is opened once and never
 * closed, since a handler may still run on another thread while a watch ends. */
static _Atomic int watch_event = -1;
static atomic_bool caught;
static atomic_bool ending;

static void handler(int number)
{
    (void)number;
    atomic_store(&caught, true);
    os_event_signal(atomic_load(&watch_event));
}

static void watch_main(void *argument)
{
    (void)argument;
    os_event_wait(atomic_load(&watch_event));
    if (atomic_load(&caught) && !atomic_load(&ending))
        watch.callback(watch.context);
}

/* SA_RESETHAND: whoever asks twice gets the default action, so a device that hangs can be left. */
static void install(void)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_RESETHAND };

    sigemptyset(&action.sa_mask);
    for (int i = 0; i < WATCHED; i++)
        sigaction(watched[i], &action, &watch.before[i]);
}

int os_signal_watch(void (*callback)(void *context), void *context)
{
    int event = atomic_load(&watch_event);
    int error;

    if (watch.active)
        return EBUSY;
    if (event < 0) {
        error = os_event_open(&event);
        if (error)
            return error;
        atomic_store(&watch_event, event);
    }
    os_event_clear(event);
    watch.callback = callback;
    watch.context = context;
    atomic_store(&caught, false);
    atomic_store(&ending, false);
    error = os_thread_create(&watch.thread, "spd-signal", watch_main, NULL);
    if (error)
        return error;
    install();
    watch.active = true;
    return 0;
}

void os_signal_unwatch(void)
{
    if (!watch.active)
        return;
    for (int i = 0; i < WATCHED; i++)
        sigaction(watched[i], &watch.before[i], NULL);
    atomic_store(&ending, true);
    os_event_signal(atomic_load(&watch_event));
    os_thread_join(watch.thread);
    watch.active = false;
}
