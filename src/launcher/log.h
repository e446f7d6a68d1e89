/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The launcher's messages to an administrator: records of the event log, of the source WinSpd. */

#ifndef LAUNCHER_LOG_H
#define LAUNCHER_LOG_H

#include <windows.h>

/* Writes to standard error from now on, as a console program does. */
void log_to_console(void);

/* type: EVENTLOG_INFORMATION_TYPE, _WARNING_ or _ERROR_. format: as of swprintf(); a text is cut
 * behind 1023 characters. Any thread. */
void log_write(WORD type, const wchar_t *format, ...);

/* The system's text of an error, with its number. Returns text. */
enum { LOG_ERROR_MAX = 300 };
const wchar_t *log_error_text(DWORD error, wchar_t text[LOG_ERROR_MAX]);

#endif
