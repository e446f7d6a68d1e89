/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reading, writing, flushing and zeroing an image that is open. */

#include "image_windows.h"

#include <winioctl.h>

#include <errno.h>

const bool image_moves_pieces = false;
const bool image_takes_hints = false;

/* Errors that mingw's winerror.h lacks. */
enum { FILE_SYSTEM_LIMITATION = 665, DISK_QUOTA_EXCEEDED = 1295 };

static OVERLAPPED position(uint64_t offset)
{
    return (OVERLAPPED){ .Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32) };
}

void WINAPI image_close_event(void *event)
{
    CloseHandle(event);
}

/* Calls on the handle, which is asynchronous, wait with this event. Each thread keeps an event of
 * its own: making one can take longer than reading a block. */
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

/* Ends a ReadFile or its like: `at` and the buffer are the system's until then. */
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

bool image_control(
    const struct image *image, DWORD code, void *in, DWORD in_size, void *out, DWORD out_size)
{
    OVERLAPPED at = { 0 };
    DWORD n = 0;

    if (!get_event(image, &at))
        return false;
    return finish(image,
        DeviceIoControl(image->handle, code, in, in_size, out, out_size, NULL, &at), &at, &n);
}

/* Errors of Windows for a file, which may be on another machine or on a medium that can go. */
static const struct {
    DWORD error;
    int errnum;
} errors[] = {
    { ERROR_DISK_FULL, ENOSPC },
    { ERROR_HANDLE_DISK_FULL, ENOSPC },
    { DISK_QUOTA_EXCEEDED, ENOSPC },
    { ERROR_FILE_TOO_LARGE, ENOSPC },
    { FILE_SYSTEM_LIMITATION, ENOSPC }, /* NTFS: too many pieces */

    { ERROR_WRITE_PROTECT, EROFS },
    { ERROR_ACCESS_DENIED, EACCES },

    { ERROR_NOT_ENOUGH_MEMORY, ENOMEM },
    { ERROR_NOT_ENOUGH_QUOTA, ENOMEM },
    { ERROR_NO_SYSTEM_RESOURCES, ENOMEM },
    { ERROR_WORKING_SET_QUOTA, ENOMEM },
    { ERROR_COMMITMENT_LIMIT, ENOMEM },
    { ERROR_TOO_MANY_OPEN_FILES, EMFILE },

    { ERROR_BUSY, EBUSY },
    { ERROR_SHARING_VIOLATION, EBUSY },
    { ERROR_LOCK_VIOLATION, EBUSY },
    { ERROR_OPERATION_ABORTED, ECANCELED },
    { ERROR_RETRY, EAGAIN },

    { ERROR_SEM_TIMEOUT, ETIMEDOUT },
    { ERROR_TIMEOUT, ETIMEDOUT },
    { ERROR_NETNAME_DELETED, ECONNRESET },
    { ERROR_UNEXP_NET_ERR, ECONNRESET },
    { ERROR_GRACEFUL_DISCONNECT, ECONNRESET },
    { ERROR_CONNECTION_ABORTED, ECONNABORTED },
    { ERROR_REQUEST_ABORTED, ECONNABORTED },
    { ERROR_CONNECTION_REFUSED, ECONNREFUSED },
    { ERROR_PORT_UNREACHABLE, ECONNREFUSED },
    { ERROR_NETWORK_UNREACHABLE, ENETUNREACH },
    { ERROR_NO_NETWORK, ENETDOWN },
    { ERROR_HOST_UNREACHABLE, EHOSTUNREACH },
    { ERROR_REM_NOT_LIST, EHOSTUNREACH },
    { ERROR_BAD_NETPATH, EHOSTUNREACH },
    { ERROR_NETWORK_BUSY, EAGAIN },

    { ERROR_NOT_READY, ENODEV },
    { ERROR_NO_MEDIA_IN_DRIVE, ENODEV },
    { ERROR_DEV_NOT_EXIST, ENODEV },
    { ERROR_DEVICE_NOT_CONNECTED, ENODEV },
    { ERROR_DEVICE_REMOVED, ENODEV },
    { ERROR_FILE_INVALID, ENODEV }, /* the volume is another one now */
};

static int last_errno(void)
{
    DWORD error = GetLastError();

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].error == error)
            return errors[i].errnum;
    return EIO;
}

static DWORD piece_of(size_t length)
{
    const DWORD most = 1u << 30;

    return length < most ? (DWORD)length : most;
}

static int read_piece(
    struct image *image, void *buffer, size_t length, uint64_t offset, size_t *done)
{
    for (*done = 0; *done < length;) {
        DWORD n = 0;
        bool ok = read_at(
            image, (char *)buffer + *done, piece_of(length - *done), offset + *done, &n);
        *done += n;
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

static int write_piece(
    struct image *image, void *buffer, size_t length, uint64_t offset, size_t *done)
{
    for (*done = 0; *done < length;) {
        DWORD n = 0;
        bool ok = write_at(
            image, (char *)buffer + *done, piece_of(length - *done), offset + *done, &n);
        *done += n;
        if (!ok || n == 0)
            return ok ? EIO : last_errno();
    }
    return 0;
}

static int move_pieces(struct image *image, const spd_vec *vec, uint32_t count, uint64_t offset,
    size_t *done,
    int (*move)(struct image *image, void *buffer, size_t length, uint64_t offset, size_t *done))
{
    int error = 0;

    *done = 0;
    for (uint32_t i = 0; i < count && !error; i++) {
        size_t moved;

        error = move(image, vec[i].base, vec[i].length, offset + *done, &moved);
        *done += moved;
    }
    return error;
}

/* nowait: never asked for, see image_open(). */
int image_os_read(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, bool nowait, size_t *done)
{
    (void)length;
    (void)nowait;
    return move_pieces(image, vec, count, offset, done, read_piece);
}

int image_os_write(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, bool nowait, size_t *done)
{
    (void)length;
    (void)nowait;
    return move_pieces(image, vec, count, offset, done, write_piece);
}

void image_os_prefetch(const struct image *image, uint64_t length, uint64_t offset)
{
    (void)image;
    (void)length;
    (void)offset;
}

int image_os_flush(struct image *image)
{
    return FlushFileBuffers(image->handle) ? 0 : last_errno();
}

uint64_t image_os_now_ms(void)
{
    return GetTickCount64();
}

/* Windows can tell, but no test has shown that this program understands the answer. */
int image_os_run(const struct image *image, uint64_t offset, uint64_t *end, bool *hole)
{
    (void)image;
    (void)offset;
    (void)end;
    (void)hole;
    return EOPNOTSUPP;
}

/* The file is sparse, so that zeroed clusters lose their space. */
int image_os_zero(struct image *image, uint64_t length, uint64_t offset, bool keep)
{
    FILE_ZERO_DATA_INFORMATION range = {
        .FileOffset.QuadPart = (LONGLONG)offset,
        .BeyondFinalZero.QuadPart = (LONGLONG)(offset + length),
    };

    if (keep || atomic_load_explicit(&image->unmap_method, memory_order_relaxed) == UNMAP_WRITE)
        return EOPNOTSUPP;
    if (image_control(image, FSCTL_SET_ZERO_DATA, &range, sizeof range, NULL, 0))
        return 0;
    if (GetLastError() != ERROR_INVALID_FUNCTION && GetLastError() != ERROR_NOT_SUPPORTED)
        return last_errno();
    atomic_store_explicit(&image->unmap_method, UNMAP_WRITE, memory_order_relaxed);
    return EOPNOTSUPP;
}
