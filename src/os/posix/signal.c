/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

enum watch_action {
    END_THEN_RESET, /* a second one acts as before, so a device that hangs can be left */
    END_UNLESS_IGNORED, /* a terminal that goes sends several, by its kernel and by its shell */
    IGNORE,
};

static const struct {
    int number;
    enum watch_action action;
} watched[] = {
    { SIGINT, END_THEN_RESET },
    { SIGTERM, END_THEN_RESET },
    { SIGHUP, END_UNLESS_IGNORED },
    { SIGPIPE, IGNORE },
};
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

static void install(void)
{
    for (int i = 0; i < WATCHED; i++) {
        enum watch_action kind = watched[i].action;
        struct sigaction action = {
            .sa_handler = kind == IGNORE ? SIG_IGN : handler,
            .sa_flags = SA_RESTART | (kind == END_THEN_RESET ? (int)SA_RESETHAND : 0),
        };

        sigemptyset(&action.sa_mask);
        sigaction(watched[i].number, NULL, &watch.before[i]);
        if (kind == END_UNLESS_IGNORED && watch.before[i].sa_handler == SIG_IGN)
            continue;
        sigaction(watched[i].number, &action, NULL);
    }
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
        sigaction(watched[i].number, &watch.before[i], NULL);
    atomic_store(&ending, true);
    os_event_signal(atomic_load(&watch_event));
    os_thread_join(watch.thread);
    watch.active = false;
}
