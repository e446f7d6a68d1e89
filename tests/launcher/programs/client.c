/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * client send TEXT           sends it as one message, | for a NUL; prints the answer's characters
 * client lock DISK           keeps a volume for itself, and says so, until it is ended
 */

#include <windows.h>

#include <stdio.h>
#include <wchar.h>
#include <winioctl.h>

#include "launch/protocol.h"

static HANDLE connect_pipe(void)
{
    DWORD mode = PIPE_READMODE_MESSAGE;
    HANDLE pipe;

    do {
        pipe = CreateFileW(LAUNCH_PIPE, GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES, 0,
            NULL, OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
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

static int send_text(const wchar_t *text)
{
    wchar_t message[LAUNCH_MESSAGE_MAX];
    DWORD written;
    HANDLE pipe = connect_pipe();

    WriteFile(pipe, message, (DWORD)(parse(text, message) * sizeof *message), &written, NULL);
    return print_answer(pipe);
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
    if (count == 3 && !wcscmp(words[1], L"send"))
        return send_text(words[2]);
    if (count == 3 && !wcscmp(words[1], L"lock"))
        return keep_volume(words[2]);
    return ERROR_INVALID_PARAMETER;
}
