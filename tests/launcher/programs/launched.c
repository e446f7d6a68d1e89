/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launched.h"

static char folder[MAX_PATH];

const char *file_of(const char *name)
{
    static char paths[6][2 * MAX_PATH];
    static unsigned next;
    char *path = paths[next++ % 6];

    snprintf(path, sizeof paths[0], "%s\\%s", folder, name);
    return path;
}

/* Servers of other accounts write into it, too; below the folder of a user who is none of them. */
static void make_folder(void)
{
    char place[MAX_PATH];

    CHECK(GetTempPathA(sizeof place, place));
    snprintf(folder, sizeof folder, "%.200swinspd-launched", place);
    CHECK(CreateDirectoryA(folder, NULL) || GetLastError() == ERROR_ALREADY_EXISTS);
}

/* A server that has just ended may still have its file open. */
static bool folder_goes(void)
{
    WIN32_FIND_DATAA found;
    HANDLE search = FindFirstFileA(file_of("*"), &found);

    if (search != INVALID_HANDLE_VALUE) {
        do
            DeleteFileA(file_of(found.cFileName));
        while (FindNextFileA(search, &found));
        FindClose(search);
    }
    return RemoveDirectoryA(folder) || GetLastError() == ERROR_FILE_NOT_FOUND;
}

/* Also at the end of a test that has failed, where nothing else may fail. */
static void tidy_up(void)
{
    tidy = NULL;
    if (service_exists()) {
        service_start();
        instances_end();
    }
    classes_remove();
    folder_goes();
}

void launched_before(void)
{
    make_folder();
    service_start();
    instances_end();
    classes_remove();
    WAIT_UNTIL(folder_goes());
    make_folder();
    tidy = tidy_up;
}

void launched_after(void)
{
    tidy = NULL;
    service_start();
    instances_end();
    classes_remove();
    WAIT_UNTIL(folder_goes());
}
