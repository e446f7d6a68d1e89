/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Clients that do wrong. They are processes of their own, so that they can be killed. */

#include "launched.h"

#include "launch/protocol.h"
#include "servers.h"

static const char *const kinds[] = { "silent client", "deaf client", "client that floods" };

HANDLE pipe_connect(DWORD level)
{
    const wchar_t *name = (const wchar_t *)LAUNCH_PIPE;
    DWORD mode = PIPE_READMODE_MESSAGE;
    HANDLE pipe;

    do {
        pipe = CreateFileW(name, GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES, 0, NULL,
            OPEN_EXISTING, SECURITY_SQOS_PRESENT | level, NULL);
    } while (pipe == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY &&
        WaitNamedPipeW(name, NMPWAIT_WAIT_FOREVER));
    if (pipe != INVALID_HANDLE_VALUE)
        SetNamedPipeHandleState(pipe, &mode, NULL, NULL);
    return pipe;
}

HANDLE bad_client_start(enum bad_client kind, unsigned count)
{
    SECURITY_ATTRIBUTES inherited = { sizeof inherited, NULL, TRUE };
    HANDLE both[2] = { CreateEventA(&inherited, TRUE, FALSE, NULL), NULL };
    char argument[60];

    snprintf(argument, sizeof argument, "%u %llu %lu", count,
        (unsigned long long)(ULONG_PTR)both[0], GetCurrentProcessId());
    both[1] = start_child(kinds[kind], argument, FALSE, NULL);
    CHECK_EQUAL(WaitForMultipleObjects(2, both, FALSE, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(both[0]);
    return both[1];
}

void bad_client_end(HANDLE client)
{
    TerminateProcess(client, 0);
    end_of_child(client);
}

static enum bad_client kind_of_this;
static LONG connected;

static DWORD WINAPI keep(void *unused)
{
    BYTE byte;
    DWORD count;

    (void)unused;
    for (;;) { /* cut off for others, it comes again */
        HANDLE pipe = pipe_connect(SECURITY_IDENTIFICATION);

        if (kind_of_this == DEAF)
            WriteFile(pipe, L"L", sizeof(wchar_t), &count, NULL);
        InterlockedIncrement(&connected);
        if (kind_of_this == DEAF)
            while (PeekNamedPipe(pipe, NULL, 0, NULL, NULL, NULL))
                Sleep(10);
        else
            ReadFile(pipe, &byte, 1, &count, NULL);
        CloseHandle(pipe);
    }
    return 0;
}

static void keep_many(LONG count, HANDLE ready)
{
    for (LONG i = 0; i < count; i++)
        CloseHandle(CreateThread(NULL, 0, keep, NULL, 0, NULL));
    while (connected < count) /* more than there are pipes: some have been cut off for others */
        Sleep(10);
    SetEvent(ready);
    Sleep(INFINITE);
}

static void flood(unsigned count, HANDLE ready)
{
    for (;;) {
        HANDLE pipe = pipe_connect(SECURITY_IDENTIFICATION);
        DWORD written;

        for (unsigned i = 0; i < count; i++)
            if (!WriteFile(pipe, L"L", sizeof(wchar_t), &written, NULL))
                break;
        CloseHandle(pipe);
        SetEvent(ready);
    }
}

/* The test may fail before it ends its client. */
static DWORD WINAPI end_with(void *starter)
{
    WaitForSingleObject(starter, INFINITE);
    ExitProcess(0);
}

int bad_client_run(const char *child, const char *argument)
{
    unsigned long long ready;
    unsigned count;
    DWORD starter;

    for (int i = 0; i < 3; i++) {
        if (strcmp(child, kinds[i]) ||
            sscanf(argument, "%u %llu %lu", &count, &ready, &starter) != 3)
            continue;
        CreateThread(NULL, 0, end_with, OpenProcess(SYNCHRONIZE, FALSE, starter), 0, NULL);
        kind_of_this = (enum bad_client)i;
        if (kind_of_this == FLOOD)
            flood(count, (HANDLE)(ULONG_PTR)ready);
        keep_many((LONG)count, (HANDLE)(ULONG_PTR)ready);
    }
    return CHILD_UNKNOWN;
}
