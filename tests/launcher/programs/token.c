/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* In the place of src/launcher/token.c: Wine's ImpersonateNamedPipeClient() gives the server's own
 * token, so that every client would be an administrator. This is the client's process's. */

#include "launcher/token.h"

DWORD token_of_client(HANDLE pipe, HANDLE *token)
{
    HANDLE process, primary = NULL;
    ULONG process_id = 0;
    DWORD error = 0;

    GetNamedPipeClientProcessId(pipe, &process_id);
    process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    if (!process)
        return GetLastError();
    if (!OpenProcessToken(process, TOKEN_QUERY | TOKEN_DUPLICATE, &primary) ||
        !DuplicateToken(primary, SecurityIdentification, token))
        error = GetLastError();
    if (primary)
        CloseHandle(primary);
    CloseHandle(process);
    return error;
}
