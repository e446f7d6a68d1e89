/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reading, writing, flushing and zeroing an image that is open. */

#include "image_posix.h"

#include <errno.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* EFBIG is a limit on the file's size (RLIMIT_FSIZE, the file system): to a disk, lack of space. */
int image_write_error(void)
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
            return image_write_error();
    }
    return 0;
}

int image_os_flush(struct image *image)
{
    return fdatasync(image->fd) == 0 ? 0 : image_write_error();
}

uint64_t image_os_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
