/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/security.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <wchar.h>

enum { SDDL_MAX = 2048, USER_MAX = 256 };

static const SECURITY_INFORMATION PARTS = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION |
                                          DACL_SECURITY_INFORMATION;

/* The service control manager's meaning of the generic rights. */
static const GENERIC_MAPPING service_rights = {
    .GenericRead = STANDARD_RIGHTS_READ | SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS |
                   SERVICE_INTERROGATE | SERVICE_ENUMERATE_DEPENDENTS,
    .GenericWrite = STANDARD_RIGHTS_WRITE | SERVICE_CHANGE_CONFIG,
    .GenericExecute = STANDARD_RIGHTS_EXECUTE | SERVICE_START | SERVICE_STOP |
                      SERVICE_PAUSE_CONTINUE | SERVICE_USER_DEFINED_CONTROL,
    .GenericAll = SERVICE_ALL_ACCESS,
};

DWORD security_parse(const wchar_t *text, PSECURITY_DESCRIPTOR *descriptor)
{
    wchar_t whole[SDDL_MAX];
    bool bare = !wcsncmp(text, L"D:", 2);

    if (_snwprintf(whole, SDDL_MAX, L"%ls%ls", bare ? L"O:SYG:SY" : L"", text) >= SDDL_MAX)
        return ERROR_INSUFFICIENT_BUFFER;
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(
               whole, SDDL_REVISION_1, descriptor, NULL)
               ? 0
               : GetLastError();
}

DWORD security_text(PSECURITY_DESCRIPTOR descriptor, wchar_t **text)
{
    return ConvertSecurityDescriptorToStringSecurityDescriptorW(
               descriptor, SDDL_REVISION_1, PARTS, text, NULL)
               ? 0
               : GetLastError();
}

/* The dacl is in what MakeSelfRelativeSD() copies. */
static DWORD replace_dacl(
    PSECURITY_DESCRIPTOR descriptor, PACL dacl, PSECURITY_DESCRIPTOR *replaced)
{
    SECURITY_DESCRIPTOR absolute;
    BOOL defaulted;
    PSID owner = NULL, group = NULL;
    DWORD size = 0;

    InitializeSecurityDescriptor(&absolute, SECURITY_DESCRIPTOR_REVISION);
    if (!GetSecurityDescriptorOwner(descriptor, &owner, &defaulted) ||
        !GetSecurityDescriptorGroup(descriptor, &group, &defaulted) ||
        !SetSecurityDescriptorOwner(&absolute, owner, FALSE) ||
        !SetSecurityDescriptorGroup(&absolute, group, FALSE) ||
        !SetSecurityDescriptorDacl(&absolute, TRUE, dacl, FALSE) ||
        !SetSecurityDescriptorControl(&absolute, SE_DACL_PROTECTED, SE_DACL_PROTECTED))
        return GetLastError();
    MakeSelfRelativeSD(&absolute, NULL, &size);
    *replaced = LocalAlloc(LMEM_FIXED, size);
    if (!*replaced)
        return ERROR_NOT_ENOUGH_MEMORY;
    return MakeSelfRelativeSD(&absolute, *replaced, &size) ? 0 : GetLastError();
}

DWORD security_grant(PSECURITY_DESCRIPTOR descriptor, HANDLE token, ACCESS_MASK rights,
    PSECURITY_DESCRIPTOR *granted)
{
    union {
        TOKEN_USER user;
        char room[USER_MAX];
    } buffer;
    EXPLICIT_ACCESSW entry = { .grfAccessPermissions = rights, .grfAccessMode = GRANT_ACCESS };
    BOOL present = FALSE, defaulted;
    PACL before = NULL, dacl;
    DWORD size, error;

    if (!GetTokenInformation(token, TokenUser, &buffer, sizeof buffer, &size) ||
        !GetSecurityDescriptorDacl(descriptor, &present, &before, &defaulted))
        return GetLastError();
    entry.Trustee.TrusteeForm = TRUSTEE_IS_SID;
    entry.Trustee.TrusteeType = TRUSTEE_IS_USER;
    entry.Trustee.ptstrName = (wchar_t *)buffer.user.User.Sid;
    error = SetEntriesInAclW(1, &entry, present ? before : NULL, &dacl);
    if (error)
        return error;
    error = replace_dacl(descriptor, dacl, granted);
    LocalFree(dacl);
    return error;
}

bool security_allows(PSECURITY_DESCRIPTOR descriptor, HANDLE token, ACCESS_MASK right)
{
    GENERIC_MAPPING mapping = service_rights;
    PRIVILEGE_SET privileges;
    DWORD size = sizeof privileges, granted = 0;
    BOOL allowed = FALSE;

    return AccessCheck(
               descriptor, token, right, &mapping, &privileges, &size, &granted, &allowed) &&
           allowed;
}
