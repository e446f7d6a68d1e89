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

int image_os_read(struct image *image, void *buffer, size_t length, uint64_t offset, bool nowait,
    size_t *done)
{
    for (*done = 0; *done < length;) {
        struct iovec piece = {(char *)buffer + *done, length - *done};
        ssize_t n = preadv2(image->fd, &piece, 1, (off_t)(offset + *done),
            nowait ? RWF_NOWAIT : 0);
        if (n > 0)
            *done += (size_t)n;
        else if (n == 0)
            return EIO; /* the image has been truncated */
        else if (errno != EINTR)
            return errno;
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

int image_os_write(struct image *image, const void *buffer, size_t length, uint64_t offset,
    bool nowait, size_t *done)
{
    for (*done = 0; *done < length;) {
        struct iovec piece = {(char *)(uintptr_t)buffer + *done, length - *done};
        ssize_t n = pwritev2(image->fd, &piece, 1, (off_t)(offset + *done),
            nowait ? RWF_NOWAIT : 0);
        if (n >= 0)
            *done += (size_t)n;
        else if (errno != EINTR)
            return write_error();
    }
    return 0;
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
