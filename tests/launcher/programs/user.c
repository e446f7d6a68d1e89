/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* user PROGRAM ...: runs it as a user who is no administrator: with our token, in which that group
 * only denies. Its exit status is the program's. */

#include <windows.h>

#include <stdio.h>
#include <wchar.h>

static DWORD make_token(HANDLE *token)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    SID_AND_ATTRIBUTES administrators = { .Sid = sid };
    HANDLE own;

    return CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size) &&
            OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own) &&
            CreateRestrictedToken(
                own, DISABLE_MAX_PRIVILEGE, 1, &administrators, 0, NULL, 0, NULL, token)
        ? 0
        : GetLastError();
}

int wmain(void);

int wmain(void)
{
    STARTUPINFOW info = { .cb = sizeof info };
    PROCESS_INFORMATION made;
    HANDLE token = NULL;
    DWORD status = make_token(&token);
    /* The rest of our own command line, as it is. */
    wchar_t *line = GetCommandLineW();

    if (*line == L'"')
        line = wcschr(line + 1, L'"');
    line = wcschr(line, L' ');
    while (line && *line == L' ')
        line++;
    if (!status &&
        !CreateProcessAsUserW(token, NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &info, &made))
        status = GetLastError();
    if (status) {
        printf("user: error %lu\n", status);
        return 1;
    }
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &status);
    return (int)status;
}
