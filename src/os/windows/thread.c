/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <windows.h>

_Static_assert(sizeof(os_mutex) == sizeof(SRWLOCK), "types.h says what a slim lock is");
_Static_assert(sizeof(os_cond) == sizeof(CONDITION_VARIABLE), "and a condition variable");

static SRWLOCK *slim(os_mutex *mutex)
{
    return (SRWLOCK *)&mutex->slim;
}

static CONDITION_VARIABLE *condition(os_cond *cond)
{
    return (CONDITION_VARIABLE *)&cond->condition;
}

void os_mutex_init(os_mutex *mutex)
{
    InitializeSRWLock(slim(mutex));
}

void os_mutex_destroy(os_mutex *mutex)
{
    (void)mutex;
}

void os_mutex_lock(os_mutex *mutex) OS_UNCHECKED
{
    AcquireSRWLockExclusive(slim(mutex));
}

void os_mutex_unlock(os_mutex *mutex) OS_UNCHECKED
{
    ReleaseSRWLockExclusive(slim(mutex));
}

void os_cond_init(os_cond *cond)
{
    InitializeConditionVariable(condition(cond));
}

void os_cond_destroy(os_cond *cond)
{
    (void)cond;
}

void os_cond_wait(os_cond *cond, os_mutex *mutex)
{
    SleepConditionVariableSRW(condition(cond), slim(mutex), INFINITE, 0);
}

void os_cond_wait_ms(os_cond *cond, os_mutex *mutex, uint32_t milliseconds)
{
    SleepConditionVariableSRW(condition(cond), slim(mutex), milliseconds, 0);
}

void os_cond_signal(os_cond *cond)
{
    WakeConditionVariable(condition(cond));
}

void os_cond_broadcast(os_cond *cond)
{
    WakeAllConditionVariable(condition(cond));
}

struct start {
    void (*function)(void *argument);
    void *argument;
};

static DWORD WINAPI thread_main(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    start.function(start.argument);
    return 0;
}

int os_thread_create(
    os_thread *thread, const char *name, void (*function)(void *argument), void *argument)
{
    struct start *start = malloc(sizeof *start);

    (void)name; /* Windows 7 lacks SetThreadDescription, which came with Windows 10 */
    if (!start)
        return ENOMEM;
    *start = (struct start){ function, argument };
    *thread = CreateThread(NULL, 0, thread_main, start, 0, NULL);
    if (!*thread) {
        free(start);
        return EAGAIN;
    }
    return 0;
}

void os_thread_join(os_thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

void os_yield(void)
{
    SwitchToThread();
}

void os_at_fork(void (*before)(void), void (*after)(bool child))
{
    (void)before;
    (void)after;
}

/* A DLL's own last functions are called when the system has ended all other threads. */
void os_at_exit(void (*function)(void))
{
    (void)function;
}
