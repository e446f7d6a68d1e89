/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What the DLL leaves behind when a program frees it; at the end of a process the system does. */

#include "dll/dll.h"

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *end_of_process);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *end_of_process)
{
    UNREFERENCED_PARAMETER(instance);
    if (reason == DLL_PROCESS_DETACH && !end_of_process)
        windows_events_close();
    return TRUE;
}
