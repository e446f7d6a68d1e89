/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The entry of a native program: its command line becomes arguments. A word ends at a blank, unless
 * it is in quotation marks. */

#include "main.h"
#include "ntapi.h"

#define ARGUMENTS 16

static char text[2 * MAX_PATH];
static char *arguments[ARGUMENTS + 1];

static int split(const UNICODE_STRING *line)
{
    unsigned count = line->Length / sizeof(WCHAR), i, at = 0;
    BOOL within = FALSE, quoted = FALSE;
    int words = 0;

    for (i = 0; i < count && at < sizeof text - 1; i++) {
        char letter = (char)line->Buffer[i];

        if (letter == ' ' && !quoted) {
            if (within)
                text[at++] = 0;
            within = FALSE;
            continue;
        }
        if (!within && words < ARGUMENTS)
            arguments[words++] = text + at;
        within = TRUE;
        if (letter == '"')
            quoted = !quoted;
        else
            text[at++] = letter;
    }
    text[at] = 0;
    return words;
}

VOID NTAPI NtProcessStartup(PPEB peb)
{
    int count = split(&peb->ProcessParameters->CommandLine);

    ExitProcess((UINT)nt_main(count, arguments));
}
