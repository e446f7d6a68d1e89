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

bool command_line(const struct run *run, const char *command, char *line, size_t room)
{
    size_t word = strcspn(command, " ");
    char program[2 * MAX_PATH];

    if (!is_of_package(command)) {
        snprintf(line, room, "%s", command);
        return true;
    }
    snprintf(program, sizeof(program), "%s\\%.*s.exe", run->folder, (int)word, command);
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

static void take_down(struct run *run, HANDLE output)
{
    char text[4096];
    DWORD got;

    while (ReadFile(output, text, sizeof(text) - 1, &got, NULL) && got)
        say(run, "%.*s", (int)got, text);
}

static bool start(const char *line, HANDLE output, PROCESS_INFORMATION *process)
{
    STARTUPINFOA startup = { .cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES,
        .hStdInput = INVALID_HANDLE_VALUE, .hStdOutput = output, .hStdError = output };
    char copy[1024];

    snprintf(copy, sizeof(copy), "%s", line);
    return CreateProcessA(
        NULL, copy, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, process);
}

DWORD run_command(struct run *run, const char *command, unsigned minutes)
{
    SECURITY_ATTRIBUTES inherited = { sizeof(inherited), NULL, TRUE };
    PROCESS_INFORMATION process;
    struct limit limit = { .job = CreateJobObjectW(NULL, NULL), .ms = minutes * 60000 };
    HANDLE output, input, watcher;
    char line[1024];
    DWORD code = NO_PROGRAM;
    bool started;

    if (!command_line(run, command, line, sizeof(line)) ||
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
        take_down(run, output);
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
