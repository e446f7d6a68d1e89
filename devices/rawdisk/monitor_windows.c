/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "monitor.h"

#include <windows.h>

#include <stdlib.h>

struct monitor {
    SRWLOCK lock;
    CONDITION_VARIABLE changed;
};

struct monitor *monitor_new(void)
{
    return calloc(1, sizeof(struct monitor)); /* SRWLOCK_INIT and CONDITION_VARIABLE_INIT */
}

void monitor_delete(struct monitor *monitor)
{
    free(monitor);
}

void monitor_lock(struct monitor *monitor)
{
    AcquireSRWLockExclusive(&monitor->lock);
}

void monitor_unlock(struct monitor *monitor)
{
    ReleaseSRWLockExclusive(&monitor->lock);
}

void monitor_wait(struct monitor *monitor)
{
    SleepConditionVariableSRW(&monitor->changed, &monitor->lock, INFINITE, 0);
}

void monitor_wake_all(struct monitor *monitor)
{
    WakeAllConditionVariable(&monitor->changed);
}
