/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <string.h>

#include "verify.h"

#define TAIL (64 * 1024L)

/* The end of the log, from the begin of a line on. */
bool report_setup_log(struct run *run)
{
    static char text[TAIL + 1];
    char path[MAX_PATH], *from = text;
    size_t length;
    FILE *file;

    GetWindowsDirectoryA(path, sizeof(path) - 40);
    strcat(path, "\\INF\\setupapi.dev.log");
    file = fopen(path, "rb");
    if (!file) {
        say(run, "%s is not there\n", path);
        return true;
    }
    if (fseek(file, -TAIL, SEEK_END))
        rewind(file);
    length = fread(text, 1, TAIL, file);
    text[length] = 0;
    if (length == TAIL && strchr(text, '\n'))
        from = strchr(text, '\n') + 1;
    fclose(file);
    say(run, "%s\n", from);
    return true;
}

static void list_files(struct run *run, const char *pattern)
{
    char path[MAX_PATH];
    WIN32_FIND_DATAA found;
    SYSTEMTIME time;
    HANDLE search;

    GetWindowsDirectoryA(path, sizeof(path) - 40);
    strcat(path, pattern);
    search = FindFirstFileA(path, &found);
    if (search == INVALID_HANDLE_VALUE) {
        say(run, "%s: none\n", path);
        return;
    }
    do {
        FileTimeToSystemTime(&found.ftLastWriteTime, &time);
        say(run, "%s: %s, %lu bytes, %04u-%02u-%02u %02u:%02u UTC\n", path, found.cFileName,
            found.nFileSizeLow, time.wYear, time.wMonth, time.wDay, time.wHour, time.wMinute);
    } while (FindNextFileA(search, &found));
    FindClose(search);
}

/* Send the newest with the report if the tests stopped Windows. */
bool report_dumps(struct run *run)
{
    list_files(run, "\\Minidump\\*.dmp");
    list_files(run, "\\MEMORY.DMP");
    return true;
}

bool check_system(struct run *run)
{
    struct system system;

    system_look(&system);
    if (!system.elevated)
        say(run, "This prompt is not an administrator's. Open one by \"Run as administrator\".\n");
    if (system.units && !system.has_double)
        say(run, "There are %lu disks of WinSpd: end their programs first.\n", system.units);
    if (!system.test_signing && !system.has_double)
        say(run, "Test signing is off: Windows loads the driver only if Microsoft has signed it.\n"
            "Otherwise type `bcdedit /set testsigning on`%s, and restart Windows.\n",
            system.secure_boot ? " after you have switched Secure Boot off in the firmware" : "");
    return system.elevated && (!system.units || system.has_double);
}
