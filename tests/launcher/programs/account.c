/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* In the place of src/launcher/account.c: Wine's LogonUser() gives a token of which nothing can be
 * made. This one is ours, in which the group of administrators only denies. */

#include "launcher/account.h"

DWORD account_token(const wchar_t *account, HANDLE *token)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid, error = 0;
    SID_AND_ATTRIBUTES administrators = { .Sid = sid };
    HANDLE own;

    if (lstrcmpiW(account, L"LocalService") && lstrcmpiW(account, L"NetworkService"))
        return ERROR_NONE_MAPPED;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own))
        return GetLastError();
    if (!CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size) ||
        !CreateRestrictedToken(
            own, DISABLE_MAX_PRIVILEGE, 1, &administrators, 0, NULL, 0, NULL, token))
        error = GetLastError();
    CloseHandle(own);
    return error;
}
