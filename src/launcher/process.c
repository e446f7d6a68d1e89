/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/process.h"

#include "launcher/account.h"
#include "launcher/ask.h"
#include "launcher/log.h"
#include "launcher/sink.h"

#include <stdbool.h>
#include <stdlib.h>
#include <userenv.h>

static HANDLE job;

enum { NULL_DEVICE, ERRORS };

/* The parameters of a process's start. */
struct start {
    HANDLE token;
    HANDLE inherited[2];
    void *environment;
    STARTUPINFOEXW info;
};

/* Without this, the console would end the launcher with the session of any user. */
static BOOL WINAPI stays(DWORD event)
{
    return event == CTRL_LOGOFF_EVENT;
}

void process_prepare(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    };
    wchar_t text[LOG_ERROR_MAX];

    /* Access is denied if there is one. */
    if (!AllocConsole() && GetLastError() != ERROR_ACCESS_DENIED)
        log_write(EVENTLOG_WARNING_TYPE, L"servers are ended without a warning: no console: %ls",
            log_error_text(GetLastError(), text));
    SetConsoleCtrlHandler(stays, TRUE);
    if (GetConsoleWindow())
        ShowWindow(GetConsoleWindow(), SW_HIDE);
    job = CreateJobObjectW(NULL, NULL);
    if (!job ||
        !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
        log_write(EVENTLOG_WARNING_TYPE, L"servers may outlive the launcher: no job: %ls",
            log_error_text(GetLastError(), text));
}

/* The account's own token and environment; the launcher's if the class names none. */
static DWORD prepare_account(const wchar_t *account, struct start *start)
{
    static wchar_t desktop[] = L"";
    DWORD error;

    if (!*account)
        return 0;
    error = account_token(account, &start->token);
    if (error)
        return error;
    /* The account's own desktop: a program that loads user32 may not open the launcher's, and would
     * end. */
    start->info.StartupInfo.lpDesktop = desktop;
    return CreateEnvironmentBlock(&start->environment, start->token, FALSE) ? 0 : GetLastError();
}

/* The server inherits these handles and no others, whatever else the launcher has open. */
static DWORD prepare_handles(struct start *start)
{
    SECURITY_ATTRIBUTES inheritable = { sizeof inheritable, NULL, TRUE };
    STARTUPINFOEXW *info = &start->info;
    SIZE_T size = 0;

    HANDLE null_device = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, &inheritable, OPEN_EXISTING, 0, NULL);
    if (null_device == INVALID_HANDLE_VALUE)
        return GetLastError();
    start->inherited[NULL_DEVICE] = null_device;
    info->StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    info->StartupInfo.hStdInput = info->StartupInfo.hStdOutput = null_device;
    info->StartupInfo.hStdError = start->inherited[ERRORS];

    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    info->lpAttributeList = malloc(size);
    if (!info->lpAttributeList)
        return ERROR_NOT_ENOUGH_MEMORY;
    return InitializeProcThreadAttributeList(info->lpAttributeList, 1, 0, &size) &&
                   UpdateProcThreadAttribute(info->lpAttributeList, 0,
                       PROC_THREAD_ATTRIBUTE_HANDLE_LIST, start->inherited, sizeof start->inherited,
                       NULL, NULL)
               ? 0
               : GetLastError();
}

static void finish(struct start *start)
{
    if (start->info.lpAttributeList) {
        DeleteProcThreadAttributeList(start->info.lpAttributeList);
        free(start->info.lpAttributeList);
    }
    if (start->environment)
        DestroyEnvironmentBlock(start->environment);
    if (start->token)
        CloseHandle(start->token);
    for (size_t i = 0; i < sizeof start->inherited / sizeof start->inherited[0]; i++) {
        if (start->inherited[i])
            CloseHandle(start->inherited[i]);
    }
}

static DWORD create(const struct class_values *values, wchar_t *command_line, struct start *start,
    PROCESS_INFORMATION *made)
{
    const wchar_t *directory = *values->work_directory ? values->work_directory : NULL;
    DWORD flags = CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP | EXTENDED_STARTUPINFO_PRESENT |
                  CREATE_UNICODE_ENVIRONMENT;
    BOOL inherits = start->inherited[ERRORS] != NULL;
    STARTUPINFOW *info = &start->info.StartupInfo;

    return (start->token
                   ? CreateProcessAsUserW(start->token, values->executable, command_line, NULL,
                         NULL, inherits, flags, start->environment, directory, info, made)
                   : CreateProcessW(values->executable, command_line, NULL, NULL, inherits, flags,
                         NULL, directory, info, made))
               ? 0
               : GetLastError();
}

DWORD process_start(const struct class_values *values, wchar_t *command_line, const wchar_t *name,
    struct process *process)
{
    struct start start = { .info.StartupInfo.cb = sizeof start.info };
    PROCESS_INFORMATION made = { 0 };
    wchar_t text[LOG_ERROR_MAX];
    DWORD error = prepare_account(values->run_as, &start);

    *process = (struct process){ 0 };
    if (!error && *values->standard_error) {
        error = sink_open(values->standard_error, name, &process->errors, &start.inherited[ERRORS]);
        if (!error)
            error = prepare_handles(&start);
    }
    if (!error)
        error = create(values, command_line, &start, &made);
    finish(&start);
    if (error) {
        sink_close(process->errors);
        return error;
    }
    if (values->job_control && job && !AssignProcessToJobObject(job, made.hProcess))
        log_write(EVENTLOG_WARNING_TYPE, L"%ls: it may outlive the launcher: no job: %ls", name,
            log_error_text(GetLastError(), text));
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    process->handle = made.hProcess;
    process->id = made.dwProcessId;
    return 0;
}

void process_end(const struct process *process)
{
    if (!ask_to_end(process->id) ||
        WaitForSingleObject(process->handle, PROCESS_KILL_MS) == WAIT_TIMEOUT)
        TerminateProcess(process->handle, 0);
    WaitForSingleObject(process->handle, INFINITE);
}

DWORD process_forget(struct process *process)
{
    DWORD exit_code = 0;

    GetExitCodeProcess(process->handle, &exit_code);
    CloseHandle(process->handle);
    sink_close(process->errors);
    *process = (struct process){ 0 };
    return exit_code;
}
