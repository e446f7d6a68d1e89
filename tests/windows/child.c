/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "child.h"
#include "../wine/programs/check.h"

HANDLE start_child(const char *child, const char *argument, BOOL suspended, HANDLE *thread)
{
    STARTUPINFOA startup = { .cb = sizeof startup };
    PROCESS_INFORMATION process;
    char program[MAX_PATH], line[2 * MAX_PATH];

    CHECK(GetModuleFileNameA(NULL, program, sizeof program));
    snprintf(line, sizeof line, "\"%s\" --child \"%s\" \"%s\"", program, child, argument);
    CHECK(CreateProcessA(NULL, line, NULL, NULL, TRUE, suspended ? CREATE_SUSPENDED : 0, NULL,
        NULL, &startup, &process));
    if (thread)
        *thread = process.hThread;
    else
        CloseHandle(process.hThread);
    return process.hProcess;
}

DWORD end_of_child(HANDLE process)
{
    DWORD code;

    CHECK_EQUAL(WaitForSingleObject(process, PATIENCE), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process, &code));
    CloseHandle(process);
    return code;
}
