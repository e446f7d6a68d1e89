/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "image_os.h"

#include <windows.h>
#include <winioctl.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

const bool image_wants_table = true;

/* What mingw's winerror.h lacks. */
enum { FILE_SYSTEM_LIMITATION = 665, DISK_QUOTA_EXCEEDED = 1295 };

/* What NTFS gives back of a sparse file comes in pieces of this. */
enum { SPARSE_GRANULARITY = 65536 };

/* How to make a range read as zeros, in image->unmap_method. */
enum { UNMAP_ZERO_DATA, UNMAP_WRITE };

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

static OVERLAPPED position(uint64_t offset)
{
    return (OVERLAPPED){ .Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32) };
}

static void WINAPI close_event(void *event)
{
    CloseHandle(event);
}

/* What a call on the handle, which is asynchronous, waits with: each thread has an event of its own
 * and keeps it, for to make one can take longer than to read a block. */
static bool get_event(const struct image *image, OVERLAPPED *at)
{
    at->hEvent = FlsGetValue(image->event_slot);
    if (at->hEvent)
        return true;
    at->hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (at->hEvent && FlsSetValue(image->event_slot, at->hEvent))
        return true;
    if (at->hEvent)
        CloseHandle(at->hEvent);
    SetLastError(ERROR_NO_SYSTEM_RESOURCES);
    return false;
}

/* Ends what ReadFile and their like have begun: at and the buffer are the system's until then. */
static bool finish(const struct image *image, BOOL done, OVERLAPPED *at, DWORD *n)
{
    if (!done && GetLastError() != ERROR_IO_PENDING)
        return false;
    return GetOverlappedResult(image->handle, at, n, TRUE);
}

static bool read_at(
    const struct image *image, void *buffer, DWORD length, uint64_t offset, DWORD *n)
{
    OVERLAPPED at = position(offset);

    return get_event(image, &at) &&
        finish(image, ReadFile(image->handle, buffer, length, NULL, &at), &at, n);
}

static bool write_at(
    const struct image *image, const void *buffer, DWORD length, uint64_t offset, DWORD *n)
{
    OVERLAPPED at = position(offset);

    return get_event(image, &at) &&
        finish(image, WriteFile(image->handle, buffer, length, NULL, &at), &at, n);
}

static bool control(
    const struct image *image, DWORD code, void *in, DWORD in_size, void *out, DWORD out_size)
{
    OVERLAPPED at = { 0 };
    DWORD n = 0;

    if (!get_event(image, &at))
        return false;
    return finish(image,
        DeviceIoControl(image->handle, code, in, in_size, out, out_size, NULL, &at), &at, &n);
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
        if (!control(image, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &device, sizeof device))
            return fail_system(message, "get the size of", wish->path);
        /* Devices are not cached: what is no whole sector, they refuse. */
        if (control(image, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry, sizeof geometry) &&
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
    if (!image->block_device && control(image, FSCTL_SET_SPARSE, NULL, 0, NULL, 0))
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
        .event_slot = FlsAlloc(close_event),
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

static int last_errno(void)
{
    switch (GetLastError()) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case DISK_QUOTA_EXCEEDED:
    case ERROR_FILE_TOO_LARGE:
    case FILE_SYSTEM_LIMITATION: /* NTFS: too many pieces */
        return ENOSPC;
    case ERROR_WRITE_PROTECT:
    case ERROR_ACCESS_DENIED:
        return EROFS;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_NOT_ENOUGH_QUOTA:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_WORKING_SET_QUOTA:
    case ERROR_COMMITMENT_LIMIT:
        return ENOMEM;
    default:
        return EIO;
    }
}

static DWORD piece_of(size_t length)
{
    const DWORD most = 1u << 30;

    return length < most ? (DWORD)length : most;
}

int image_read(struct image *image, void *buffer, size_t length, uint64_t offset, unsigned flags,
    uint64_t *failed)
{
    int error;

    *failed = offset;
    if (flags & IMAGE_NOWAIT)
        return EAGAIN;
    /* Without a cache every write was durable, and so is what there is to read. */
    if (flags & IMAGE_DURABLE && image->cached && (error = image_flush(image)))
        return error;
    for (size_t done = 0; done < length;) {
        DWORD n = 0;
        bool ok = read_at(
            image, (char *)buffer + done, piece_of(length - done), offset + done, &n);
        done += n;
        *failed = offset + done;
        /* The end of the file: the image has been truncated. */
        if (!ok || n == 0)
            return ok || GetLastError() == ERROR_HANDLE_EOF ? EIO : last_errno();
    }
    return 0;
}

int image_os_end(const struct image *image, uint64_t *end)
{
    LARGE_INTEGER size = { .QuadPart = INT64_MAX };

    if (!image->block_device && !GetFileSizeEx(image->handle, &size))
        return last_errno();
    *end = (uint64_t)size.QuadPart;
    return 0;
}

int image_write(struct image *image, const void *buffer, size_t length, uint64_t offset,
    unsigned flags, uint64_t *failed)
{
    int error;

    *failed = offset;
    if (flags & IMAGE_NOWAIT)
        return EAGAIN;
    if ((error = image_check_end(image, length, offset, failed)))
        return error;
    for (size_t done = 0; done < length;) {
        DWORD n = 0;
        bool ok = write_at(
            image, (const char *)buffer + done, piece_of(length - done), offset + done, &n);
        done += n;
        *failed = offset + done;
        if (!ok || n == 0)
            return ok ? EIO : last_errno();
    }
    *failed = offset;
    return flags & IMAGE_DURABLE ? image_flush(image) : 0;
}

int image_os_flush(struct image *image)
{
    return FlushFileBuffers(image->handle) ? 0 : last_errno();
}

int image_os_zero(struct image *image, uint64_t length, uint64_t offset)
{
    FILE_ZERO_DATA_INFORMATION range = {
        .FileOffset.QuadPart = (LONGLONG)offset,
        .BeyondFinalZero.QuadPart = (LONGLONG)(offset + length),
    };

    if (atomic_load_explicit(&image->unmap_method, memory_order_relaxed) == UNMAP_WRITE)
        return EOPNOTSUPP;
    if (control(image, FSCTL_SET_ZERO_DATA, &range, sizeof range, NULL, 0))
        return 0;
    if (GetLastError() != ERROR_INVALID_FUNCTION && GetLastError() != ERROR_NOT_SUPPORTED)
        return last_errno();
    atomic_store_explicit(&image->unmap_method, UNMAP_WRITE, memory_order_relaxed);
    return EOPNOTSUPP;
}
