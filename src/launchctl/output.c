/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launchctl/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 4096 };

void output_text(DWORD stream, const wchar_t *text, size_t length)
{
    HANDLE handle = GetStdHandle(stream);
    DWORD mode, written;
    char *bytes;
    int size;

    if (length == 0)
        return;
    if (GetConsoleMode(handle, &mode)) {
        WriteConsoleW(handle, text, (DWORD)length, &written, NULL);
        return;
    }
    size = WideCharToMultiByte(CP_UTF8, 0, text, (int)length, NULL, 0, NULL, NULL);
    bytes = malloc((size_t)size);
    if (!bytes)
        return;
    WideCharToMultiByte(CP_UTF8, 0, text, (int)length, bytes, size, NULL, NULL);
    WriteFile(handle, bytes, (DWORD)size, &written, NULL);
    free(bytes);
}

void output(DWORD stream, const wchar_t *format, ...)
{
    wchar_t text[TEXT_MAX];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = _vsnwprintf(text, TEXT_MAX, format, arguments);
    va_end(arguments);
    output_text(stream, text, length < 0 ? TEXT_MAX : (size_t)length);
}
