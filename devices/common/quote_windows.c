/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* cmd and PowerShell agree on double quotes only. Within double quotes the program's start-up code
 * keeps a backslash, unless a double quote follows the backslash. A name has neither '"' nor
 * control characters, which Windows refuses in names of files and pipes. */

#include "quote.h"

#include <string.h>

void quote_print(FILE *out, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-_./:@+\\";
    size_t slashes = 0;

    if (*text && text[strspn(text, safe)] == '\0') {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            for (size_t i = 0; i <= slashes; i++)
                fputc('\\', out);
        slashes = *text == '\\' ? slashes + 1 : 0;
        fputc(*text, out);
    }
    for (size_t i = 0; i < slashes; i++)
        fputc('\\', out);
    fputc('"', out);
}
