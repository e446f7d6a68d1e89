/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The service, by the calls of an installer. */

#include "launched.h"

#define NAME "WinSpd.Launcher"

static SC_HANDLE open_service(void)
{
    static SC_HANDLE manager, service;

    if (!manager)
        manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    if (!service)
        service = OpenServiceA(manager, NAME,
            SERVICE_START | SERVICE_STOP | SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG);
    return service;
}

bool service_exists(void)
{
    return open_service();
}

const char *service_program(void)
{
    static char path[2 * MAX_PATH];
    union {
        QUERY_SERVICE_CONFIGA config;
        char room[8192];
    } found;
    const char *from;
    DWORD length;

    CHECK(QueryServiceConfigA(open_service(), &found.config, sizeof found, &length));
    from = found.config.lpBinaryPathName;
    from += *from == '"';
    snprintf(path, sizeof path, "%s", from);
    if (strchr(path, '"'))
        *strchr(path, '"') = 0;
    return path;
}

void program_beside_service(char *path, size_t room, const char *name)
{
    snprintf(path, room, "%s", service_program());
    CHECK(strrchr(path, '\\'));
    *strrchr(path, '\\') = 0;
    snprintf(path + strlen(path), room - strlen(path), "\\%s-" ARCH ".exe", name);
}

static DWORD state(void)
{
    SERVICE_STATUS status;

    CHECK(QueryServiceStatus(open_service(), &status));
    return status.dwCurrentState;
}

void service_start(void)
{
    if (!StartServiceA(open_service(), 0, NULL) &&
        GetLastError() != ERROR_SERVICE_ALREADY_RUNNING)
        fail(__FILE__, __LINE__, "the service %s cannot be started: error %lu", NAME,
            GetLastError());
    WAIT_UNTIL(state() == SERVICE_RUNNING);
}

void service_stop(void)
{
    SERVICE_STATUS status;

    CHECK(ControlService(open_service(), SERVICE_CONTROL_STOP, &status));
    WAIT_UNTIL(state() == SERVICE_STOPPED);
}
