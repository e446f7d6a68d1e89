/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Tokens of processes. A handle is the process itself. Each open one holds a reference, so that the
 * address sanitizer finds those that are not closed.
 */

#include "shim.h"

#include "internal.h"

struct sid {
    UCHAR revision, count, authority[6];
    ULONG sub_authorities[4];
};

static const struct sid user = { 1, 4, { 0, 0, 0, 0, 0, 5 }, { 21, 2, 3 } };
static const struct sid everyone = { 1, 1, { 0, 0, 0, 0, 0, 1 }, { 0 } };
static const struct sid administrators = { 1, 2, { 0, 0, 0, 0, 0, 5 }, { 32, 544 } };

static NTSTATUS open(PVOID object, ULONG attributes, HANDLE *handle)
{
    shim_check_unlocked("a handle is opened with a lock held");
    shim_check(attributes == OBJ_KERNEL_HANDLE, "a program could use the driver's handle");
    ObReferenceObject(object);
    *handle = object;
    return STATUS_SUCCESS;
}

NTSTATUS ObOpenObjectByPointer(
    PVOID object, ULONG attributes, PVOID state, ULONG access, PVOID type, int mode, HANDLE *handle)
{
    shim_check(!state && !type && mode == KernelMode && access == PROCESS_QUERY_INFORMATION,
        "a process is opened in another way");
    return open(object, attributes, handle);
}

NTSTATUS ZwOpenProcessTokenEx(HANDLE process, ULONG access, ULONG attributes, HANDLE *token)
{
    shim_check(access == TOKEN_QUERY, "a token is opened for more than a query");
    return shim.tokenless ? STATUS_UNSUCCESSFUL : open(process, attributes, token);
}

NTSTATUS ZwClose(HANDLE handle)
{
    if (handle != &shim)
        ObDereferenceObject(handle);
    return STATUS_SUCCESS;
}

ULONG RtlLengthSid(PSID sid)
{
    return 8 + 4u * ((const UCHAR *)sid)[1];
}

static NTSTATUS query_user(PEPROCESS process, TOKEN_USER *information, ULONG length, ULONG *needed)
{
    struct sid *sid = (struct sid *)(information + 1);

    *needed = sizeof *information + sizeof *sid;
    if (length < *needed)
        return STATUS_BUFFER_TOO_SMALL;
    *sid = user;
    sid->sub_authorities[3] = process->user;
    information->User = (SID_AND_ATTRIBUTES){ .Sid = sid };
    return STATUS_SUCCESS;
}

/* A user who is not elevated has the group, but for denials only. */
static NTSTATUS query_groups(
    PEPROCESS process, TOKEN_GROUPS *information, ULONG length, ULONG *needed)
{
    enum { DENY_ONLY = 0x10 };

    *needed = sizeof *information + sizeof information->Groups[0];
    if (length < *needed)
        return STATUS_BUFFER_TOO_SMALL;
    information->GroupCount = 2;
    information->Groups[0].Sid = (PSID)&everyone;
    information->Groups[0].Attributes = SE_GROUP_ENABLED;
    information->Groups[1].Sid = (PSID)&administrators;
    information->Groups[1].Attributes = process->administrator ? SE_GROUP_ENABLED : DENY_ONLY;
    return STATUS_SUCCESS;
}

NTSTATUS ZwQueryInformationToken(
    HANDLE token, int what, PVOID information, ULONG length, ULONG *needed)
{
    shim_check(what == TokenUser || what == TokenGroups, "a token is asked for something else");
    return what == TokenUser ? query_user(token, information, length, needed)
                             : query_groups(token, information, length, needed);
}
