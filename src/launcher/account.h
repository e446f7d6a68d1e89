/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The account that a class names. Services of all programs run as LocalService and NetworkService,
 * so the driver admits neither. It admits the security identifier of the launcher's service, which
 * is a group in the tokens that come from here, and in no others.
 *
 * It is a file of its own, because the tests replace it: Wine's LogonUser() gives a token that
 * cannot be used.
 */

#ifndef LAUNCHER_ACCOUNT_H
#define LAUNCHER_ACCOUNT_H

#include <windows.h>

/* NT SERVICE\WinSpd.Launcher: 80, and the SHA-1 of the name in capitals. winspd.inf has it, too. */
#define ACCOUNT_LAUNCHER_SID L"S-1-5-80-388659112-1027741468-3217041468-3891421413-2522201108"

/* A primary token of this account of NT AUTHORITY; the caller closes it. 0 or Win32's error. Only
 * LocalSystem may call this (SeTcbPrivilege). */
DWORD account_token(const wchar_t *account, HANDLE *token);

#endif
