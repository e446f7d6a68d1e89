/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/service.h"

#include "launcher/instance.h"
#include "launcher/log.h"
#include "launcher/persist.h"
#include "launcher/pipe.h"
#include "launcher/process.h"

static SERVICE_STATUS_HANDLE status_handle;
static HANDLE stop; /* event */

DWORD launcher_begin(void)
{
    wchar_t text[LOG_ERROR_MAX];
    DWORD error;

    process_prepare();
    error = pipe_start();
    if (error) {
        log_write(EVENTLOG_ERROR_TYPE, L"cannot serve: %ls", log_error_text(error, text));
        return error;
    }
    persist_start_all();
    return 0;
}

void launcher_end(void)
{
    pipe_stop();
    if (!instance_stop_all(SERVICE_STOP_MS))
        log_write(EVENTLOG_WARNING_TYPE,
            L"servers have not ended in %d s, and end with the launcher", SERVICE_STOP_MS / 1000);
}

static void tell_state(DWORD state, DWORD error)
{
    static DWORD progress;
    bool changing = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
    SERVICE_STATUS status = {
        .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
        .dwCurrentState = state,
        .dwControlsAccepted = state == SERVICE_RUNNING
                                  ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN
                                  : 0,
        .dwWin32ExitCode = error,
        .dwCheckPoint = changing ? ++progress : 0,
        .dwWaitHint = !changing ? 0
                      : state == SERVICE_START_PENDING
                          ? SERVICE_START_HINT_MS
                          : SERVICE_STOP_MS + PIPE_ANSWER_MS + PROCESS_KILL_MS,
    };

    SetServiceStatus(status_handle, &status);
}

static DWORD WINAPI control(DWORD code, DWORD event, void *data, void *context)
{
    (void)event, (void)data, (void)context;
    switch (code) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
        tell_state(SERVICE_STOP_PENDING, 0);
        SetEvent(stop);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static VOID WINAPI service_main(DWORD count, wchar_t **words)
{
    DWORD error;

    (void)count, (void)words;
    status_handle = RegisterServiceCtrlHandlerExW(SERVICE_NAME, control, NULL);
    if (!status_handle)
        return;
    tell_state(SERVICE_START_PENDING, 0);
    error = launcher_begin();
    if (!error) {
        log_write(EVENTLOG_INFORMATION_TYPE, L"the service has started");
        tell_state(SERVICE_RUNNING, 0);
        WaitForSingleObject(stop, INFINITE);
        launcher_end();
        log_write(EVENTLOG_INFORMATION_TYPE, L"the service has stopped");
    }
    tell_state(SERVICE_STOPPED, error);
}

DWORD service_run(void)
{
    SERVICE_TABLE_ENTRYW table[] = { { (wchar_t *)SERVICE_NAME, service_main }, { NULL, NULL } };

    stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    return stop && StartServiceCtrlDispatcherW(table) ? 0 : GetLastError();
}

static BOOL WINAPI interrupted(DWORD event)
{
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        return FALSE;
    SetEvent(stop);
    return TRUE;
}

DWORD console_run(void)
{
    DWORD error;

    log_to_console();
    stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!stop || !SetConsoleCtrlHandler(interrupted, TRUE))
        return GetLastError();
    error = launcher_begin();
    if (error)
        return error;
    log_write(EVENTLOG_INFORMATION_TYPE, L"serving; Ctrl-C ends the launcher and its servers");
    WaitForSingleObject(stop, INFINITE);
    launcher_end();
    return 0;
}
