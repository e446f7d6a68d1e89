/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Changes of the process as a whole: its signals and descriptors. */

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/unit.h"
#include "os/net.h"

static os_mutex lock = OS_MUTEX_INIT;
static struct spd_unit *watched;
static uint32_t watched_forks; /* spd_forks of the process that watches */

/* The lock is held. A child of fork() takes back what it has of its parent's watch, too. */
static void forget(void)
{
    os_signal_unwatch();
    watched = NULL;
}

void spd_unit_forget_signal(struct spd_unit *unit)
{
    os_mutex_lock(&lock);
    if (watched && (!unit || watched == unit))
        forget();
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

int spd_unit_watch_signal(struct spd_unit *unit, void (*on_signal)(void *unit))
{
    int error = 0;

    os_mutex_lock(&lock);
    if (watched && watched_forks != atomic_load(&spd_forks))
        forget();
    if (watched && watched != unit) {
        error = spd_fail(SPD_ERROR_STATE, "another unit is shut down on signals already");
    } else if (!watched) {
        int number = os_signal_watch(on_signal, unit);

        if (number) {
            errno = number;
            error = spd_fail(SPD_ERROR_SYSTEM, "watching signals: %s", strerror(number));
        } else {
            watched = unit;
            watched_forks = atomic_load(&spd_forks);
        }
    }
    os_mutex_unlock(&lock);
    return spd_unit_keep_error(unit, error);
}
