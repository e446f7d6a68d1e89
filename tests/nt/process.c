/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Processes of kernel32: this program again, with other arguments. */

#include "ntapi.h"
#include <string.h>

static BOOL query(HANDLE process, PROCESS_BASIC_INFORMATION *basic)
{
    return nt_ok(
        NtQueryInformationProcess(process, ProcessBasicInformation, basic, sizeof *basic, NULL));
}

DWORD WINAPI GetProcessId(HANDLE process)
{
    PROCESS_BASIC_INFORMATION basic;

    return query(process, &basic) ? (DWORD)basic.UniqueProcessId : 0;
}

DWORD WINAPI GetCurrentProcessId(VOID)
{
    return GetProcessId(NT_CURRENT_PROCESS);
}

BOOL WINAPI GetExitCodeProcess(HANDLE process, LPDWORD code)
{
    PROCESS_BASIC_INFORMATION basic;

    if (!query(process, &basic))
        return FALSE;
    *code = (DWORD)basic.ExitStatus;
    return TRUE;
}

BOOL WINAPI TerminateProcess(HANDLE process, UINT code)
{
    return nt_ok(NtTerminateProcess(process, (NTSTATUS)code));
}

DECLSPEC_NORETURN VOID WINAPI ExitProcess(UINT code)
{
    for (;;)
        NtTerminateProcess(NT_CURRENT_PROCESS, (NTSTATUS)code);
}

/* As the object manager knows it. */
DWORD WINAPI GetModuleFileNameA(HMODULE module, LPSTR name, DWORD room)
{
    static const char directory[] = "\\??\\";
    const UNICODE_STRING *path = &RtlGetCurrentPeb()->ProcessParameters->ImagePathName;
    unsigned count = path->Length / sizeof(WCHAR), at = 0, i;

    (void)module;
    if (count + sizeof directory > room) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    if (path->Buffer[0] != L'\\') {
        memcpy(name, directory, sizeof directory - 1);
        at = sizeof directory - 1;
    }
    for (i = 0; i < count; i++)
        name[at + i] = (char)path->Buffer[i];
    name[at + i] = 0;
    return at + i;
}

static NTSTATUS start(const char *line, BOOL inherit, struct nt_process *process)
{
    UNICODE_STRING image, command_line;
    WCHAR image_buffer[MAX_PATH], line_buffer[2 * MAX_PATH];
    PRTL_USER_PROCESS_PARAMETERS parameters;
    char name[MAX_PATH];
    NTSTATUS status;

    GetModuleFileNameA(NULL, name, sizeof name);
    nt_unicode(&image, image_buffer, MAX_PATH, name);
    nt_unicode(&command_line, line_buffer, 2 * MAX_PATH, line);
    status = RtlCreateProcessParameters(
        &parameters, &image, NULL, NULL, &command_line, NULL, NULL, NULL, NULL, NULL);
    if (!NT_SUCCESS(status))
        return status;
    process->size = sizeof *process;
    status = RtlCreateUserProcess(&image, OBJ_CASE_INSENSITIVE, parameters, NULL, NULL, NULL,
        (BOOLEAN)inherit, NULL, NULL, process);
    RtlDestroyProcessParameters(parameters);
    return status;
}

/* Its first thread waits until it is resumed. */
BOOL WINAPI CreateProcessA(LPCSTR application, LPSTR line, LPSECURITY_ATTRIBUTES process_security,
    LPSECURITY_ATTRIBUTES thread_security, BOOL inherit, DWORD flags, LPVOID environment,
    LPCSTR folder, LPSTARTUPINFOA startup, LPPROCESS_INFORMATION information)
{
    struct nt_process process;

    (void)application;
    (void)process_security;
    (void)thread_security;
    (void)environment;
    (void)folder;
    (void)startup;
    if (!nt_ok(start(line, inherit, &process)))
        return FALSE;
    information->hProcess = process.process;
    information->hThread = process.thread;
    if (!(flags & CREATE_SUSPENDED))
        NtResumeThread(process.thread, NULL);
    return TRUE;
}
