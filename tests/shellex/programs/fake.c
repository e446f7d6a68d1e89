/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "shelltest.h"

#include <sddl.h>

enum { SERVERS = 3, REQUESTS = 16 };

static struct {
    const struct fake_row *rows;
    unsigned row_count;
    LONG came; /* requests */
    wchar_t requests[REQUESTS][LAUNCH_MESSAGE_MAX + 1];
    HANDLE go_on, end, threads[SERVERS], ready[SERVERS];
} fake;

static void swap(wchar_t *text, size_t length, wchar_t from, wchar_t to)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == from)
            text[i] = to;
}

/* FALSE: the fake has been told to end. */
static BOOL finish(HANDLE pipe, OVERLAPPED *overlapped, BOOL done, DWORD *bytes)
{
    HANDLE events[] = { overlapped->hEvent, fake.end };

    *bytes = 0;
    if (!done && GetLastError() != ERROR_IO_PENDING)
        return GetLastError() != ERROR_INVALID_HANDLE;
    if (WaitForMultipleObjects(2, events, FALSE, INFINITE) != WAIT_OBJECT_0) {
        CancelIo(pipe);
        GetOverlappedResult(pipe, overlapped, bytes, TRUE);
        return FALSE;
    }
    GetOverlappedResult(pipe, overlapped, bytes, FALSE);
    return TRUE;
}

static void answer(HANDLE pipe, HANDLE event, const struct fake_row *row)
{
    HANDLE events[] = { fake.go_on, fake.end };
    OVERLAPPED overlapped = { .hEvent = event };
    wchar_t text[LAUNCH_MESSAGE_MAX];
    DWORD bytes;

    if (row->waits)
        WaitForMultipleObjects(2, events, FALSE, INFINITE);
    if (row->hangs_up)
        return;
    wcscpy(text, row->reply);
    swap(text, wcslen(row->reply), L'\1', L'\0');
    finish(pipe, &overlapped,
        WriteFile(pipe, text, (DWORD)(wcslen(row->reply) * sizeof *text), NULL, &overlapped),
        &bytes);
    FlushFileBuffers(pipe);
}

static void serve(HANDLE pipe, HANDLE event)
{
    static const struct fake_row beyond = { .reply = L"!87\1" };
    OVERLAPPED overlapped = { .hEvent = event };
    wchar_t text[LAUNCH_MESSAGE_MAX + 1];
    DWORD bytes;
    LONG number;

    if (!finish(pipe, &overlapped,
            ReadFile(pipe, text, LAUNCH_MESSAGE_MAX * sizeof *text, NULL, &overlapped), &bytes) ||
        !bytes)
        return;
    swap(text, bytes / sizeof *text, L'\0', L'\1');
    text[bytes / sizeof *text] = L'\0';
    number = InterlockedIncrement(&fake.came) - 1;
    CHECK(number < REQUESTS);
    wcscpy(fake.requests[number], text);
    answer(pipe, event, (unsigned)number < fake.row_count ? &fake.rows[number] : &beyond);
}

static HANDLE make_pipe(void)
{
    SECURITY_ATTRIBUTES attributes = { .nLength = sizeof attributes };
    HANDLE pipe;

    CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        L"O:SYG:SYD:P(A;;GA;;;WD)", SDDL_REVISION_1, &attributes.lpSecurityDescriptor, NULL));
    pipe = CreateNamedPipeW(LAUNCH_PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, SERVERS, 4096, 4096, 15000, &attributes);
    CHECK(pipe != INVALID_HANDLE_VALUE);
    LocalFree(attributes.lpSecurityDescriptor);
    return pipe;
}

static DWORD WINAPI server(void *ready)
{
    HANDLE pipe = make_pipe(), event = CreateEventW(NULL, TRUE, FALSE, NULL);
    OVERLAPPED overlapped = { .hEvent = event };
    BOOL goes_on = TRUE;
    DWORD bytes;

    SetEvent(ready);
    while (goes_on) {
        ResetEvent(event);
        goes_on = ConnectNamedPipe(pipe, &overlapped) || GetLastError() == ERROR_PIPE_CONNECTED ||
                  (GetLastError() == ERROR_IO_PENDING && finish(pipe, &overlapped, FALSE, &bytes));
        if (goes_on)
            serve(pipe, event);
        DisconnectNamedPipe(pipe);
    }
    CloseHandle(pipe);
    CloseHandle(event);
    return 0;
}

void fake_start(unsigned count, const struct fake_row *rows)
{
    memset(&fake, 0, sizeof fake);
    fake.rows = rows;
    fake.row_count = count;
    fake.go_on = CreateEventW(NULL, TRUE, FALSE, NULL);
    fake.end = CreateEventW(NULL, TRUE, FALSE, NULL);
    for (unsigned i = 0; i < SERVERS; i++) {
        fake.ready[i] = CreateEventW(NULL, TRUE, FALSE, NULL);
        fake.threads[i] = CreateThread(NULL, 0, server, fake.ready[i], 0, NULL);
        CHECK(fake.threads[i]);
        CHECK_EQUAL(WaitForSingleObject(fake.ready[i], PATIENCE), WAIT_OBJECT_0);
    }
}

void fake_go_on(void)
{
    SetEvent(fake.go_on);
}

void fake_await(unsigned count)
{
    WAIT_UNTIL((unsigned)InterlockedCompareExchange(&fake.came, 0, 0) >= count);
}

const wchar_t *fake_request(unsigned number)
{
    return number < REQUESTS ? fake.requests[number] : L"";
}

unsigned fake_stop(void)
{
    SetEvent(fake.end);
    CHECK_EQUAL(WaitForMultipleObjects(SERVERS, fake.threads, TRUE, PATIENCE), WAIT_OBJECT_0);
    for (unsigned i = 0; i < SERVERS; i++) {
        CloseHandle(fake.threads[i]);
        CloseHandle(fake.ready[i]);
    }
    CloseHandle(fake.go_on);
    CloseHandle(fake.end);
    return (unsigned)fake.came;
}
