/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <string.h>

#include "verify.h"

#define TAIL (64 * 1024L)

/* UTF-16, as Windows Installer writes it: with a mark at the begin. */
static bool is_wide(FILE *file)
{
    unsigned char mark[2] = { 0 };

    return fread(mark, 1, 2, file) == 2 && mark[0] == 0xff && mark[1] == 0xfe;
}

/* The end of a log, from the begin of a line on. */
static void report_end_of(struct run *run, const char *path)
{
    static char text[TAIL + 2], bytes[TAIL * 3 / 2 + 1];
    char *from = text;
    size_t length;
    bool wide;
    FILE *file = fopen(path, "rb");

    if (!file) {
        say(run, "%s is not there\n", path);
        return;
    }
    wide = is_wide(file);
    if (fseek(file, -TAIL, SEEK_END))
        rewind(file);
    length = fread(text, 1, TAIL, file);
    fclose(file);
    memset(text + length, 0, 2);
    if (wide) {
        int got = WideCharToMultiByte(CP_UTF8, 0, (const wchar_t *)text, (int)(length / 2), bytes,
            sizeof bytes - 1, NULL, NULL);

        bytes[got > 0 ? got : 0] = 0;
        from = bytes;
    }
    if (length == TAIL && strchr(from, '\n'))
        from = strchr(from, '\n') + 1;
    say_text(run, from);
}

bool report_setup_log(struct run *run)
{
    char path[MAX_PATH];

    GetWindowsDirectoryA(path, sizeof path - 40);
    strcat(path, "\\INF\\setupapi.dev.log");
    report_end_of(run, path);
    return true;
}

bool report_package_log(struct run *run)
{
    char path[MAX_PATH + 10];

    snprintf(path, sizeof path, "%s.msi.log", run->report);
    report_end_of(run, path);
    DeleteFileA(path);
    return true;
}

static void list_files(struct run *run, const char *pattern)
{
    char path[MAX_PATH];
    WIN32_FIND_DATAA found;
    SYSTEMTIME time;
    HANDLE search;

    GetWindowsDirectoryA(path, sizeof path - 40);
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

static bool has_test_certificate(const struct run *run)
{
    char path[2 * MAX_PATH];

    snprintf(path, sizeof path, "%s\\winspd-test.cer", run->folder);
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
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
    if (!system.test_signing && !system.has_double && has_test_certificate(run)) {
        say(run, "This kit's driver has a test certificate's signature: nothing was changed.\n");
        return false;
    }
    return system.elevated && (!system.units || system.has_double);
}
