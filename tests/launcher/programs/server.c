/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * server LOG MODE ...: a server of the tests, which serves nothing. It writes into the file LOG
 * what it is started with, each word in a line, and what happens to it.
 *
 *     run                until it is ended; CTRL_BREAK does that
 *     stubborn           CTRL_BREAK does not
 *     exit STATUS        at once
 *     crash FILE         exit status 3 when there is no such file, which it makes; else as run
 *     who                notes whether it has the rights of an administrator, then as run
 *     noise LINES        writes that many lines to standard error, then as run
 */

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

static const wchar_t *log_path;
static BOOL stubborn;

static void note(const wchar_t *text)
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

static const wchar_t *who(void)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    BOOL is = FALSE;

    CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size);
    return CheckTokenMembership(NULL, sid, &is) && is ? L"administrator" : L"user";
}

static BOOL is_there(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return TRUE;
    CloseHandle(file);
    return FALSE;
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    wchar_t folder[MAX_PATH + 8] = L"folder ";
    const wchar_t *mode = count > 2 ? words[2] : L"run";

    if (count < 2)
        return ERROR_INVALID_PARAMETER;
    log_path = words[1];
    /* Wine's stderr has a buffer where it is a pipe. */
    setvbuf(stderr, NULL, _IONBF, 0);
    await_events();
    stubborn = !wcscmp(mode, L"stubborn");
    note(L"started");
    for (int i = 0; i < count; i++)
        note(words[i]);
    GetCurrentDirectoryW(MAX_PATH, folder + 7);
    note(folder);
    fwprintf(stderr, L"hello\n");
    if (!wcscmp(mode, L"exit"))
        return _wtoi(words[3]);
    if (!wcscmp(mode, L"crash") && !is_there(words[3]))
        return 3;
    if (!wcscmp(mode, L"who"))
        note(who());
    for (int i = 0; !wcscmp(mode, L"noise") && i < _wtoi(words[3]); i++)
        fwprintf(stderr, L"line %d %0100d\n", i, 0);
    note(L"ready");
    Sleep(INFINITE);
    return 0;
}
