/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Messages: the subject, the system's text of the error, and a remedy. */

#include "shellex.h"

#include <stdio.h>
#include <wchar.h>

struct outcome outcome_of(DWORD error, unsigned hint)
{
    return (struct outcome){ .error = error, .hint = hint };
}

void report_text(unsigned number, wchar_t text[REPORT_TEXT_MAX])
{
    if (!number || !LoadStringW(shellex_module, number, text, REPORT_TEXT_MAX))
        text[0] = L'\0';
}

/* Puts the argument in the place of the only %s; a long text is cut. */
static void fill(const wchar_t *format, const wchar_t *argument, wchar_t *text, size_t room)
{
    const wchar_t *place = wcsstr(format, L"%s");

    if (place)
        swprintf(text, room, L"%.*ls%ls%ls", (int)(place - format), format, argument, place + 2);
    else
        swprintf(text, room, L"%ls", format);
    text[room - 1] = L'\0';
}

BOOL report_outcome(
    HWND window, unsigned title, const wchar_t *subject, const struct outcome *outcome)
{
    wchar_t name[REPORT_TEXT_MAX], format[REPORT_TEXT_MAX];
    wchar_t hint[REPORT_TEXT_MAX + MAX_PATH], system[REPORT_TEXT_MAX] = L"";
    wchar_t text[4 * REPORT_TEXT_MAX];

    report_text(title, name);
    report_text(outcome->hint, format);
    fill(format, outcome->argument, hint, sizeof hint / sizeof hint[0]);
    FormatMessageW(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
        NULL, outcome->error, 0, system, REPORT_TEXT_MAX, NULL);
    swprintf(text, sizeof text / sizeof text[0], L"%.700ls\n\n%ls(%lu)\n\n%ls", subject, system,
        outcome->error, hint);
    text[sizeof text / sizeof text[0] - 1] = L'\0';
    return MessageBoxW(window, text, name, MB_OK | MB_ICONWARNING | MB_SETFOREGROUND) > 0;
}
