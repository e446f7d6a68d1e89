/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "servers.h"

#include <sddl.h>
#include <shellapi.h>
#include <tlhelp32.h>

#include "launched.h"

static const wchar_t *log_path;
static BOOL stubborn;

static void note(const wchar_t *text)
{
    char line[4096];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
    HANDLE file = CreateFileW(log_path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
        OPEN_ALWAYS, 0, NULL);
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

/* Waits for what tests/launcher/programs/ask.c sends under Wine. */
static DWORD WINAPI await_event(void *event)
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
    CreateThread(NULL, 0, await_event, CreateEventW(NULL, FALSE, FALSE, name), 0, NULL);
    SetConsoleCtrlHandler(on_event, TRUE);
}

static void note_user(void)
{
    union {
        TOKEN_USER user;
        BYTE room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } found;
    wchar_t line[200] = L"user unknown", *sid;
    HANDLE token;
    DWORD length;

    if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
        GetTokenInformation(token, TokenUser, &found, sizeof found, &length) &&
        ConvertSidToStringSidW(found.user.User.Sid, &sid))
        _snwprintf(line, 200, L"user %ls", sid);
    note(line);
}

static BOOL is_there(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return TRUE;
    CloseHandle(file);
    return FALSE;
}

static void note_start(int count, wchar_t **words)
{
    wchar_t folder[MAX_PATH + 8] = L"folder ";

    note(L"started");
    for (int i = 3; i < count; i++)
        note(words[i]);
    GetCurrentDirectoryW(MAX_PATH, folder + 7);
    note(folder);
}

int server_run(void)
{
    int count;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    const wchar_t *mode = words && count > 4 ? words[4] : L"run";

    if (!words || count < 4)
        return ERROR_INVALID_PARAMETER;
    log_path = words[3];
    setvbuf(stderr, NULL, _IONBF, 0); /* it has a buffer under Wine where it is a pipe */
    await_events();
    stubborn = !wcscmp(mode, L"stubborn");
    note_start(count, words);
    fwprintf(stderr, L"hello\n");
    if (!wcscmp(mode, L"exit") && count > 5)
        return _wtoi(words[5]);
    if (!wcscmp(mode, L"crash") && count > 5 && !is_there(words[5]))
        return 3;
    if (!wcscmp(mode, L"who"))
        note_user();
    for (int i = 0; !wcscmp(mode, L"noise") && count > 5 && i < _wtoi(words[5]); i++)
        fwprintf(stderr, L"line %d %0100d\n", i, 0);
    note(L"ready");
    Sleep(INFINITE);
    return 0;
}

/* The file, whole; "" while there is none. */
static const char *read_notes(const char *log)
{
    static char text[65536];
    char name[80];
    size_t length = 0;
    FILE *file;

    snprintf(name, sizeof name, "%s.log", log);
    file = fopen(file_of(name), "rb");
    if (file) {
        length = fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    text[length] = 0;
    return text;
}

unsigned notes(const char *log, const char *line)
{
    const char *text = read_notes(log);
    size_t wanted = strlen(line);
    unsigned count = 0;

    while (*text) {
        size_t length = strcspn(text, "\n");

        count += length == wanted && !memcmp(text, line, length);
        text += length + (text[length] == '\n');
    }
    return count;
}

void wait_for_note(const char *log, const char *line, unsigned times)
{
    WAIT_UNTIL(notes(log, line) >= times);
}

const char *note_at(const char *log, int number)
{
    static char line[4096];
    const char *text = read_notes(log);
    int count = 0;

    for (const char *c = text; *c; c++)
        count += *c == '\n';
    number += number < 0 ? count : 0;
    for (; *text && number; number--)
        text += strcspn(text, "\n") + 1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

unsigned own_processes(void)
{
    PROCESSENTRY32 entry = { .dwSize = sizeof entry };
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    unsigned count = 0;

    CHECK(all != INVALID_HANDLE_VALUE);
    for (BOOL there = Process32First(all, &entry); there; there = Process32Next(all, &entry))
        count += !lstrcmpiA(entry.szExeFile, "winspd-tests-" ARCH ".exe");
    CloseHandle(all);
    return count;
}

int launcher_child(const char *child, const char *argument)
{
    return strcmp(child, "server") ? bad_client_run(child, argument) : server_run();
}
