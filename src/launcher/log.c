/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <wchar.h>

enum { TEXT_MAX = 1024 };

/* The driver's INF registers the DLL as the source's file of messages: src/dll/winspd.mc. */
static const struct {
    WORD type;
    DWORD message;
} messages[] = {
    { EVENTLOG_ERROR_TYPE, 0xe0000001 },
    { EVENTLOG_WARNING_TYPE, 0xa0000001 },
    { EVENTLOG_INFORMATION_TYPE, 0x60000001 },
};

static bool console;

void log_to_console(void)
{
    console = true;
}

static void report(WORD type, const wchar_t *text)
{
    const wchar_t *strings[] = { L"launcher", text };
    HANDLE log = RegisterEventSourceW(NULL, L"WinSpd");
    size_t row = 0;

    if (!log)
        return;
    while (messages[row].type != type && row + 1 < sizeof messages / sizeof messages[0])
        row++;
    ReportEventW(log, type, 0, messages[row].message, NULL, 2, 0, strings, NULL);
    DeregisterEventSource(log);
}

static void print(const wchar_t *text)
{
    char line[TEXT_MAX * 3 + 1];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line - 1, NULL, NULL);
    DWORD written;

    if (length <= 0)
        return;
    line[length - 1] = '\n';
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), line, (DWORD)length, &written, NULL);
}

void log_write(WORD type, const wchar_t *format, ...)
{
    wchar_t text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    _vsnwprintf(text, TEXT_MAX, format, arguments);
    va_end(arguments);
    text[TEXT_MAX - 1] = 0;
    if (console)
        print(text);
    else
        report(type, text);
}

const wchar_t *log_error_text(DWORD error, wchar_t text[LOG_ERROR_MAX])
{
    int length = _snwprintf(text, LOG_ERROR_MAX, L"error %lu: ", error);

    if (!FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                            FORMAT_MESSAGE_MAX_WIDTH_MASK,
            NULL, error, 0, text + length, (DWORD)(LOG_ERROR_MAX - length), NULL))
        text[length - 2] = 0;
    return text;
}
