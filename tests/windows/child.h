/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Parts of a test that run in another process: this program again. */

#ifndef WINDOWS_CHILD_H
#define WINDOWS_CHILD_H

#include <windows.h>

/* Runs this program as --child CHILD ARGUMENT; returns its process. If the caller wants its thread
 * it gets that, too, and closes both; a suspended child waits for ResumeThread(). Ends the test
 * when there can be no child. */
HANDLE start_child(const char *child, const char *argument, BOOL suspended, HANDLE *thread);
/* Waits for its end, which has to come, and closes it. Returns its exit code. */
DWORD end_of_child(HANDLE process);

#endif
