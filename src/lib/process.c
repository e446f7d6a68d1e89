/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Changes of the process as a whole: its signals and descriptors. */

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/unit.h"
#include "os/net.h"

/* Two locks: a watch is begun and ended within the first, for which the thread of the signal must
 * not wait; within the second that thread ends the units. */
static os_mutex lock = OS_MUTEX_INIT;
static os_mutex units_lock = OS_MUTEX_INIT;
static struct spd_unit *watched OS_GUARDED_BY(units_lock); /* by their next_watched */
static bool signalled OS_GUARDED_BY(units_lock);
static bool watching OS_GUARDED_BY(lock);
static uint32_t watched_forks OS_GUARDED_BY(lock); /* spd_forks of the process that watches */

/* A child of fork() takes back what it has of its parent's watch, too. */
static void forget_all(void) OS_REQUIRES(lock) OS_EXCLUDES(units_lock)
{
    os_mutex_lock(&units_lock);
    watched = NULL;
    os_mutex_unlock(&units_lock);
    os_signal_unwatch(); /* afterwards its thread has ended */
    watching = false;
    os_mutex_lock(&units_lock);
    signalled = false;
    os_mutex_unlock(&units_lock);
}

/* True: it was the last. */
static bool take_out(struct spd_unit *unit) OS_EXCLUDES(units_lock)
{
    struct spd_unit **at;
    bool last;

    os_mutex_lock(&units_lock);
    at = &watched;
    while (*at && *at != unit)
        at = &(*at)->next_watched;
    last = *at && !unit->next_watched && at == &watched;
    if (*at)
        *at = unit->next_watched;
    os_mutex_unlock(&units_lock);
    return last;
}

void spd_unit_forget_signal(struct spd_unit *unit)
{
    os_mutex_lock(&lock);
    if (watching && (!unit || take_out(unit)))
        forget_all();
    os_mutex_unlock(&lock);
}

int spd_reserve_descriptors(void)
{
    int error = os_reserve_descriptors();

    if (!error)
        return 0;
    errno = error;
    return spd_fail(SPD_ERROR_SYSTEM, "opening the null device: %s", strerror(error));
}

int spd_inherit_sockets(void)
{
    unsigned count;
    int failed = 0;
    int error = os_inherit_sockets(&count, &failed);

    if (!error)
        return (int)count;
    errno = error;
    if (error == E2BIG)
        return spd_fail(SPD_ERROR_SYSTEM, "the service manager passes more than 64 sockets");
    if (error == EINVAL || error == EBADF)
        return spd_fail(SPD_ERROR_SYSTEM,
            "descriptor %d of the service manager is no listening stream socket: its socket unit "
            "needs ListenStream= and Accept=no", failed);
    return spd_fail(SPD_ERROR_SYSTEM, "descriptor %d of the service manager: %s", failed,
        strerror(error));
}

void spd_tell_left_sockets(void)
{
    char address[128];
    unsigned at = 0;

    while (os_inherited_left(&at, address, sizeof address))
        spd_log(SPD_LOG_WARNING, "no door has the address of the service manager's socket %s: "
            "clients that connect there wait until one has it", address);
}

static void shut_down_all(void *on_signal) OS_EXCLUDES(units_lock)
{
    void (*const *call)(void *) = on_signal;

    os_mutex_lock(&units_lock);
    signalled = true;
    for (struct spd_unit *unit = watched; unit; unit = unit->next_watched)
        (*call)(unit);
    os_mutex_unlock(&units_lock);
}

/* Where the signal has come already it is for this unit as well. */
static void add(struct spd_unit *unit, void (*on_signal)(void *unit)) OS_EXCLUDES(units_lock)
{
    os_mutex_lock(&units_lock);
    unit->next_watched = watched;
    watched = unit;
    if (signalled)
        on_signal(unit);
    os_mutex_unlock(&units_lock);
}

static int begin_watch(void (*on_signal)(void *unit)) OS_REQUIRES(lock)
{
    static void (*call)(void *unit);
    int number;

    call = on_signal;
    number = os_signal_watch(shut_down_all, &call);
    if (number) {
        errno = number;
        return spd_fail(SPD_ERROR_SYSTEM, "watching signals: %s", strerror(number));
    }
    watching = true;
    watched_forks = atomic_load(&spd_forks);
    return 0;
}

int spd_unit_watch_signal(struct spd_unit *unit, void (*on_signal)(void *unit))
{
    int error = 0;

    os_mutex_lock(&lock);
    if (watching && watched_forks != atomic_load(&spd_forks))
        forget_all();
    if (!watching)
        error = begin_watch(on_signal);
    if (!error) {
        take_out(unit);
        add(unit, on_signal);
    }
    os_mutex_unlock(&lock);
    return spd_unit_keep_error(unit, error);
}
