/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/account.h"

#include <sddl.h>

/* In no header, and Wine's advapi32 lacks it. */
typedef BOOL WINAPI logon_function(const wchar_t *user, const wchar_t *domain,
    const wchar_t *password, DWORD type, DWORD provider, TOKEN_GROUPS *groups, HANDLE *token,
    PSID *logon_sid, void **profile, DWORD *profile_length, QUOTA_LIMITS *quotas);

static logon_function *find_logon(void)
{
    HMODULE module = GetModuleHandleW(L"advapi32.dll");

    return module ? (logon_function *)(void (*)(void))GetProcAddress(module, "LogonUserExExW")
                  : NULL;
}

DWORD account_token(const wchar_t *account, HANDLE *token)
{
    logon_function *logon = find_logon();
    TOKEN_GROUPS groups = {
        .GroupCount = 1,
        .Groups[0].Attributes = SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED,
    };
    DWORD error = 0;

    if (!logon)
        return ERROR_PROC_NOT_FOUND;
    if (!ConvertStringSidToSidW(ACCOUNT_LAUNCHER_SID, &groups.Groups[0].Sid))
        return GetLastError();
    if (!logon(account, L"NT AUTHORITY", NULL, LOGON32_LOGON_SERVICE, LOGON32_PROVIDER_DEFAULT,
            &groups, token, NULL, NULL, NULL, NULL))
        error = GetLastError();
    LocalFree(groups.Groups[0].Sid);
    return error;
}
