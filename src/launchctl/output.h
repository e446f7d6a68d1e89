/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Text of UTF-16 to a console, or as UTF-8 to a file or pipe. */

#ifndef LAUNCHCTL_OUTPUT_H
#define LAUNCHCTL_OUTPUT_H

#include <stddef.h>
#include <windows.h>

/* stream: STD_OUTPUT_HANDLE or STD_ERROR_HANDLE. */
void output_text(DWORD stream, const wchar_t *text, size_t length);
/* As of swprintf(), at most 4095 characters. */
void output(DWORD stream, const wchar_t *format, ...);

#endif
