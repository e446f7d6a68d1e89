/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Clients and launchers that do wrong. In their texts `|` is a NUL.
 *
 *     client send TEXT           sends it as one message; prints the answer's characters
 *     client bytes COUNT         sends so many bytes of `S`; prints the answer
 *     client silent COUNT        connects so often at once, and says so; sends nothing, until it is
 *                                ended; connects again when it is cut off
 *     client deaf COUNT          the same, but sends `L` and never reads the answer
 *     client flood COUNT         sends `L` without pause, so many times a connection, until ended
 *     client anonymous TEXT      as send, but hides who it is
 *     client answer OWNER TEXT   a launcher whose pipe belongs to OWNER (SY, BA), and that answers
 *                                L with `$c|i|` and all else with TEXT; says so first
 *     client lock DISK           keeps a volume for itself, and says so, until it is ended
 */

#include <windows.h>

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <winioctl.h>

#include "launch/protocol.h"

static HANDLE connect_pipe(DWORD level)
{
    DWORD mode = PIPE_READMODE_MESSAGE;
    HANDLE pipe;

    do {
        pipe = CreateFileW(LAUNCH_PIPE, GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES, 0,
            NULL, OPEN_EXISTING, SECURITY_SQOS_PRESENT | level, NULL);
    } while (pipe == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY &&
        WaitNamedPipeW(LAUNCH_PIPE, NMPWAIT_WAIT_FOREVER));
    if (pipe == INVALID_HANDLE_VALUE) {
        printf("cannot connect: %lu\n", GetLastError());
        ExitProcess(1);
    }
    SetNamedPipeHandleState(pipe, &mode, NULL, NULL);
    return pipe;
}

static size_t parse(const wchar_t *text, wchar_t message[LAUNCH_MESSAGE_MAX])
{
    size_t length = wcslen(text);

    for (size_t i = 0; i < length; i++)
        message[i] = text[i] == L'|' ? 0 : text[i];
    return length;
}

static int print_answer(HANDLE pipe)
{
    wchar_t message[2 * LAUNCH_MESSAGE_MAX];
    DWORD got = 0;

    if (!ReadFile(pipe, message, sizeof message, &got, NULL)) {
        printf("no answer: %lu\n", GetLastError());
        return 1;
    }
    for (DWORD i = 0; i < got / sizeof *message; i++)
        putchar(message[i] ? message[i] : '|');
    printf("%s\n", got % sizeof *message ? " and a byte" : "");
    return 0;
}

static int send_text(const wchar_t *text, DWORD level)
{
    wchar_t message[LAUNCH_MESSAGE_MAX];
    DWORD written;
    HANDLE pipe = connect_pipe(level);

    WriteFile(pipe, message, (DWORD)(parse(text, message) * sizeof *message), &written, NULL);
    return print_answer(pipe);
}

static int send_bytes(DWORD count)
{
    char *bytes = malloc(count + 1);
    DWORD written;
    HANDLE pipe = connect_pipe(SECURITY_IDENTIFICATION);

    for (DWORD i = 0; i < count; i++)
        bytes[i] = i % 2 ? 0 : 'S';
    WriteFile(pipe, bytes, count, &written, NULL);
    free(bytes);
    return print_answer(pipe);
}

static BOOL sends;
static LONG connected;

/* A thread that keeps a pipe. */
static DWORD WINAPI keep(void *argument)
{
    HANDLE pipe = NULL;
    BYTE byte;
    DWORD count;

    (void)argument;
    for (;;) {
        pipe = connect_pipe(SECURITY_IDENTIFICATION);
        if (sends)
            WriteFile(pipe, L"L", sizeof(wchar_t), &count, NULL);
        InterlockedIncrement(&connected);
        if (sends) {
            while (PeekNamedPipe(pipe, NULL, 0, NULL, NULL, NULL))
                Sleep(10);
        } else {
            ReadFile(pipe, &byte, 1, &count, NULL);
        }
        CloseHandle(pipe);
    }
    return 0;
}

static int keep_many(LONG count)
{
    for (LONG i = 0; i < count; i++)
        CloseHandle(CreateThread(NULL, 0, keep, NULL, 0, NULL));
    /* More than there are pipes: some have been cut off for others. */
    while (connected < count)
        Sleep(10);
    printf("connected\n");
    fflush(stdout);
    Sleep(INFINITE);
    return 0;
}

static int flood(DWORD count)
{
    BOOL first = TRUE;

    for (;;) {
        HANDLE pipe = connect_pipe(SECURITY_IDENTIFICATION);
        DWORD written;

        for (DWORD i = 0; i < count; i++) {
            if (!WriteFile(pipe, L"L", sizeof(wchar_t), &written, NULL))
                break;
        }
        CloseHandle(pipe);
        if (first)
            printf("connected\n");
        fflush(stdout);
        first = FALSE;
    }
    return 0;
}

static int serve(const wchar_t *owner, const wchar_t *text)
{
    SECURITY_ATTRIBUTES security = { .nLength = sizeof security };
    wchar_t sddl[64], message[LAUNCH_MESSAGE_MAX], answer[LAUNCH_MESSAGE_MAX];
    DWORD got, written;
    HANDLE pipe;

    _snwprintf(sddl, 64, L"O:%lsG:SYD:P(A;;GA;;;WD)", owner);
    ConvertStringSecurityDescriptorToSecurityDescriptorW(
        sddl, SDDL_REVISION_1, &security.lpSecurityDescriptor, NULL);
    pipe = CreateNamedPipeW(LAUNCH_PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 4096, 4096, 15000, &security);
    if (pipe == INVALID_HANDLE_VALUE)
        return 1;
    printf("serving\n");
    fflush(stdout);
    for (;;) {
        ConnectNamedPipe(pipe, NULL);
        if (ReadFile(pipe, message, sizeof message, &got, NULL)) {
            const wchar_t *says = got > 0 && message[0] == L'L' ? L"$c|i|" : text;

            WriteFile(pipe, answer, (DWORD)(parse(says, answer) * sizeof *answer), &written, NULL);
            FlushFileBuffers(pipe);
        }
        DisconnectNamedPipe(pipe);
    }
}

static int keep_volume(const wchar_t *path)
{
    HANDLE volume = CreateFileW(path, GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    DWORD length;

    /* Wine answers FSCTL_LOCK_VOLUME by itself; the double takes this one for a lock, and Wine then
     * complains that it knows no such mount. */
    if (!DeviceIoControl(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, &length, NULL) &&
        GetLastError() != ERROR_BAD_DEV_TYPE) {
        printf("cannot lock: %lu\n", GetLastError());
        return 1;
    }
    printf("connected\n");
    fflush(stdout);
    Sleep(INFINITE);
    return 0;
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    const wchar_t *mode = count > 2 ? words[1] : L"";

    if (!wcscmp(mode, L"send"))
        return send_text(words[2], SECURITY_IDENTIFICATION);
    if (!wcscmp(mode, L"anonymous"))
        return send_text(words[2], SECURITY_ANONYMOUS);
    if (!wcscmp(mode, L"bytes"))
        return send_bytes((DWORD)_wtoi(words[2]));
    if (!wcscmp(mode, L"silent"))
        return keep_many(_wtoi(words[2]));
    sends = !wcscmp(mode, L"deaf");
    if (sends)
        return keep_many(_wtoi(words[2]));
    if (!wcscmp(mode, L"flood"))
        return flood((DWORD)_wtoi(words[2]));
    if (!wcscmp(mode, L"lock"))
        return keep_volume(words[2]);
    if (!wcscmp(mode, L"answer") && count == 4)
        return serve(words[2], words[3]);
    return ERROR_INVALID_PARAMETER;
}
