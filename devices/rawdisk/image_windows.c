/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "image_windows.h"

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>
#include <string.h>

const bool image_wants_table = true;

/* What NTFS gives back of a sparse file comes in pieces of this. */
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

/* Of the last error. */
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

/* *made: there was no such file before. */
static enum image_result open_file(
    struct image *image, const struct image_wish *wish, char *message, bool *made)
{
    WIN32_FILE_ATTRIBUTE_DATA old = { 0 };
    bool device = is_device(wish->path);
    bool exists = device || GetFileAttributesExA(wish->path, GetFileExInfoStandard, &old);
    bool empty = !exists || (!device && !old.nFileSizeHigh && !old.nFileSizeLow);
    /* An empty file is yet to be sized, also for a disk that is write-protected. */
    bool writable = wish->writable || empty;
    /* Nobody else writes; other readers do no harm. Volumes are open elsewhere, always. */
    DWORD share = FILE_SHARE_READ | (device ? FILE_SHARE_WRITE : 0);
    /* The system does one request at a time on a handle without FILE_FLAG_OVERLAPPED. Its cache is
     * what the disk calls its volatile cache, hence no FILE_FLAG_NO_BUFFERING. */
    HANDLE handle = CreateFileA(wish->path, GENERIC_READ | (writable ? GENERIC_WRITE : 0), share,
        NULL, exists ? OPEN_EXISTING : CREATE_NEW, FILE_FLAG_OVERLAPPED | FILE_FLAG_RANDOM_ACCESS,
        NULL);

    if (handle == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION)
        return image_fail(message, IMAGE_FAILED,
            "image %s is in use by another program: end that program, or take another image",
            wish->path);
    if (handle == INVALID_HANDLE_VALUE)
        return fail_system(message, "open", wish->path);
    image->handle = handle;
    image->block_device = device;
    *made = !exists;
    return IMAGE_OK;
}

static enum image_result inspect(
    struct image *image, const struct image_wish *wish, char *message, uint64_t *size)
{
    GET_LENGTH_INFORMATION device;
    DISK_GEOMETRY geometry;
    LARGE_INTEGER file;

    if (image->block_device) {
        if (!image_control(image, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &device, sizeof device))
            return fail_system(message, "get the size of", wish->path);
        /* Devices are not cached: what is no whole sector, they refuse. */
        if (image_control(image, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry,
                sizeof geometry) &&
            geometry.BytesPerSector && wish->block_length % geometry.BytesPerSector)
            return image_fail(message, IMAGE_BAD_SIZE,
                "image %s has sectors of %lu bytes: use -l %lu, or a multiple of it", wish->path,
                geometry.BytesPerSector, geometry.BytesPerSector);
        *size = (uint64_t)device.Length.QuadPart;
        atomic_store(&image->unmap_method, UNMAP_WRITE);
        return IMAGE_OK;
    }
    if (GetFileType(image->handle) != FILE_TYPE_DISK || !GetFileSizeEx(image->handle, &file))
        return image_fail(
            message, IMAGE_FAILED, "image %s is neither a regular file nor a disk", wish->path);
    *size = (uint64_t)file.QuadPart;
    return IMAGE_OK;
}

static enum image_result size_image(
    struct image *image, const struct image_wish *wish, uint64_t present, char *message)
{
    FILE_END_OF_FILE_INFO end;

    image->size = image_wanted_size(wish, present);
    if (present == 0 && !image->block_device) {
        end.EndOfFile.QuadPart = (LONGLONG)image->size;
        if (!SetFileInformationByHandle(image->handle, FileEndOfFileInfo, &end, sizeof end))
            return fail_system(message, "lengthen", wish->path);
        image->created = true;
        return IMAGE_OK;
    }
    return image_check_size(image, wish, present, "use another -l, or another image", message);
}

/* Without it, a file of 1 TiB takes 1 TiB. File systems that have no such thing refuse, and then
 * zeros are written. */
static void make_sparse(struct image *image)
{
    if (!image->block_device && image_control(image, FSCTL_SET_SPARSE, NULL, 0, NULL, 0))
        image->granularity = SPARSE_GRANULARITY;
}

/* Two hosts may have an image at the same path: the machine's own id belongs into the name. */
static void name_image(struct image *image, const char *path)
{
    char machine[64] = "", resolved[IMAGE_NAME_MAX - 64];
    DWORD size = sizeof machine;
    DWORD length = 0;

    if (RegGetValueA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Cryptography", "MachineGuid",
            RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, machine, &size) != ERROR_SUCCESS)
        machine[0] = '\0';
    if (!image->block_device)
        length = GetFinalPathNameByHandleA(image->handle, resolved, sizeof resolved, 0);
    snprintf(image->name, sizeof image->name, "%s:%s", machine,
        length && length < sizeof resolved ? resolved : path);
}

enum image_result image_open(
    struct image *image, const struct image_wish *wish, char message[IMAGE_MESSAGE_MAX])
{
    uint64_t present = 0;
    enum image_result result;
    bool made = false;

    *image = (struct image){
        .handle = INVALID_HANDLE_VALUE,
        .cached = wish->cached,
        .event_slot = FlsAlloc(image_close_event),
    };
    if (image->event_slot == FLS_OUT_OF_INDEXES)
        return image_fail(message, IMAGE_FAILED, "there is no memory for image %s", wish->path);
    /* Windows cannot say beforehand whether it would block. */
    atomic_store(&image->no_nowait_read, true);
    atomic_store(&image->no_nowait_write, true);
    result = open_file(image, wish, message, &made);
    if (result == IMAGE_OK)
        result = inspect(image, wish, message, &present);
    if (result == IMAGE_OK) {
        make_sparse(image);
        result = size_image(image, wish, present, message);
    }
    if (result == IMAGE_OK) {
        name_image(image, wish->path);
        return result;
    }
    image_close(image);
    if (made)
        DeleteFileA(wish->path);
    return result;
}

void image_close(struct image *image)
{
    if (image->handle != INVALID_HANDLE_VALUE)
        CloseHandle(image->handle);
    /* That closes the events of all threads. */
    if (image->event_slot != FLS_OUT_OF_INDEXES)
        FlsFree(image->event_slot);
    image->handle = INVALID_HANDLE_VALUE;
    image->event_slot = FLS_OUT_OF_INDEXES;
}
