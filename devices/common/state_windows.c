/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "state.h"

#include <windows.h>

#include <errno.h>
#include <stdio.h>

static int last_errno(void)
{
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
        return EACCES;
    case ERROR_WRITE_PROTECT:
        return EROFS;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
        return ENOSPC;
    default:
        return EIO;
    }
}

int state_read(const char *path, char text[STATE_SIZE_MAX], size_t *length)
{
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
        OPEN_EXISTING, 0, NULL);
    LARGE_INTEGER size;
    DWORD n = 0;
    int error = 0;

    if (file == INVALID_HANDLE_VALUE)
        return last_errno();
    if (GetFileType(file) != FILE_TYPE_DISK)
        error = EINVAL;
    else if (!GetFileSizeEx(file, &size))
        error = last_errno();
    else if (size.QuadPart > STATE_SIZE_MAX)
        error = EFBIG;
    else if (!ReadFile(file, text, STATE_SIZE_MAX, &n, NULL))
        error = last_errno();
    *length = n;
    CloseHandle(file);
    return error;
}

static int write_file(const char *path, const char *text, size_t length)
{
    HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD n;
    int error = 0;

    if (file == INVALID_HANDLE_VALUE)
        return last_errno();
    if (!WriteFile(file, text, (DWORD)length, &n, NULL) || n != length || !FlushFileBuffers(file))
        error = last_errno();
    CloseHandle(file);
    if (error)
        DeleteFileA(path);
    return error;
}

int state_write(const char *path, const char *text, size_t length)
{
    char draft[1024];
    int error;

    if (snprintf(draft, sizeof draft, "%s.%lu", path, GetCurrentProcessId()) >= (int)sizeof draft)
        return ENAMETOOLONG;
    error = write_file(draft, text, length);
    if (!error &&
        !MoveFileExA(draft, path, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        error = last_errno();
        DeleteFileA(draft);
    }
    return error;
}

int state_remove(const char *path)
{
    return DeleteFileA(path) ? 0 : last_errno();
}

/* On Windows no right is given up. */
int state_keep(const char *path)
{
    (void)path;
    return -1;
}

int state_put_back(int kept, const char *path, const char *text, size_t length)
{
    (void)kept;
    return length ? state_write(path, text, length) : state_remove(path);
}

/* NTFS has its folders in a journal. */
int state_sync_directory(const char *path)
{
    (void)path;
    return 0;
}
