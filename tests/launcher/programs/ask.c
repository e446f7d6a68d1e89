/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* In the place of src/launcher/ask.c: GenerateConsoleCtrlEvent() of Wine 8 knows no CTRL_BREAK. An
 * event of this name is for server.c the same. */

#include "launcher/ask.h"

#include <stdio.h>

BOOL ask_to_end(DWORD process_id)
{
    wchar_t name[32];
    HANDLE event;
    BOOL asked;

    _snwprintf(name, 32, L"Global\\break-%lu", process_id);
    event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
    asked = event && SetEvent(event);
    if (event)
        CloseHandle(event);
    return asked;
}
