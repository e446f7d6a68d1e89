/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum watch_action {
    END_THEN_RESET, /* a later one acts as before, so a device that hangs can be left */
    END_UNLESS_IGNORED, /* a terminal that closes sends several, by its kernel and by its shell */
    IGNORE,
};

/* Programs such as timeout(1) send one signal to their child and to its process group. */
static const uint64_t ONE_WISH_NS = UINT64_C(1000000000);

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

/* A handler touches only these variables, and watch.before, which is set first. The event is opened
 * once and never closed: a handler may still run on another thread while a watch ends, and after
 * it. */
static _Atomic int watch_event = -1;
static atomic_bool ending;
static _Atomic pid_t watcher; /* the process that owns the watch; a child has its handlers, too */
static _Atomic uint64_t caught_at; /* 0: there was no signal yet */

static bool is_ours(void)
{
    return atomic_load(&watcher) == getpid();
}

static void act_as_before(int number)
{
    for (int i = 0; i < WATCHED; i++) {
        if (watched[i].number == number)
            sigaction(number, &watch.before[i], NULL);
    }
    raise(number);
}

/* A signal for a child must not end the watch of its parent, whose event it has. */
static void handler(int number)
{
    uint64_t none = 0;

    if (!is_ours()) {
        act_as_before(number);
        return;
    }
    atomic_compare_exchange_strong(&caught_at, &none, os_now_ns());
    os_event_signal(atomic_load(&watch_event));
}

static void handler_then_reset(int number)
{
    uint64_t first = atomic_load(&caught_at);

    handler(number);
    if (is_ours() && first != 0 && os_now_ns() - first >= ONE_WISH_NS)
        act_as_before(number);
}

static void watch_main(void *argument)
{
    (void)argument;
    os_event_wait(atomic_load(&watch_event));
    if (atomic_load(&caught_at) && !atomic_load(&ending))
        watch.callback(watch.context);
}

/* The action before the watch. It is not the handler that the former watch has left. */
static void save(int i)
{
    struct sigaction now;

    sigaction(watched[i].number, NULL, &now);
    if (now.sa_handler != handler && now.sa_handler != handler_then_reset)
        watch.before[i] = now;
}

static void install(void)
{
    for (int i = 0; i < WATCHED; i++) {
        enum watch_action kind = watched[i].action;
        struct sigaction action = {
            .sa_handler = kind == IGNORE ? SIG_IGN
                : kind == END_THEN_RESET ? handler_then_reset
                                         : handler,
            .sa_flags = SA_RESTART,
        };

        sigemptyset(&action.sa_mask);
        save(i);
        if (kind == END_UNLESS_IGNORED && watch.before[i].sa_handler == SIG_IGN)
            continue;
        sigaction(watched[i].number, &action, NULL);
    }
}

/* A child needs its own event: the parent's event ends the parent's thread. */
static int open_event(void)
{
    int event = atomic_load(&watch_event);
    int error = 0;

    if (event >= 0 && is_ours())
        return 0;
    error = os_event_open(&event);
    if (error)
        return error;
    event = atomic_exchange(&watch_event, event);
    if (event >= 0)
        os_event_close(event);
    atomic_store(&watcher, getpid());
    return 0;
}

int os_signal_watch(void (*callback)(void *context), void *context)
{
    int error;

    if (watch.active && is_ours())
        return EBUSY;
    os_signal_unwatch();
    error = open_event();
    if (error)
        return error;
    os_event_clear(atomic_load(&watch_event));
    watch.callback = callback;
    watch.context = context;
    atomic_store(&caught_at, 0);
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
    /* After a signal the program is about to end. Further signals of its kind may still come, and
     * must not kill it meanwhile. */
    for (int i = 0; i < WATCHED; i++)
        if (watched[i].action == IGNORE || !atomic_load(&caught_at) || !is_ours())
            sigaction(watched[i].number, &watch.before[i], NULL);
    watch.active = false;
    if (!is_ours())
        return;
    atomic_store(&ending, true);
    os_event_signal(atomic_load(&watch_event));
    os_thread_join(watch.thread);
}
