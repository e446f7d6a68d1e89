/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <windows.h>
#include <aclapi.h>

enum {
    PATH_CHARS = 4096,
    /* Access rights that lead to a file's contents, now or after one more step. */
    TELLTALE = FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | WRITE_DAC | WRITE_OWNER |
        DELETE,
};

void os_wipe(void *bytes, size_t length)
{
    SecureZeroMemory(bytes, length);
}

void os_secrets_begin(void)
{
}

void os_secrets_end(void)
{
}

static int failure(DWORD error, char *why, size_t size)
{
    snprintf(why, size, "Windows error %lu%s", error,
        error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? ", it is not there"
            : error == ERROR_ACCESS_DENIED ? ", access is denied" : "");
    return error == ERROR_ACCESS_DENIED ? EACCES : ENOENT;
}

/* The user as which this process runs; NULL when it is unknown. */
static PSID self(TOKEN_USER *user, DWORD size)
{
    HANDLE token;
    BOOL got;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return NULL;
    got = GetTokenInformation(token, TokenUser, user, size, &size);
    CloseHandle(token);
    return got ? user->User.Sid : NULL;
}

/* The owner, this process's user, and accounts that can read every file anyway. S-1-3-4 means the
 * owner. */
static bool is_trusted(PSID sid, PSID owner, PSID me)
{
    return EqualSid(sid, owner) || (me && EqualSid(sid, me)) ||
        IsWellKnownSid(sid, WinLocalSystemSid) ||
        IsWellKnownSid(sid, WinBuiltinAdministratorsSid) ||
        IsWellKnownSid(sid, WinCreatorOwnerRightsSid);
}

/* Kinds of entries that allow something under a condition count as if it held. */
static bool gives_away(const ACE_HEADER *ace, PSID owner, PSID me)
{
    GENERIC_MAPPING file = { FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
        FILE_ALL_ACCESS };
    const ACCESS_ALLOWED_ACE *allowed = (const ACCESS_ALLOWED_ACE *)(const void *)ace;
    DWORD mask = allowed->Mask;

    if (ace->AceFlags & INHERIT_ONLY_ACE ||
        (ace->AceType != ACCESS_ALLOWED_ACE_TYPE &&
            ace->AceType != ACCESS_ALLOWED_CALLBACK_ACE_TYPE))
        return false;
    MapGenericMask(&mask, &file);
    return mask & TELLTALE && !is_trusted((PSID)(uintptr_t)&allowed->SidStart, owner, me);
}

static bool is_open_to_others(PACL list, PSID owner)
{
    union {
        TOKEN_USER user;
        uint8_t bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
    PSID me = self(&token.user, sizeof token);
    void *ace;

    if (!list) /* no list is no protection */
        return true;
    for (DWORD i = 0; GetAce(list, i, &ace); i++)
        if (gives_away(ace, owner, me))
            return true;
    return false;
}

static int check(HANDLE handle, char *why, size_t size)
{
    PSECURITY_DESCRIPTOR descriptor;
    PSID owner;
    PACL list;
    DWORD error;
    bool open;

    if (GetFileType(handle) != FILE_TYPE_DISK) {
        snprintf(why, size, "it is not a regular file");
        return EINVAL;
    }
    error = GetSecurityInfo(handle, SE_FILE_OBJECT,
        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL, &list, NULL,
        &descriptor);
    if (error != ERROR_SUCCESS)
        return failure(error, why, size);
    open = is_open_to_others(list, owner);
    LocalFree(descriptor);
    if (!open)
        return 0;
    snprintf(why, size, "others may read or change it; "
        "icacls FILE /inheritance:r /grant:r %%USERNAME%%:F");
    return EPERM;
}

int os_secret_open(const char *path, FILE **file, char *why, size_t size)
{
    wchar_t wide[PATH_CHARS];
    HANDLE handle;
    int error, fd;

    if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, PATH_CHARS))
        return failure(GetLastError(), why, size);
    handle = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        return failure(GetLastError(), why, size);
    error = check(handle, why, size);
    if (error != 0) {
        CloseHandle(handle);
        return error;
    }
    fd = _open_osfhandle((intptr_t)handle, _O_RDONLY | _O_TEXT);
    *file = fd < 0 ? NULL : _fdopen(fd, "r");
    if (*file)
        return 0;
    if (fd < 0)
        CloseHandle(handle);
    else
        _close(fd);
    snprintf(why, size, "not enough memory");
    return ENOMEM;
}
