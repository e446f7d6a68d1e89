/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The user of a process, and whether that user is an administrator. Units belong to processes, so
 * the process's token counts; impersonation by its threads changes nothing. The driver reads tokens
 * by handles, since Wine ends a driver that calls SeQueryInformationToken() or SeTokenIsAdmin().
 * All of this runs at PASSIVE_LEVEL.
 */

#include "sys.h"

/* S-1-5-32-544, as it lies in memory: revision, count, authority, two sub-authorities. */
static const UCHAR administrators[] = { 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0 };

static bool open_token(PEPROCESS object, HANDLE *token)
{
    HANDLE process;
    NTSTATUS status;

    /* A kernel-mode caller names no type and has all access. */
    if (!NT_SUCCESS(ObOpenObjectByPointer(object, OBJ_KERNEL_HANDLE, NULL,
            PROCESS_QUERY_INFORMATION, NULL, KernelMode, &process)))
        return false;
    status = ZwOpenProcessTokenEx(process, TOKEN_QUERY, OBJ_KERNEL_HANDLE, token);
    ZwClose(process);
    return NT_SUCCESS(status);
}

static void read_sid(HANDLE token, struct sys_user *user)
{
    union {
        TOKEN_USER user;
        UCHAR bytes[sizeof(TOKEN_USER) + sizeof user->sid];
    } information;
    ULONG length;

    if (!NT_SUCCESS(
            ZwQueryInformationToken(token, TokenUser, &information, sizeof information, &length)))
        return;
    length = RtlLengthSid(information.user.User.Sid);
    if (length > sizeof user->sid)
        return;
    memcpy(user->sid, information.user.User.Sid, length);
    user->length = length;
}

static bool has_administrators(const TOKEN_GROUPS *groups)
{
    for (ULONG i = 0; i < groups->GroupCount; i++) {
        const SID_AND_ATTRIBUTES *group = &groups->Groups[i];

        /* Without elevation the group is there, and is not enabled. */
        if ((group->Attributes & SE_GROUP_ENABLED) &&
            RtlLengthSid(group->Sid) == sizeof administrators &&
            !memcmp(group->Sid, administrators, sizeof administrators))
            return true;
    }
    return false;
}

static bool is_administrator(HANDLE token)
{
    TOKEN_GROUPS *groups;
    ULONG length = 0;
    bool is;

    /* The first call fails, and returns the length. */
    ZwQueryInformationToken(token, TokenGroups, NULL, 0, &length);
    groups = length ? sys_allocate(length) : NULL;
    if (!groups)
        return false;
    is = NT_SUCCESS(ZwQueryInformationToken(token, TokenGroups, groups, length, &length)) &&
         has_administrators(groups);
    sys_free(groups);
    return is;
}

/* If the token cannot be read, the user is nobody. */
void sys_user_of(PEPROCESS object, struct sys_user *user)
{
    HANDLE token;

    user->length = 0;
    if (!open_token(object, &token))
        return;
    read_sid(token, user);
    ZwClose(token);
}

bool sys_user_is_administrator(PEPROCESS object)
{
    HANDLE token;
    bool is;

    if (!open_token(object, &token))
        return false;
    is = is_administrator(token);
    ZwClose(token);
    return is;
}

bool sys_user_is(const struct sys_user *user, const struct sys_user *other)
{
    return user->length && user->length == other->length &&
           !memcmp(user->sid, other->sid, user->length);
}
