/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "quote.h"

#include <stdbool.h>
#include <string.h>

static bool is_all(const char *text, const char *characters)
{
    return *text && text[strspn(text, characters)] == '\0';
}

static bool is_line(const char *text)
{
    while (*text) {
        size_t length = quote_printable(text);

        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

static void print_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    }
    fputc('\'', out);
}

/* POSIX.1-2024 2.2.4, which bash, ksh, zsh and busybox have had for long. No other form keeps any
 * bytes in a readable line. */
static void print_escaped(FILE *out, const char *text)
{
    fputs("$'", out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (*text >= 0x20 && *text < 0x7f)
            fputc(*text, out);
        else
            fprintf(out, "\\%03o", (unsigned char)*text);
    }
    fputc('\'', out);
}

void quote_print(FILE *out, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-_./:,@%+";

    if (is_all(text, safe))
        fputs(text, out);
    else if (is_line(text))
        print_quoted(out, text);
    else
        print_escaped(out, text);
}
