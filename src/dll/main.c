/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Frees the DLL's memory when a program unloads it; at the end of a process the system does so. */

#include "dll/dll.h"

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *end_of_process);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *end_of_process)
{
    UNREFERENCED_PARAMETER(instance);
    if (reason == DLL_PROCESS_DETACH && !end_of_process)
        windows_events_close();
    return TRUE;
}
