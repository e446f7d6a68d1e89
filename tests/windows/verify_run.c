/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Runs programs for winspd-verify. */

#include <string.h>

#include "verify.h"

static bool starts_with(const char *text, const char *begin)
{
    return !strncmp(text, begin, strlen(begin));
}

static bool is_of_package(const char *command)
{
    return starts_with(command, "winspd-") || starts_with(command, "devsetup-");
}

/* Each as a word of its own, since names have blanks. */
static void append_tests(const char *tests, char *line, size_t room)
{
    size_t used = strlen(line);

    while (*tests && used < room) {
        size_t length = strcspn(tests, ";");

        snprintf(line + used, room - used, " \"%.*s\"", (int)length, tests);
        used += strlen(line + used);
        tests += length + (tests[length] == ';');
    }
}

/* A word in braces becomes a path in quotes; sc wants the quotes in the value, too. */
static void fill_in(const struct run *run, const char *command, char *line, size_t room)
{
    static const struct {
        const char *word, *format;
    } words[] = {
        { PACKAGE, "\"%s\\%s\"" }, { PACKAGE_LOG, "\"%s.msi.log\"" },
        { LAUNCHER, "\"\\\"%s\\launcher-" ARCH ".exe\\\"\"" } };
    size_t used = 0, row = 0;

    for (; *command && used + 1 < room; command += row < 3 ? strlen(words[row].word) : 1) {
        row = 0;
        while (row < 3 && !starts_with(command, words[row].word))
            row++;
        if (row == 1)
            used += (size_t)snprintf(line + used, room - used, words[row].format, run->report);
        else if (row < 3)
            used += (size_t)snprintf(line + used, room - used, words[row].format, run->folder,
                *run->package ? run->package : "winspd-VERSION.msi");
        else
            line[used++] = *command;
    }
    line[used < room ? used : room - 1] = 0;
}

bool command_line(const struct run *run, const char *command, char *line, size_t room)
{
    size_t word = strcspn(command, " ");
    char program[2 * MAX_PATH];

    if (!is_of_package(command)) {
        fill_in(run, command, line, room);
        return true;
    }
    snprintf(program, sizeof program, "%s\\%.*s.exe", run->folder, (int)word, command);
    snprintf(line, room, "\"%s\"%s", program, command + word);
    if (run->tests && starts_with(command, "winspd-tests-") && strstr(command, "--tap"))
        append_tests(run->tests, line, room);
    return GetFileAttributesA(program) != INVALID_FILE_ATTRIBUTES;
}

struct limit {
    HANDLE process, job;
    DWORD ms;
    volatile LONG reached;
};

/* A child that a program leaves running would hold its output open: it goes with the job. */
static DWORD WINAPI watch(void *context)
{
    struct limit *limit = context;

    if (WaitForSingleObject(limit->process, limit->ms))
        limit->reached = TRUE;
    TerminateJobObject(limit->job, 1);
    return 0;
}

/* Windows' programs print in the code page of consoles, ours in UTF-8: so is the report. */
static void say_line(struct run *run, const char *line, int length, UINT code_page)
{
    wchar_t wide[4096];
    char text[3 * 4096];
    int count = MultiByteToWideChar(code_page, 0, line, length, wide, 4096);

    count = WideCharToMultiByte(CP_UTF8, 0, wide, count, text, sizeof text - 1, NULL, NULL);
    text[count] = 0;
    say_text(run, text);
}

static void take_down(struct run *run, HANDLE output, UINT code_page)
{
    char text[4096];
    DWORD got, used = 0;

    while (ReadFile(output, text + used, sizeof text - used, &got, NULL) && got) {
        DWORD whole = used + got;

        used = whole;
        while (whole && text[whole - 1] != '\n') /* a character may be cut in two at its end */
            whole--;
        if (!whole && used < sizeof text)
            continue;
        whole = whole ? whole : used;
        say_line(run, text, (int)whole, code_page);
        memmove(text, text + whole, used - whole);
        used -= whole;
    }
    say_line(run, text, (int)used, code_page);
}

static bool start(const char *line, HANDLE output, PROCESS_INFORMATION *process)
{
    STARTUPINFOA startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES,
        .hStdInput = INVALID_HANDLE_VALUE, .hStdOutput = output, .hStdError = output };
    char copy[1024];

    snprintf(copy, sizeof copy, "%s", line);
    return CreateProcessA(
        NULL, copy, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, process);
}

DWORD run_command(struct run *run, const char *command, unsigned minutes)
{
    SECURITY_ATTRIBUTES inherited = { sizeof inherited, NULL, TRUE };
    PROCESS_INFORMATION process;
    struct limit limit = { .job = CreateJobObjectW(NULL, NULL), .ms = minutes * 60000 };
    HANDLE output, input, watcher;
    char line[1024];
    DWORD code = NO_PROGRAM;
    bool started;

    if (!command_line(run, command, line, sizeof line) ||
        !CreatePipe(&output, &input, &inherited, 0))
        return NO_PROGRAM;
    SetHandleInformation(output, HANDLE_FLAG_INHERIT, 0);
    started = start(line, input, &process);
    CloseHandle(input);
    if (started) {
        limit.process = process.hProcess;
        AssignProcessToJobObject(limit.job, process.hProcess);
        ResumeThread(process.hThread);
        watcher = CreateThread(NULL, 0, watch, &limit, 0, NULL);
        take_down(run, output, is_of_package(command) ? CP_UTF8 : CP_OEMCP);
        WaitForSingleObject(watcher, INFINITE);
        GetExitCodeProcess(process.hProcess, &code);
        if (limit.reached)
            code = HANGS;
        CloseHandle(watcher);
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    }
    CloseHandle(output);
    CloseHandle(limit.job);
    return code;
}
