/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Access checks: the descriptor of a class or instance against a client's token, with the rights
 * of a service. Descriptors are LocalFree()d by the caller. Any thread.
 */

#ifndef LAUNCHER_SECURITY_H
#define LAUNCHER_SECURITY_H

#include <stdbool.h>
#include <windows.h>

/* SDDL; one that begins with `D:` belongs to the system. */
DWORD security_parse(const wchar_t *text, PSECURITY_DESCRIPTOR *descriptor);

/* The reverse, with all parts that security_parse() reads. */
DWORD security_text(PSECURITY_DESCRIPTOR descriptor, wchar_t **text);

/* A new descriptor, by which the user of the token may also do what rights say. */
DWORD security_grant(PSECURITY_DESCRIPTOR descriptor, HANDLE token, ACCESS_MASK rights,
    PSECURITY_DESCRIPTOR *granted);

/* token: of impersonation, of the level identification or more. right: one of SERVICE_*. An error
 * is a refusal. */
bool security_allows(PSECURITY_DESCRIPTOR descriptor, HANDLE token, ACCESS_MASK right);

#endif
