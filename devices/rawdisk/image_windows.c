/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "image_windows.h"

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>
#include <string.h>

const bool image_wants_table = true;
const bool image_takes_whole_sectors = true;

/* NTFS gives back space of a sparse file in pieces of this. */
enum { SPARSE_GRANULARITY = 65536 };

static const char *error_text(DWORD error, char *text, DWORD size)
{
    DWORD length = FormatMessageA(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
        NULL, error, 0, text, size, NULL);

    while (length && (text[length - 1] == ' ' || text[length - 1] == '.'))
        text[--length] = '\0';
    if (!length)
        snprintf(text, size, "error %lu", error);
    return text;
}

/* The errno value of the last error. */
static enum image_result fail_system(char *message, const char *what, const char *path)
{
    char text[256];

    return image_fail(message, IMAGE_FAILED, "cannot %s image %s: %s", what, path,
        error_text(GetLastError(), text, sizeof text));
}

static bool is_device(const char *path)
{
    return strncmp(path, "\\\\.\\", 4) == 0;
}

static enum image_result open_handle(struct image *image, DWORD access, DWORD share,
    DWORD disposition, char *message)
{
    /* On a handle without FILE_FLAG_OVERLAPPED the system does one request at a time. The system's
     * cache is the disk's volatile cache, hence no FILE_FLAG_NO_BUFFERING. */
    image->handle = CreateFileA(image->path, access, share, NULL, disposition,
        FILE_FLAG_OVERLAPPED | FILE_FLAG_RANDOM_ACCESS, NULL);
    if (image->handle != INVALID_HANDLE_VALUE)
        return IMAGE_OK;
    if (GetLastError() == ERROR_SHARING_VIOLATION)
        return image_fail(message, IMAGE_FAILED,
            "image %s is in use by another program: end that program, or take another image",
            image->path);
    if (GetLastError() == ERROR_FILE_EXISTS)
        return image_fail(message, IMAGE_FAILED,
            "image %s was made by another program at this moment: start again to use it",
            image->path);
    return fail_system(message, disposition == CREATE_NEW ? "make" : "open", image->path);
}

/* There is no such file: is there a directory for it? */
static enum image_result plan_file(struct image *image, char *message)
{
    char whole[MAX_PATH], *name = NULL;
    DWORD length = GetFullPathNameA(image->path, sizeof whole, whole, &name);
    DWORD attributes;

    image->missing = image->created = true;
    /* The system judges a path that has no length here, when the file is made. */
    if (!length || length >= sizeof whole || !name)
        return IMAGE_OK;
    *name = '\0';
    attributes = GetFileAttributesA(whole);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return fail_system(message, "make", image->path);
    return IMAGE_OK;
}

static enum image_result open_file(
    struct image *image, const struct image_wish *wish, char *message)
{
    WIN32_FILE_ATTRIBUTE_DATA old = { 0 };
    bool device = is_device(wish->path), writable;

    image->block_device = device;
    if (!device && !GetFileAttributesExA(wish->path, GetFileExInfoStandard, &old) &&
        GetLastError() == ERROR_FILE_NOT_FOUND)
        return plan_file(image, message);
    if (old.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        return image_fail(message, IMAGE_FAILED,
            "image %s is a directory: name a file in it; it must be a regular file or a disk",
            wish->path);
    /* An empty file is yet to be sized, also for a disk that is write-protected. */
    writable = wish->writable || (!device && !old.nFileSizeHigh && !old.nFileSizeLow);
    /* Nobody else writes; other readers do no harm. Volumes are open elsewhere, always. */
    return open_handle(image, GENERIC_READ | (writable ? GENERIC_WRITE : 0),
        FILE_SHARE_READ | (device ? FILE_SHARE_WRITE : 0), OPEN_EXISTING, message);
}

static enum image_result inspect(struct image *image, char *message)
{
    GET_LENGTH_INFORMATION device;
    DISK_GEOMETRY geometry;
    LARGE_INTEGER file;

    if (image->block_device) {
        if (!image_control(image, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &device, sizeof device))
            return fail_system(message, "get the size of", image->path);
        if (image_control(
                image, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry, sizeof geometry))
            image->sector = geometry.BytesPerSector;
        image->present = (uint64_t)device.Length.QuadPart;
        atomic_store(&image->unmap_method, UNMAP_WRITE);
        return IMAGE_OK;
    }
    if (GetFileType(image->handle) != FILE_TYPE_DISK || !GetFileSizeEx(image->handle, &file))
        return image_fail(
            message, IMAGE_FAILED, "image %s is neither a regular file nor a disk", image->path);
    image->present = (uint64_t)file.QuadPart;
    image->created = image->present == 0;
    return IMAGE_OK;
}

/* Without it, a file of 1 TiB takes 1 TiB. File systems that have no such thing refuse, and then
 * zeros are written. */
static void make_sparse(struct image *image)
{
    if (!image->block_device && image_control(image, FSCTL_SET_SPARSE, NULL, 0, NULL, 0))
        image->granularity = SPARSE_GRANULARITY;
}

/* The same for a file that does not exist yet, by a temporary file beside it. The disk must
 * describe itself at its first start as at all later ones. */
static void try_sparse(struct image *image)
{
    char probe[MAX_PATH + 8];
    HANDLE handle;
    DWORD length;

    snprintf(probe, sizeof probe, "%s.probe", image->path);
    handle = CreateFileA(probe, GENERIC_WRITE | DELETE, 0, NULL, CREATE_NEW,
        FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        return;
    if (DeviceIoControl(handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &length, NULL))
        image->granularity = SPARSE_GRANULARITY;
    CloseHandle(handle);
}

/* Only a sparse file gets zeros without their being written. */
static bool makes_holes(const struct image *image)
{
    return image->granularity == SPARSE_GRANULARITY;
}

/* Its path without links, also for a file that does not exist yet; length 0: none is known. */
static DWORD canonical(const struct image *image, char *resolved, DWORD size)
{
    char whole[MAX_PATH], *name = NULL;
    HANDLE directory;
    DWORD length;

    if (!image->missing)
        return GetFinalPathNameByHandleA(image->handle, resolved, size, 0);
    length = GetFullPathNameA(image->path, sizeof whole, whole, &name);
    if (!length || length >= sizeof whole || !name || name == whole)
        return 0;
    name[-1] = '\0';
    /* "C:" alone would be the current directory of that drive. */
    directory = CreateFileA(strlen(whole) == 2 ? (char[]){ whole[0], ':', '\\', '\0' } : whole, 0,
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (directory == INVALID_HANDLE_VALUE)
        return 0;
    length = GetFinalPathNameByHandleA(directory, resolved, size, 0);
    CloseHandle(directory);
    if (!length || length + strlen(name) + 2 > size)
        return 0;
    if (resolved[length - 1] == '\\')
        length--;
    return length + (DWORD)snprintf(resolved + length, size - length, "\\%s", name);
}

static void name_image(struct image *image)
{
    DWORD length = 0;

    if (!image->block_device)
        length = canonical(image, image->name, sizeof image->name);
    if (!length || length >= sizeof image->name)
        snprintf(image->name, sizeof image->name, "%s", image->path);
}

enum image_result image_open(
    struct image *image, const struct image_wish *wish, char message[IMAGE_MESSAGE_MAX])
{
    enum image_result result;

    *image = (struct image){
        .handle = INVALID_HANDLE_VALUE,
        .path = wish->path,
        .cached = wish->cached,
        .event_slot = FlsAlloc(image_close_event),
    };
    if (image->event_slot == FLS_OUT_OF_INDEXES || image_prepare(image))
        return image_fail(message, IMAGE_FAILED, "there is no memory for image %s", wish->path);
    /* Windows cannot say beforehand whether it would block. */
    atomic_store(&image->no_nowait_read, true);
    atomic_store(&image->no_nowait_write, true);
    result = open_file(image, wish, message);
    if (result == IMAGE_OK && !image->missing)
        result = inspect(image, message);
    if (result == IMAGE_OK && image->missing)
        try_sparse(image);
    else if (result == IMAGE_OK)
        make_sparse(image);
    image->holes = !wish->writable || makes_holes(image);
    if (result == IMAGE_OK)
        name_image(image);
    else
        image_close(image);
    return result;
}

enum image_result image_make(struct image *image, char message[IMAGE_MESSAGE_MAX])
{
    FILE_END_OF_FILE_INFO end = { .EndOfFile.QuadPart = (LONGLONG)image->size };
    enum image_result result = IMAGE_OK;

    if (!image->created)
        return IMAGE_OK;
    if (image->missing) {
        result = open_handle(
            image, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, CREATE_NEW, message);
        image->made = result == IMAGE_OK;
        if (image->made)
            make_sparse(image);
    }
    if (result == IMAGE_OK &&
        !SetFileInformationByHandle(image->handle, FileEndOfFileInfo, &end, sizeof end))
        result = fail_system(message, "lengthen", image->path);
    return result;
}

/* By a handle to the file that was made, since its path may name another one once it is closed. */
static bool delete_made(struct image *image)
{
    BY_HANDLE_FILE_INFORMATION ours, there;
    FILE_DISPOSITION_INFO gone = { .DeleteFile = TRUE };
    bool known = GetFileInformationByHandle(image->handle, &ours);
    HANDLE file;
    bool deleted;

    CloseHandle(image->handle);
    image->handle = INVALID_HANDLE_VALUE;
    file = CreateFileA(image->path, DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    deleted = known && GetFileInformationByHandle(file, &there) &&
        ours.dwVolumeSerialNumber == there.dwVolumeSerialNumber &&
        ours.nFileIndexHigh == there.nFileIndexHigh && ours.nFileIndexLow == there.nFileIndexLow &&
        SetFileInformationByHandle(file, FileDispositionInfo, &gone, sizeof gone);
    CloseHandle(file);
    return deleted;
}

bool image_unmake(struct image *image)
{
    FILE_END_OF_FILE_INFO end = { 0 };

    if (image->made)
        return delete_made(image);
    /* A file that another program made in the same moment belongs to that program. */
    return image->missing || !image->created ||
        SetFileInformationByHandle(image->handle, FileEndOfFileInfo, &end, sizeof end);
}

void image_close(struct image *image)
{
    if (image->handle != INVALID_HANDLE_VALUE)
        CloseHandle(image->handle);
    /* FlsFree() closes the events of all threads. */
    if (image->event_slot != FLS_OUT_OF_INDEXES)
        FlsFree(image->event_slot);
    image->handle = INVALID_HANDLE_VALUE;
    image->event_slot = FLS_OUT_OF_INDEXES;
    flush_group_close(&image->flushes);
}

enum image_result image_go_direct(struct image *image, uint32_t block_length,
    char message[IMAGE_MESSAGE_MAX])
{
    (void)block_length;
    return image_fail(message, IMAGE_FAILED,
        "image %s: there is no --direct on Windows yet: leave it out", image->path);
}
