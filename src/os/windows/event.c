/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <windows.h>

/* Only the low 32 bits of a handle are significant: processes of both sizes can share it. */
static HANDLE handle_of(int event)
{
    return (HANDLE)(intptr_t)event;
}

int os_event_open(int *event)
{
    HANDLE handle = CreateEventW(NULL, TRUE, FALSE, NULL);

    *event = handle ? (int)(intptr_t)handle : -1;
    return handle ? 0 : ENOMEM;
}

void os_event_close(int event)
{
    CloseHandle(handle_of(event));
}

void os_event_signal(int event)
{
    SetEvent(handle_of(event));
}

void os_event_clear(int event)
{
    ResetEvent(handle_of(event));
}

void os_event_wait(int event)
{
    WaitForSingleObject(handle_of(event), INFINITE);
}
