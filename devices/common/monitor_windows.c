/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "monitor.h"

#include <windows.h>

#include <process.h>
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

/* Windows waits whole milliseconds, and not for ever by accident. */
void monitor_wait_until(struct monitor *monitor, uint64_t time)
{
    enum { MILLISECOND = 1000000, MOST = 86400000 };
    uint64_t now = monitor_now();
    uint64_t wait = time > now ? (time - now + MILLISECOND - 1) / MILLISECOND : 0;

    SleepConditionVariableSRW(
        &monitor->changed, &monitor->lock, (DWORD)(wait < MOST ? wait : MOST), 0);
}

void monitor_wake_one(struct monitor *monitor)
{
    WakeConditionVariable(&monitor->changed);
}

void monitor_wake_all(struct monitor *monitor)
{
    WakeAllConditionVariable(&monitor->changed);
}

uint64_t monitor_now(void)
{
    enum { NANOSECONDS = 1000000000 }; /* in a second */
    LARGE_INTEGER ticks, rate;
    uint64_t count, each;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    count = (uint64_t)ticks.QuadPart;
    each = (uint64_t)rate.QuadPart;
    return count / each * NANOSECONDS + count % each * NANOSECONDS / each;
}

struct monitor_thread {
    HANDLE thread;
    void (*main)(void *argument);
    void *argument;
};

static unsigned __stdcall run(void *argument)
{
    const struct monitor_thread *thread = argument;

    thread->main(thread->argument);
    return 0;
}

struct monitor_thread *monitor_thread_new(void (*main)(void *argument), void *argument)
{
    struct monitor_thread *thread = malloc(sizeof *thread);
    uintptr_t handle;

    if (!thread)
        return NULL;
    *thread = (struct monitor_thread){ .main = main, .argument = argument };
    handle = _beginthreadex(NULL, 0, run, thread, 0, NULL);
    thread->thread = (HANDLE)handle;
    if (handle)
        return thread;
    free(thread);
    return NULL;
}

void monitor_thread_join(struct monitor_thread *thread)
{
    if (!thread)
        return;
    WaitForSingleObject(thread->thread, INFINITE);
    CloseHandle(thread->thread);
    free(thread);
}
