/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "json.h"

#include "quote.h"

void json_text(FILE *out, const char *text)
{
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    while (*text) {
        size_t length = quote_printable(text);

        if (length == 0) {
            fprintf(out, "\\u%04x", (unsigned char)*text++);
            continue;
        }
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fwrite(text, 1, length, out);
        text += length;
    }
    fputc('"', out);
}
