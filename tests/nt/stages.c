/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The stages. Beside this program, NAME.exe, lies NAME.txt with one stage a line: its name, and an
 * argument that may have blanks. The session manager passes no arguments that could name so much.
 */

#include "../wine/programs/client.h"
#include "main.h"
#include "ntapi.h"

#define FILE_LENGTH 4096
#define NO_STATUS   99
#define ROUNDS      5
#define HANGS       (5 * 60 * 1000) /* ms; a test's own patience is 2 minutes */

/* Its exit status; it has so many milliseconds. */
static DWORD run_process(const char *arguments, DWORD limit)
{
    HANDLE process = nt_spawn(arguments);
    DWORD code = NO_STATUS;

    if (!process) {
        printf("nttest %s cannot be started: error %lu\n", arguments, GetLastError());
        return NO_STATUS;
    }
    if (WaitForSingleObject(process, limit)) {
        printf("nttest %s hangs\n", arguments);
        TerminateProcess(process, NO_STATUS);
    } else if (!GetExitCodeProcess(process, &code)) {
        code = NO_STATUS;
    }
    CloseHandle(process);
    return code;
}

static BOOL stage_test(const char *name)
{
    char arguments[MAX_PATH];
    DWORD code;

    snprintf(arguments, sizeof arguments, "\"%s\"", name);
    code = run_process(arguments, HANGS);
    if (code)
        printf("not ok - %s: exit status %lu\n", name, code);
    return !code;
}

/* Each in a process of its own, so that one that fails stops none. */
static BOOL stage_tests(const char *from)
{
    BOOL running = !*from;
    unsigned good = 0, bad = 0, i;
    const struct test *test;

    for (i = 0; i < group_count; i++) {
        for (test = groups[i]; test->name; test++) {
            running = running || !strcmp(test->name, from);
            if (running && stage_test(test->name))
                good++;
            else if (running)
                bad++;
        }
    }
    printf("tests: %u passed, %u failed\n", good, bad);
    return good && !bad;
}

static unsigned rounds(const char *count)
{
    return *count ? (unsigned)atoi(count) : ROUNDS;
}

static BOOL stage_kills(const char *count)
{
    driver_begin();
    return load_kills(rounds(count));
}

static BOOL stage_grace(const char *count)
{
    driver_begin();
    return load_grace(rounds(count));
}

static BOOL stage_shutdown(const char *unused)
{
    enum { SHUTDOWN_PRIVILEGE = 19, POWER_OFF = 2 };
    BOOLEAN before;

    (void)unused;
    RtlAdjustPrivilege(SHUTDOWN_PRIVILEGE, TRUE, FALSE, &before);
    return NT_SUCCESS(NtShutdownSystem(POWER_OFF));
}

static const struct {
    const char *name;
    BOOL (*run)(const char *argument);
} stages[] = {
    { "tests", stage_tests },
    { "test", stage_test },
    { "kills", stage_kills },
    { "grace", stage_grace },
    { "shutdown", stage_shutdown },
};

int stage_run(const char *name, const char *argument)
{
    unsigned i;

    for (i = 0; i < sizeof stages / sizeof *stages; i++)
        if (!strcmp(stages[i].name, name))
            return !stages[i].run(argument);
    printf("%s is no stage\n", name);
    return 2;
}

/* In a process of its own, as a check that fails ends its process. */
static BOOL run_line(char *line)
{
    char *argument = strchr(line, ' ');
    char arguments[MAX_PATH];
    DWORD code;

    if (argument)
        *argument++ = 0;
    snprintf(arguments, sizeof arguments, "--stage \"%s\" \"%s\"", line, argument ? argument : "");
    printf("stage %s %s\n", line, argument ? argument : "");
    code = run_process(arguments, INFINITE);
    printf("stage %s: %s\n", line, code ? "FAILED" : "passed");
    return !code;
}

static DWORD read_stages(char *text, DWORD room)
{
    char name[MAX_PATH];
    DWORD length = 0;
    HANDLE file;
    char *suffix;

    if (!GetModuleFileNameA(NULL, name, sizeof name))
        return 0;
    suffix = strrchr(name, '.');
    if (!suffix || strlen(suffix) < 4)
        return 0;
    memcpy(suffix, ".txt", 5);
    file = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        printf("%s cannot be opened: error %lu\n", name, GetLastError());
        return 0;
    }
    if (!ReadFile(file, text, room - 1, &length, NULL))
        length = 0;
    CloseHandle(file);
    text[length] = 0;
    return length;
}

/* The next line, without what ends it; NULL: there is none. */
static char *next_line(char **text)
{
    char *line = *text, *end = line;

    if (!*line)
        return NULL;
    while (*end && *end != '\n')
        end++;
    *text = *end ? end + 1 : end;
    while (end > line && (end[-1] == '\r' || end[-1] == ' '))
        end--;
    *end = 0;
    return line;
}

int stages_run(void)
{
    static char text[FILE_LENGTH];
    unsigned good = 0, bad = 0;
    char *rest = text, *line;

    if (!read_stages(text, sizeof text))
        printf("there are no stages\n");
    while ((line = next_line(&rest))) {
        if (!*line || *line == '#')
            continue;
        if (run_line(line))
            good++;
        else
            bad++;
    }
    printf("stages: %u passed, %u failed\n", good, bad);
    return !good || bad;
}
