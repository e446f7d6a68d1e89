/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reading, writing, flushing and zeroing an image that is open. */

#include "image_os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/uio.h>
#include <unistd.h>

/* Ways to make a range read as zeros, best first; the last is to write them. Block devices take
 * the first two as well: the kernel zeroes by discarding only where the device promises zeros. */
static const int unmap_modes[] = {
    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
};

enum { UNMAP_MODES = sizeof unmap_modes / sizeof unmap_modes[0] };

/* EFBIG is a limit on the file's size (RLIMIT_FSIZE, the file system): to a disk, lack of space. */
static int write_error(void)
{
    return errno == EFBIG ? ENOSPC : errno;
}

int image_read(struct image *image, void *buffer, size_t length, uint64_t offset, unsigned flags,
    uint64_t *failed)
{
    bool nowait = flags & IMAGE_NOWAIT && !image->memory;
    /* Without a cache every write was durable, and so is what there is to read. */
    bool flush = flags & IMAGE_DURABLE && image->cached;
    size_t done = 0;
    int error;

    if (nowait && (flush || atomic_load_explicit(&image->no_nowait_read, memory_order_relaxed)))
        return EAGAIN;
    *failed = offset;
    if (flush && (error = image_flush(image)))
        return error;
    while (done < length) {
        struct iovec piece = {(char *)buffer + done, length - done};
        ssize_t n = preadv2(image->fd, &piece, 1, (off_t)(offset + done),
            nowait ? RWF_NOWAIT : 0);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EOPNOTSUPP && nowait) {
            atomic_store_explicit(&image->no_nowait_read, true, memory_order_relaxed);
            return EAGAIN;
        }
        *failed = offset + done;
        return n < 0 ? errno : EIO; /* 0: the image has been truncated */
    }
    return 0;
}

int image_os_end(const struct image *image, uint64_t *end)
{
    /* A third of the cost of fstat(), and it knows block devices too. */
    off_t at = lseek(image->fd, 0, SEEK_END);

    *end = (uint64_t)at;
    return at < 0 ? errno : 0;
}

/* One pass over the data; *done counts on failure too. */
static int write_all(struct image *image, const void *buffer, size_t length, uint64_t offset,
    int rwf, size_t *done)
{
    for (*done = 0; *done < length;) {
        struct iovec piece = {(char *)(uintptr_t)buffer + *done, length - *done};
        ssize_t n = pwritev2(image->fd, &piece, 1, (off_t)(offset + *done), rwf);
        if (n >= 0)
            *done += (size_t)n;
        else if (errno != EINTR)
            return write_error();
    }
    return 0;
}

/* A durable write failed: did the write fail, or the sync? Once a sync has reported an error the
 * system forgets it, also for data that others wrote, so that flush must not succeed any more. */
static void judge_durable_failure(struct image *image, const void *buffer, size_t length,
    uint64_t offset, int error)
{
    int none = 0;
    size_t done;

    if (write_all(image, buffer, length, offset, 0, &done) == 0)
        atomic_compare_exchange_strong(&image->lost, &none, error);
}

int image_write(struct image *image, const void *buffer, size_t length, uint64_t offset,
    unsigned flags, uint64_t *failed)
{
    bool durable = flags & IMAGE_DURABLE && !image->memory;
    bool nowait = flags & IMAGE_NOWAIT && !image->memory;
    size_t done = 0;
    int error;

    if (nowait && (durable || atomic_load_explicit(&image->no_nowait_write,
                                  memory_order_relaxed)))
        return EAGAIN;
    *failed = offset;
    if ((error = image_check_end(image, length, offset, failed)))
        return error;
    error = write_all(image, buffer, length, offset,
        (nowait ? RWF_NOWAIT : 0) | (durable ? RWF_DSYNC : 0), &done);
    *failed = offset + done;
    if (error == EOPNOTSUPP && nowait) {
        atomic_store_explicit(&image->no_nowait_write, true, memory_order_relaxed);
        return EAGAIN;
    }
    if (error && durable)
        judge_durable_failure(image, buffer, length, offset, error);
    return error;
}

int image_os_flush(struct image *image)
{
    return fdatasync(image->fd) == 0 ? 0 : write_error();
}

int image_os_zero(struct image *image, uint64_t length, uint64_t offset)
{
    unsigned method = atomic_load_explicit(&image->unmap_method, memory_order_relaxed);

    while (method < UNMAP_MODES) {
        if (fallocate(image->fd, unmap_modes[method], (off_t)offset, (off_t)length) == 0)
            return 0;
        if (errno == EINTR)
            continue;
        /* A block device with longer sectors than our blocks: this range does not fit them. */
        if (errno == EINVAL && image->block_device)
            break;
        if (errno != EOPNOTSUPP && errno != ENOSYS)
            return write_error();
        atomic_store_explicit(&image->unmap_method, ++method, memory_order_relaxed);
    }
    return EOPNOTSUPP;
}
