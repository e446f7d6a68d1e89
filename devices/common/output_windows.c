/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "output.h"

#include <windows.h>

#include <errno.h>
#include <io.h>
#include <string.h>

static struct output_file identify(HANDLE handle)
{
    BY_HANDLE_FILE_INFORMATION file;

    if (handle == INVALID_HANDLE_VALUE || GetFileType(handle) != FILE_TYPE_DISK ||
        !GetFileInformationByHandle(handle, &file))
        return (struct output_file){ 0 };
    return (struct output_file){
        .known = true,
        .device = file.dwVolumeSerialNumber,
        .number = (uint64_t)file.nFileIndexHigh << 32 | file.nFileIndexLow,
    };
}

struct output_file output_of_path(const char *path)
{
    /* It asks for no access, which is granted however others have opened the file. */
    HANDLE handle = CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        NULL, OPEN_EXISTING, 0, NULL);
    struct output_file file = identify(handle);

    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return file;
}

struct output_file output_of_descriptor(int fd)
{
    intptr_t handle = _get_osfhandle(fd);

    /* -2: a standard descriptor without anything behind it. */
    return identify(handle == -2 ? INVALID_HANDLE_VALUE : (HANDLE)handle);
}

FILE *output_open(const char *path, bool *made, char why[OUTPUT_WHY_MAX])
{
    bool missing = GetFileAttributesA(path) == INVALID_FILE_ATTRIBUTES;
    FILE *out = fopen(path, "a");

    *made = out && missing;
    if (!out)
        snprintf(why, OUTPUT_WHY_MAX, "%s", strerror(errno));
    return out;
}
