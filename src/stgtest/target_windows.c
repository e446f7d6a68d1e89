/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Before windows.h, whose macros have the names of our enumerators. */
#include "stgtest/target.h"

#include <windows.h>

#include <stdio.h>
#include <string.h>

/* mingw-w64's: its runtime would take the arguments "*" for file names. */
extern int _dowildcard;
int _dowildcard = 0;

const char target_names[] =
    "  NAME         \\\\.\\pipe\\NAME\\TARGET   a unit behind a pipe\n"
    "               \\\\.\\R:                a volume without a file system\n"
    "               \\\\.\\PhysicalDriveN   a disk that nothing uses\n";

int target_fail(const char *name, const char *what)
{
    DWORD error = GetLastError();
    char text[256];

    if (!FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                FORMAT_MESSAGE_MAX_WIDTH_MASK,
            NULL, error, 0, text, sizeof text, NULL))
        text[0] = '\0';
    fprintf(stderr, "stgtest: %s: %s: %s(error %lu)\n", name, what, text, error);
    return (int)error;
}

int target_open(const char *name, struct target **target)
{
    return _strnicmp(name, "\\\\.\\pipe\\", 9) == 0 ? target_open_pipe(name, target)
                                                   : target_open_volume(name, target);
}

void *target_buffer_new(size_t length)
{
    return VirtualAlloc(NULL, length, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void target_buffer_free(void *buffer)
{
    if (buffer)
        VirtualFree(buffer, 0, MEM_RELEASE);
}

const char target_star[] = "*";

/* Names of pipes and volumes have no double quote, which cmd and PowerShell both take. */
void target_print_name(const char *name)
{
    printf(strpbrk(name, " &()[]{}^=;!'+,`~$") ? "\"%s\"" : "%s", name);
}

uint32_t target_thread_id(void)
{
    return GetCurrentThreadId();
}
