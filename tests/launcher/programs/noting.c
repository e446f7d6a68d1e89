/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "noting.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

static const wchar_t *log_path;
static BOOL stubborn;

void note(const wchar_t *text)
{
    char line[4096];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
    HANDLE file = CreateFileW(
        log_path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS, 0, NULL);
    DWORD written;

    line[length - 1] = '\n';
    WriteFile(file, line, (DWORD)length, &written, NULL);
    CloseHandle(file);
}

static BOOL WINAPI on_event(DWORD event)
{
    if (event != CTRL_BREAK_EVENT)
        return FALSE;
    note(L"break");
    if (!stubborn)
        ExitProcess(0);
    return TRUE;
}

/* Waits for what tests/launcher/programs/ask.c sends. */
static DWORD WINAPI waits(void *event)
{
    for (;;) {
        WaitForSingleObject(event, INFINITE);
        on_event(CTRL_BREAK_EVENT);
    }
    return 0;
}

static void await_events(void)
{
    wchar_t name[32];

    _snwprintf(name, 32, L"Global\\break-%lu", GetCurrentProcessId());
    CreateThread(NULL, 0, waits, CreateEventW(NULL, FALSE, FALSE, name), 0, NULL);
    SetConsoleCtrlHandler(on_event, TRUE);
}

static BOOL is_there(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return TRUE;
    CloseHandle(file);
    return FALSE;
}

static void note_start(const struct noting *noting)
{
    wchar_t folder[MAX_PATH + 8] = L"folder ";

    note(L"started");
    for (int i = noting->first; i < noting->count; i++)
        note(noting->words[i]);
    GetCurrentDirectoryW(MAX_PATH, folder + 7);
    note(folder);
}

static const wchar_t *word(const struct noting *noting, int number, const wchar_t *otherwise)
{
    int at = noting->log + number;

    return at < noting->count ? noting->words[at] : otherwise;
}

int noting_run(const struct noting *noting)
{
    const wchar_t *mode = word(noting, 1, L"run"), *argument = word(noting, 2, L"");

    if (noting->log >= noting->count)
        return ERROR_INVALID_PARAMETER;
    log_path = noting->words[noting->log];
    setvbuf(stderr, NULL, _IONBF, 0); /* it has a buffer under Wine where it is a pipe */
    await_events();
    stubborn = !wcscmp(mode, L"stubborn");
    note_start(noting);
    fwprintf(stderr, L"hello\n");
    if (!wcscmp(mode, L"exit"))
        return _wtoi(argument);
    if (!wcscmp(mode, L"crash") && !is_there(argument))
        return 3;
    if (!wcscmp(mode, L"who"))
        noting->note_who();
    for (int i = 0; !wcscmp(mode, L"noise") && i < _wtoi(argument); i++)
        fwprintf(stderr, L"line %d %0100d\n", i, 0);
    note(L"ready");
    Sleep(INFINITE);
    return 0;
}
