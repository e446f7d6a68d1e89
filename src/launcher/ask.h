/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Asks a server to end. A file of its own, because the tests replace it: Wine sends no
 * CTRL_BREAK. */

#ifndef LAUNCHER_ASK_H
#define LAUNCHER_ASK_H

#include <windows.h>

/* The server leads the process group of its number. FALSE: it cannot be asked. */
BOOL ask_to_end(DWORD process_id);

#endif
