/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The judge's log, and what it knows of the spin locks that a thread of the miniport holds. */

#include "double.h"

NTSYSAPI int __cdecl _vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);

#define THREADS 4096 /* a power of two: ids are multiples of 4 and are used again */

static HANDLE log_file;
static LONG findings;
static struct thread {
    HANDLE volatile id;
    LONG locks;
    LONG raised;
} threads[THREADS];

void judge_open(void)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK status;

    if (log_file)
        return;
    RtlInitUnicodeString(&name, L"\\??\\C:\\storport.log");
    InitializeObjectAttributes(
        &attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    if (ZwCreateFile(&log_file, FILE_APPEND_DATA | SYNCHRONIZE, &attributes, &status, NULL,
            FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN_IF,
            FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0))
        log_file = NULL;
}

static void write_line(const char *kind, const char *format, va_list arguments)
{
    char line[320];
    IO_STATUS_BLOCK status;
    size_t at = 0;
    int length;

    while (kind[at]) {
        line[at] = kind[at];
        at++;
    }
    length = _vsnprintf(line + at, sizeof(line) - at - 1, format, arguments);
    at = length < 0 ? sizeof(line) - 1 : at + length;
    line[at++] = '\n';
    if (log_file)
        ZwWriteFile(log_file, NULL, NULL, NULL, &status, line, (ULONG)at, NULL, NULL);
}

void judge_finding(const char *format, ...)
{
    va_list arguments;

    InterlockedIncrement(&findings);
    va_start(arguments, format);
    write_line("FINDING: ", format, arguments);
    va_end(arguments);
}

void judge_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line("note: ", format, arguments);
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

    if (thread->raised || thread->locks <= 0)
        return;
    judge_finding("the miniport returns with a spin lock held");
    thread->locks = 0;
}

void judge_lower(void)
{
    this_thread()->raised--;
    judge_returned();
}

void judge_unlocked(const char *call)
{
    if (this_thread()->locks > 0)
        judge_finding("%s is called with a spin lock held", call);
}

void judge_passive(const char *call)
{
    struct thread *thread = this_thread();

    if (thread->locks > 0 || thread->raised > 0)
        judge_finding("%s is called where IRQL may be DISPATCH_LEVEL", call);
}
