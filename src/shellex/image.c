/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The path and the class of a file. All names of a file lead to one path, so the instance of a
 * mounted file is found.
 */

#include "shellex.h"

#include <stdlib.h>

enum { FULL_SHARING = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, PATH_ROOM = 32768 };

/* The access right counts in sharing: without one, most locked files open. */
static DWORD final_path(const wchar_t *name, wchar_t path[PATH_ROOM])
{
    HANDLE file = CreateFileW(
        name, 0, FULL_SHARING, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    DWORD length, error = 0;

    if (file == INVALID_HANDLE_VALUE)
        return GetLastError();
    length = GetFinalPathNameByHandleW(
        file, path, PATH_ROOM, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
    if (!length || length >= PATH_ROOM)
        error = length ? ERROR_FILENAME_EXCED_RANGE : GetLastError();
    CloseHandle(file);
    return error;
}

/* If a file cannot be opened, the folder's entry describes it. The entry does not resolve a
 * link. */
static DWORD path_by_folder(const wchar_t *name, wchar_t path[PATH_ROOM])
{
    WIN32_FIND_DATAW entry;
    HANDLE found = FindFirstFileW(name, &entry);
    const wchar_t *slash = wcsrchr(name, L'\\');
    wchar_t *folder;
    size_t length;
    DWORD error;

    if (found == INVALID_HANDLE_VALUE)
        return GetLastError();
    FindClose(found);
    if (!slash || entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return ERROR_SHARING_VIOLATION;
    folder = _wcsdup(name);
    if (!folder)
        return ERROR_NOT_ENOUGH_MEMORY;
    /* With the backslash, since C: alone is the current folder of the drive. */
    folder[slash - name + 1] = L'\0';
    error = final_path(folder, path);
    free(folder);
    if (error)
        return error;
    length = wcslen(path);
    if (length + wcslen(entry.cFileName) + 2 > PATH_ROOM)
        return ERROR_FILENAME_EXCED_RANGE;
    if (length && path[length - 1] != L'\\')
        path[length++] = L'\\';
    wcscpy(path + length, entry.cFileName);
    return 0;
}

wchar_t *image_path(const wchar_t *name, struct outcome *outcome)
{
    wchar_t *path = malloc(PATH_ROOM * sizeof *path), *exact;
    DWORD error = path ? final_path(name, path) : ERROR_NOT_ENOUGH_MEMORY;

    if (error == ERROR_SHARING_VIOLATION)
        error = path_by_folder(name, path);
    *outcome = outcome_of(error, error == ERROR_SHARING_VIOLATION ? HINT_LOCKED_LINK : 0);
    if (error) {
        free(path);
        return NULL;
    }
    exact = realloc(path, (wcslen(path) + 1) * sizeof *path);
    return exact ? exact : path;
}

const wchar_t *image_class(const wchar_t *path)
{
    const wchar_t *slash = wcsrchr(path, L'\\');
    const wchar_t *dot = wcsrchr(slash ? slash : path, L'.');

    return dot && dot[1] ? dot + 1 : NULL;
}
