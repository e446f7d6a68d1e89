/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/ask.h"

BOOL ask_to_end(DWORD process_id)
{
    return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, process_id);
}
