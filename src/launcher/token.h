/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Whose request it is. It is a file of its own, because the tests replace it: Wine impersonates the
 * server. */

#ifndef LAUNCHER_TOKEN_H
#define LAUNCHER_TOKEN_H

#include <windows.h>

/* The token of the client whose message was read from the pipe last, for AccessCheck(). The caller
 * closes it. 0 or Win32's error: ERROR_ACCESS_DENIED if the client hides its identity. */
DWORD token_of_client(HANDLE pipe, HANDLE *token);

#endif
