/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Errors, waiting and threads of kernel32. */

#include "ntapi.h"
#include <stdlib.h>

#define MILLISECOND 10000 /* the kernel counts in 100 ns */

DWORD WINAPI GetLastError(VOID)
{
    return RtlGetLastWin32Error();
}

VOID WINAPI SetLastError(DWORD error)
{
    RtlSetLastWin32Error(error);
}

BOOL nt_ok(NTSTATUS status)
{
    if (NT_SUCCESS(status) && status != STATUS_PENDING)
        return TRUE;
    SetLastError(status == STATUS_PENDING ? ERROR_IO_PENDING : RtlNtStatusToDosError(status));
    return FALSE;
}

HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES security, BOOL manual, BOOL set, LPCWSTR name)
{
    enum { NOTIFICATION, SYNCHRONIZATION };
    HANDLE event;

    (void)security;
    (void)name; /* nobody names one */
    return nt_ok(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL,
               manual ? NOTIFICATION : SYNCHRONIZATION, (BOOLEAN)set))
               ? event
               : NULL;
}

BOOL WINAPI SetEvent(HANDLE event)
{
    return nt_ok(NtSetEvent(event, NULL));
}

static LARGE_INTEGER interval(DWORD milliseconds)
{
    LARGE_INTEGER time = { .QuadPart = -(LONGLONG)milliseconds * MILLISECOND };

    if (milliseconds == INFINITE)
        time.QuadPart = MINLONGLONG;
    return time;
}

DWORD WINAPI WaitForSingleObject(HANDLE object, DWORD milliseconds)
{
    LARGE_INTEGER time = interval(milliseconds);
    NTSTATUS status = NtWaitForSingleObject(object, FALSE, milliseconds == INFINITE ? NULL : &time);

    if (status == STATUS_TIMEOUT)
        return WAIT_TIMEOUT;
    return nt_ok(status) ? (DWORD)status : WAIT_FAILED;
}

VOID WINAPI Sleep(DWORD milliseconds)
{
    LARGE_INTEGER time = interval(milliseconds);

    NtDelayExecution(FALSE, &time);
}

DWORD WINAPI GetTickCount(VOID)
{
    LARGE_INTEGER time;

    NtQuerySystemTime(&time);
    return (DWORD)(time.QuadPart / MILLISECOND);
}

struct start {
    LPTHREAD_START_ROUTINE routine;
    LPVOID context;
};

static VOID NTAPI run(PVOID context)
{
    struct start start = *(struct start *)context;

    free(context);
    NtTerminateThread(NT_CURRENT_THREAD, (NTSTATUS)start.routine(start.context));
}

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES security, SIZE_T stack,
    LPTHREAD_START_ROUTINE routine, LPVOID context, DWORD flags, LPDWORD id)
{
    struct start *start = malloc(sizeof *start);
    CLIENT_ID client;
    HANDLE thread;

    (void)security;
    (void)stack;
    *start = (struct start){ routine, context };
    if (!nt_ok(RtlCreateUserThread(NT_CURRENT_PROCESS, NULL, (flags & CREATE_SUSPENDED) != 0, 0, 0,
            0, run, start, &thread, &client))) {
        free(start);
        return NULL;
    }
    if (id)
        *id = (DWORD)(ULONG_PTR)client.UniqueThread;
    return thread;
}

DWORD WINAPI ResumeThread(HANDLE thread)
{
    ULONG count = 0;

    return nt_ok(NtResumeThread(thread, &count)) ? count : (DWORD)-1;
}

BOOL WINAPI GetExitCodeThread(HANDLE thread, LPDWORD code)
{
    struct nt_thread_basic basic;

    if (!nt_ok(
            NtQueryInformationThread(thread, ThreadBasicInformation, &basic, sizeof basic, NULL)))
        return FALSE;
    *code = (DWORD)basic.exit_status;
    return TRUE;
}
