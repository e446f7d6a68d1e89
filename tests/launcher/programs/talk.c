/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* launchctl as people and scripts use it. */

#include "launched.h"

/* Ours, in which the group of administrators only denies. */
static HANDLE user_token(void)
{
    static HANDLE token;
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    SID_AND_ATTRIBUTES administrators = { .Sid = sid };
    HANDLE own;

    if (token)
        return token;
    CHECK(CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size));
    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own));
    CHECK(CreateRestrictedToken(
        own, DISABLE_MAX_PRIVILEGE, 1, &administrators, 0, NULL, 0, NULL, &token));
    CloseHandle(own);
    return token;
}

/* The contents of the pipe, which has room for all that a test expects. */
static void take(HANDLE pipe, char text[ANSWER_ROOM])
{
    DWORD there = 0, got = 0;
    char *from = text, *to = text;

    if (PeekNamedPipe(pipe, NULL, 0, NULL, &there, NULL) && there)
        ReadFile(pipe, text, there < ANSWER_ROOM ? there : ANSWER_ROOM - 1, &got, NULL);
    text[got] = 0;
    for (; *from; from++)
        if (*from != '\r')
            *to++ = *from;
    *to = 0;
    CloseHandle(pipe);
}

const struct said *run_line(const char *line, bool as_user)
{
    static struct said said;
    SECURITY_ATTRIBUTES inherited = { sizeof inherited, NULL, TRUE };
    STARTUPINFOW startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
    PROCESS_INFORMATION process;
    wchar_t wide[ANSWER_ROOM];
    HANDLE output, errors;

    CHECK(MultiByteToWideChar(CP_UTF8, 0, line, -1, wide, ANSWER_ROOM));
    CHECK(CreatePipe(&output, &startup.hStdOutput, &inherited, 8 * ANSWER_ROOM));
    CHECK(CreatePipe(&errors, &startup.hStdError, &inherited, 8 * ANSWER_ROOM));
    if (!(as_user ? CreateProcessAsUserW(user_token(), NULL, wide, NULL, NULL, TRUE,
                        CREATE_NO_WINDOW, NULL, NULL, &startup, &process)
                  : CreateProcessW(NULL, wide, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL,
                        &startup, &process)))
        fail(__FILE__, __LINE__, "%s cannot be started: error %lu", line, GetLastError());
    CloseHandle(process.hThread);
    said.status = end_of_child(process.hProcess);
    CloseHandle(startup.hStdOutput);
    CloseHandle(startup.hStdError);
    take(output, said.output);
    take(errors, said.errors);
    return &said;
}

static const struct said *launchctl(const char *words, bool as_user)
{
    char program[2 * MAX_PATH], line[ANSWER_ROOM];

    program_beside_service(program, sizeof program, "launchctl");
    snprintf(line, sizeof line, "\"%s\" %s", program, words);
    return run_line(line, as_user);
}

const struct said *ctl(const char *words)
{
    return launchctl(words, false);
}

const struct said *ctl_as_user(const char *words)
{
    return launchctl(words, true);
}

void says(const char *file, int line, const char *wanted, const char *words, DWORD status,
    bool as_user)
{
    const struct said *said = launchctl(words, as_user);

    if (said->status != status || strcmp(said->output, wanted) || *said->errors)
        fail(file, line, "launchctl %s: exit status %lu, \"%s\", \"%s\"; not %lu, \"%s\"", words,
            said->status, said->output, said->errors, status, wanted);
}
