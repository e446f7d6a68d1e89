/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "servers.h"

#include <sddl.h>
#include <shellapi.h>
#include <tlhelp32.h>

#include "launched.h"
#include "noting.h"

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

int server_run(void)
{
    struct noting noting = { .log = 3, .first = 3, .note_who = note_user };

    noting.words = CommandLineToArgvW(GetCommandLineW(), &noting.count);
    return noting.words ? noting_run(&noting) : ERROR_INVALID_PARAMETER;
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
