/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Logs of programs and services. */

#include "dll/dll.h"

#include <wchar.h>

enum { TEXT_MAX = 1024, /* wvsprintf writes no more, with the NUL */ NAME_MAX_CHARS = 64 };

/* winspd.mc */
enum {
    MESSAGE_INFORMATION = 0x60000001,
    MESSAGE_WARNING = (int)0xa0000001,
    MESSAGE_ERROR = (int)0xe0000001,
};

/* Whether a text that was cut has its NUL, and what its length is, depends on the system. */
static int format_text(WCHAR text[TEXT_MAX], PCWSTR format, va_list ap)
{
    wvsprintfW(text, format, ap);
    text[TEXT_MAX - 1] = 0;
    return (int)wcslen(text);
}

VOID SPD_CALL SpdPrintLogV(HANDLE Handle, PWSTR Format, va_list ap)
{
    WCHAR text[TEXT_MAX];
    char line[TEXT_MAX * 3 + 1];
    int length = format_text(text, Format, ap);
    DWORD written;

    length = WideCharToMultiByte(
        CP_UTF8, 0, text, length, line, (int)sizeof line - 1, NULL, NULL);
    if (length <= 0)
        return;
    line[length++] = '\n';
    WriteFile(Handle, line, (DWORD)length, &written, NULL);
}

VOID SPD_CALL SpdPrintLog(HANDLE Handle, PWSTR Format, ...)
{
    va_list ap;

    va_start(ap, Format);
    SpdPrintLogV(Handle, Format, ap);
    va_end(ap);
}

static DWORD message_of(ULONG type)
{
    switch (type) {
    case EVENTLOG_WARNING_TYPE:
        return (DWORD)MESSAGE_WARNING;
    case EVENTLOG_ERROR_TYPE:
        return (DWORD)MESSAGE_ERROR;
    default:
        return MESSAGE_INFORMATION;
    }
}

VOID SPD_CALL SpdEventLogV(ULONG Type, PWSTR Format, va_list ap)
{
    WCHAR name[NAME_MAX_CHARS], text[TEXT_MAX];
    const WCHAR *strings[2] = { name, text };
    HANDLE log;

    dll_program_name(name, NAME_MAX_CHARS);
    format_text(text, Format, ap);
    log = RegisterEventSourceW(NULL, L"WinSpd");
    if (!log)
        return;
    ReportEventW(log, (WORD)Type, 0, message_of(Type), NULL, 2, 0, strings, NULL);
    DeregisterEventSource(log);
}

VOID SPD_CALL SpdEventLog(ULONG Type, PWSTR Format, ...)
{
    va_list ap;

    va_start(ap, Format);
    SpdEventLogV(Type, Format, ap);
    va_end(ap);
}

static bool is_interactive(void)
{
    USEROBJECTFLAGS flags = { 0 };

    return GetUserObjectInformationW(
               GetProcessWindowStation(), UOI_FLAGS, &flags, sizeof flags, NULL) &&
        (flags.dwFlags & WSF_VISIBLE);
}

VOID SPD_CALL SpdServiceLogV(ULONG Type, PWSTR Format, va_list ap)
{
    if (is_interactive())
        SpdPrintLogV(GetStdHandle(STD_ERROR_HANDLE), Format, ap);
    else
        SpdEventLogV(Type, Format, ap);
}

VOID SPD_CALL SpdServiceLog(ULONG Type, PWSTR Format, ...)
{
    va_list ap;

    va_start(ap, Format);
    SpdServiceLogV(Type, Format, ap);
    va_end(ap);
}
