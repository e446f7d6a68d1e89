/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Custom actions of the Windows Installer package: they run a program and look at its exit status.
 * An action that is a program itself would do, were it not for 3010: any status but 0 fails an
 * installation, and a program cannot ask for a restart. Its output goes into the log of
 * the installation, and into the message of its failure.
 *
 * Programs run in deferred actions, which know no more of the installation than the property
 * CustomActionData: a command line. They may not ask for a restart either, so they leave word in a
 * global atom, which an immediate action at the end of the installation finds. */

#include "actions.h"

#include <msiquery.h>
#include <stdbool.h>
#include <wchar.h>

enum {
    COMMAND_MAX = 2048, /* characters of a command line, with its end */
    SAID_MAX = 4096,    /* bytes kept of what a program says */
    LOOK_MS = 50,       /* how often a program that runs is asked what it says */
};

static const wchar_t restart_wanted[] = L"WinSpd: an installation wants a restart";

/* Says a line as it is: no part of it is a field of the installer. */
static void tell(MSIHANDLE install, INSTALLMESSAGE kind, const wchar_t *line)
{
    MSIHANDLE record = MsiCreateRecord(1);

    MsiRecordSetStringW(record, 0, L"[1]");
    MsiRecordSetStringW(record, 1, line);
    MsiProcessMessage(install, kind, record);
    MsiCloseHandle(record);
}

struct said {
    char text[SAID_MAX];
    DWORD length;
};

/* Takes what is there, keeps what there is room for. */
static void overhear(HANDLE pipe, struct said *said)
{
    char part[512];
    DWORD there, got;

    while (PeekNamedPipe(pipe, NULL, 0, NULL, &there, NULL) && there &&
           ReadFile(pipe, part, sizeof part, &got, NULL)) {
        for (DWORD i = 0; i < got && said->length < SAID_MAX - 1; i++)
            said->text[said->length++] = part[i];
    }
}

/* Its exit status, or why it could not be started. */
static DWORD run(wchar_t *command, struct said *said)
{
    SECURITY_ATTRIBUTES inherited = { .nLength = sizeof inherited, .bInheritHandle = TRUE };
    STARTUPINFOW start = { .cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES };
    PROCESS_INFORMATION process;
    DWORD status = ERROR_SUCCESS;
    HANDLE pipe;

    if (!CreatePipe(&pipe, &start.hStdError, &inherited, 0))
        return GetLastError();
    SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0);
    start.hStdOutput = start.hStdError;
    if (CreateProcessW(
            NULL, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &start, &process)) {
        while (WaitForSingleObject(process.hProcess, LOOK_MS) == WAIT_TIMEOUT)
            overhear(pipe, said);
        overhear(pipe, said);
        GetExitCodeProcess(process.hProcess, &status);
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    } else {
        status = GetLastError();
    }
    CloseHandle(start.hStdError);
    CloseHandle(pipe);
    return status;
}

/* Says what the program said, or, where it was silent, that it failed. */
static void tell_end(MSIHANDLE install, const wchar_t *command, DWORD status, bool failed,
    const struct said *said)
{
    wchar_t line[COMMAND_MAX + SAID_MAX];

    swprintf(line, COMMAND_MAX + SAID_MAX, L"%ls: exit status %lu", command, status);
    tell(install, INSTALLMESSAGE_INFO, line);
    if (said->length) {
        int length = MultiByteToWideChar(
            CP_UTF8, 0, said->text, (int)said->length, line, SAID_MAX - 1);
        line[length] = L'\0';
        tell(install, INSTALLMESSAGE_INFO, line);
    }
    if (failed)
        tell(install, INSTALLMESSAGE_ERROR, line);
}

/* gone: the status by which a program says that what it should remove is not there. */
static UINT run_command(MSIHANDLE install, DWORD gone)
{
    wchar_t command[COMMAND_MAX], started[COMMAND_MAX];
    DWORD length = COMMAND_MAX;
    struct said said = { .length = 0 };
    bool restart, failed;
    DWORD status;

    if (MsiGetPropertyW(install, L"CustomActionData", command, &length)) {
        tell(install, INSTALLMESSAGE_ERROR, L"WinSpd: a command of the package is too long");
        return ERROR_INSTALL_FAILURE;
    }
    wcscpy(started, command); /* the call may change it */
    status = run(started, &said);
    restart = status == ERROR_SUCCESS_REBOOT_REQUIRED;
    failed = status != ERROR_SUCCESS && status != gone && !restart;
    tell_end(install, command, status, failed, &said);
    if (restart)
        GlobalAddAtomW(restart_wanted);
    return failed ? ERROR_INSTALL_FAILURE : ERROR_SUCCESS;
}

UINT __stdcall RunProgram(MSIHANDLE install)
{
    return run_command(install, ERROR_SUCCESS);
}

UINT __stdcall RunRemoval(MSIHANDLE install)
{
    return run_command(install, ERROR_FILE_NOT_FOUND);
}

UINT __stdcall ScheduleRestart(MSIHANDLE install)
{
    ATOM atom;
    bool wanted = false;

    while ((atom = GlobalFindAtomW(restart_wanted)) != 0 && !GlobalDeleteAtom(atom))
        wanted = true;
    if (wanted)
        MsiSetMode(install, MSIRUNMODE_REBOOTATEND, TRUE);
    return ERROR_SUCCESS;
}
