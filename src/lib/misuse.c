/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/misuse.h"

#include <stdarg.h>
#include <stdlib.h>

#include "lib/unit.h"

_Atomic uint32_t spd_forks;

static os_mutex lock = OS_MUTEX_INIT;
static struct spd_unit *units OS_GUARDED_BY(lock);

void spd_misuse(const char *function, const char *format, ...)
{
    char what[SPD_LOG_LINE_MAX], line[SPD_LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "%.64s(): %.800s; the process ends here", function, what);
    spd_log_last(line);
    abort();
}

static void before_fork(void) OS_ACQUIRE(lock)
{
    os_mutex_lock(&lock);
}

static void after_fork(bool child) OS_RELEASE(lock)
{
    if (child) {
        atomic_fetch_add(&spd_forks, 1);
        spd_in_device = NULL; /* the operation, where this is in one, is the parent's */
    }
    os_mutex_unlock(&lock);
}

void spd_units_add(struct spd_unit *unit)
{
    static bool registered;

    os_mutex_lock(&lock);
    if (!registered)
        os_at_fork(before_fork, after_fork);
    registered = true;
    unit->forks = atomic_load(&spd_forks);
    unit->next_unit = units;
    units = unit;
    os_mutex_unlock(&lock);
}

void spd_units_remove(struct spd_unit *unit)
{
    struct spd_unit **link = &units;

    os_mutex_lock(&lock);
    while (*link != unit)
        link = &(*link)->next_unit;
    *link = unit->next_unit;
    os_mutex_unlock(&lock);
}

static bool exists(const struct spd_unit *unit) OS_REQUIRES(lock)
{
    const struct spd_unit *at = units;

    while (at && at != unit)
        at = at->next_unit;
    return at;
}

void spd_unit_check(const struct spd_unit *unit, const char *function)
{
    bool there, ours;

    if (!unit)
        spd_misuse(function, "unit is NULL");
    os_mutex_lock(&lock);
    there = exists(unit);
    ours = there && unit->forks == atomic_load(&spd_forks);
    os_mutex_unlock(&lock);
    if (!there)
        spd_misuse(function, "there is no such unit: it was deleted, or never created");
    if (!ours)
        spd_misuse(function, "the unit was created before fork(), and is the parent's alone");
}

void spd_unit_check_outside(const struct spd_unit *unit, const char *function)
{
    spd_unit_check(unit, function);
    if (spd_in_device == unit)
        spd_misuse(function, "called within an operation of the unit, for which it would wait "
            "forever: call it on another thread, and spd_unit_shutdown() here");
}

void spd_unit_check_deletion(struct spd_unit *unit, const char *function)
{
    bool again, waited_for;

    spd_unit_check_outside(unit, function);
    if (spd_log_is_own_thread())
        spd_misuse(function, "called within the function of spd_log_set()");
    os_mutex_lock(&lock);
    again = unit->deleting;
    unit->deleting = true;
    os_mutex_unlock(&lock);
    if (again)
        spd_misuse(function, "another thread is deleting the unit");
    os_mutex_lock(&unit->lock);
    waited_for = unit->waiting;
    os_mutex_unlock(&unit->lock);
    if (waited_for)
        spd_misuse(function, "another thread waits in spd_unit_wait() for the unit that would be "
            "freed: end that thread before");
}
