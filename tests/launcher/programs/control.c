/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * control COMMAND: the service WinSpd.Launcher, as an installer and the service manager treat it.
 *
 *     install PATH      makes it, to be started with the system
 *     start, stop       returns when it is done
 *     begin-stop        returns at once
 *     remove
 */

#include <windows.h>

#include <stdio.h>
#include <wchar.h>

#define NAME L"WinSpd.Launcher"

static SC_HANDLE manager, service;

static int failed(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    return 1;
}

static int await(DWORD wanted)
{
    SERVICE_STATUS status;

    do {
        Sleep(20);
        if (!QueryServiceStatus(service, &status))
            return failed("QueryServiceStatus");
        if (wanted == SERVICE_RUNNING && status.dwCurrentState == SERVICE_STOPPED) {
            printf("it has ended: %lu\n", status.dwWin32ExitCode);
            return 1;
        }
    } while (status.dwCurrentState != wanted);
    return 0;
}

static int install(const wchar_t *path)
{
    service = CreateServiceW(manager, NAME, NAME, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
        SERVICE_AUTO_START, SERVICE_ERROR_IGNORE, path, NULL, NULL, NULL, NULL, NULL);
    return service ? 0 : failed("CreateService");
}

static int start(void)
{
    if (!StartServiceW(service, 0, NULL) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING)
        return failed("StartService");
    return await(SERVICE_RUNNING);
}

static int stop(void)
{
    SERVICE_STATUS status;

    return ControlService(service, SERVICE_CONTROL_STOP, &status) ? 0 : failed("ControlService");
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    const wchar_t *command = count > 1 ? words[1] : L"";

    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    if (!manager)
        return failed("OpenSCManager");
    if (!wcscmp(command, L"install") && count == 3)
        return install(words[2]);
    service = OpenServiceW(manager, NAME, SERVICE_ALL_ACCESS);
    if (!service)
        return failed("OpenService");
    if (!wcscmp(command, L"start"))
        return start();
    if (!wcscmp(command, L"stop"))
        return stop() || await(SERVICE_STOPPED);
    if (!wcscmp(command, L"begin-stop"))
        return stop();
    if (!wcscmp(command, L"remove"))
        return DeleteService(service) ? 0 : failed("DeleteService");
    return ERROR_INVALID_PARAMETER;
}
