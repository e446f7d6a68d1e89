/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Findings, and what the judge knows of the spin locks that a thread of the miniport holds, and of
 * where it would be at DISPATCH_LEVEL. The double itself is judged by the same measure (calls.h).
 */

#include "double.h"

NTSYSAPI int __cdecl _vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);

#define THREADS 4096 /* a power of two: ids are multiples of 4 and are used again */

static LONG findings;
static BOOLEAN adds_device;
static struct thread {
    HANDLE volatile id;
    LONG locks;
    LONG raised;
} threads[THREADS];

void judge_open(void)
{
    judge_log_open();
    judge_pool_open();
}

static void say(const char *kind, const char *format, va_list arguments)
{
    char line[JUDGE_LINE];
    size_t at = 0, room = sizeof line - 2; /* for the end of the line and of the string */
    int length;

    while (kind[at]) {
        line[at] = kind[at];
        at++;
    }
    length = _vsnprintf(line + at, room - at, format, arguments);
    at = length < 0 ? room : min(room, at + length);
    line[at++] = '\n';
    line[at] = 0;
    /* A lost line may be a finding. */
    if (!judge_log(line))
        InterlockedIncrement(&findings);
}

void judge_finding(const char *format, ...)
{
    va_list arguments;

    InterlockedIncrement(&findings);
    va_start(arguments, format);
    say("FINDING: ", format, arguments);
    va_end(arguments);
}

void judge_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("note: ", format, arguments);
    va_end(arguments);
}

LONG judge_findings(void)
{
    return findings;
}

/* A thread's slot stays its own: timers alone have many, one after the other. */
static struct thread *this_thread(void)
{
    static struct thread others;
    HANDLE self = PsGetCurrentThreadId();
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        struct thread *thread = &threads[((ULONG_PTR)self / 4 + i) & (THREADS - 1)];

        if (thread->id == self)
            return thread;
        if (!thread->id &&
            !InterlockedCompareExchangePointer((PVOID volatile *)&thread->id, self, NULL))
            return thread;
    }
    return &others;
}

void judge_lock_taken(void)
{
    this_thread()->locks++;
}

void judge_lock_released(void)
{
    struct thread *thread = this_thread();

    if (--thread->locks < 0) {
        thread->locks = 0;
        judge_finding("a spin lock is released that was not held");
    }
}

void judge_raise(void)
{
    this_thread()->raised++;
}

void judge_returned(void)
{
    struct thread *thread = this_thread();

    if (thread->raised)
        return;
    if (thread->locks > 0) {
        judge_finding("the miniport returns with a spin lock held");
        thread->locks = 0;
    }
    judge_log_write();
}

void judge_lower(void)
{
    this_thread()->raised--;
    judge_returned();
}

BOOLEAN judge_is_passive(void)
{
    const struct thread *thread = this_thread();

    return thread->locks <= 0 && thread->raised <= 0 && current_irql() == PASSIVE_LEVEL;
}

void judge_unlocked(const char *call)
{
    if (this_thread()->locks > 0)
        judge_finding("%s is called with a spin lock held", call);
}

void judge_passive(const char *call)
{
    if (!judge_is_passive())
        judge_finding("%s is called where IRQL may be DISPATCH_LEVEL", call);
}

/* A call is reported once in a row: the judge's log is one of the callers. */
void judge_own_call(const char *call)
{
    static const char *last;

    if (judge_is_passive() || call == last)
        return;
    last = call;
    judge_finding("the double calls %s where IRQL may be DISPATCH_LEVEL", call);
}

void judge_adding(BOOLEAN adding)
{
    adds_device = adding;
}

/* A driver whose only device is deleted before AddDevice returns may be unloaded under it. */
void judge_own_deletion(void)
{
    if (adds_device)
        judge_finding("the double deletes a device within AddDevice");
}
