/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/token.h"

#include <stdlib.h>

DWORD token_of_client(HANDLE pipe, HANDLE *token)
{
    DWORD error = 0;

    if (!ImpersonateNamedPipeClient(pipe))
        return GetLastError();
    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, token))
        error = GetLastError();
    /* A thread that goes on with its client's token is worse than none. */
    if (!RevertToSelf())
        abort();
    return error == ERROR_CANT_OPEN_ANONYMOUS ? ERROR_ACCESS_DENIED : error;
}
