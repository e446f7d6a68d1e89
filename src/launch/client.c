/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/client.h"

#include <windows.h>

#include <aclapi.h>

enum { PIPE_ACCESS = GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES };

static HANDLE try_open(void)
{
    return CreateFileW(LAUNCH_PIPE, PIPE_ACCESS, 0, NULL, OPEN_EXISTING,
        SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION | FILE_FLAG_OVERLAPPED, NULL);
}

/* Anybody can make a pipe of that name while no launcher runs. */
static DWORD check_owner(HANDLE pipe)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    DWORD error = GetSecurityInfo(
        pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &descriptor);

    if (!error && (!owner || !IsWellKnownSid(owner, WinLocalSystemSid)))
        error = ERROR_ACCESS_DENIED;
    LocalFree(descriptor);
    return error;
}

static DWORD open_pipe(HANDLE *pipe)
{
    ULONGLONG end = GetTickCount64() + LAUNCH_BUSY_MS;
    DWORD mode = PIPE_READMODE_MESSAGE, error;

    /* Others may be faster than a client that has waited. */
    while ((*pipe = try_open()) == INVALID_HANDLE_VALUE) {
        ULONGLONG now = GetTickCount64();

        error = GetLastError();
        if (error != ERROR_PIPE_BUSY || now >= end)
            return error;
        WaitNamedPipeW(LAUNCH_PIPE, (DWORD)(end - now));
    }
    error = check_owner(*pipe);
    if (!error && !SetNamedPipeHandleState(*pipe, &mode, NULL, NULL))
        error = GetLastError();
    if (error)
        CloseHandle(*pipe);
    return error;
}

/* Waits for the end of WriteFile() or ReadFile(). If that takes too long, it cancels the I/O and
 * leaves nothing behind. */
static DWORD finish(HANDLE pipe, OVERLAPPED *overlapped, BOOL done, DWORD *bytes)
{
    DWORD error = 0;

    if (!done && GetLastError() != ERROR_IO_PENDING)
        return GetLastError();
    if (WaitForSingleObject(overlapped->hEvent, LAUNCH_CALL_MS) == WAIT_TIMEOUT) {
        CancelIoEx(pipe, overlapped);
        error = WAIT_TIMEOUT;
    }
    /* An answer that came in spite of the cancel counts. */
    if (GetOverlappedResult(pipe, overlapped, bytes, TRUE))
        return 0;
    return error ? error : GetLastError();
}

static DWORD exchange(
    HANDLE pipe, HANDLE event, const char16_t *message, size_t length, struct launch_reply *reply)
{
    OVERLAPPED overlapped = { .hEvent = event };
    DWORD bytes = 0, error;

    error = finish(pipe, &overlapped,
        WriteFile(pipe, message, (DWORD)(length * sizeof *message), NULL, &overlapped), &bytes);
    if (error)
        return error;
    ResetEvent(event);
    error = finish(pipe, &overlapped,
        ReadFile(pipe, reply->message, sizeof reply->message, NULL, &overlapped), &bytes);
    reply->bytes = bytes;
    return error;
}

uint32_t launch_call(const struct launch_request *request, struct launch_reply *reply)
{
    char16_t message[LAUNCH_MESSAGE_MAX];
    size_t length = launch_encode_request(request, message);
    HANDLE pipe, event;
    DWORD error;

    if (length == 0)
        return ERROR_INVALID_PARAMETER;
    error = open_pipe(&pipe);
    if (error)
        return error;
    event = CreateEventW(NULL, TRUE, FALSE, NULL);
    error = event ? exchange(pipe, event, message, length, reply) : GetLastError();
    if (event)
        CloseHandle(event);
    CloseHandle(pipe);
    if (error)
        return error;
    reply->error = launch_decode_answer(
        reply->message, reply->bytes, &reply->payload, &reply->payload_length);
    return 0;
}
