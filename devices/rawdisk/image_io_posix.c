/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reading, writing, flushing and zeroing an image that is open. */

#include "image_posix.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

const bool image_moves_pieces = true;
const bool image_takes_hints = true;

/* EFBIG is a limit on the file's size (RLIMIT_FSIZE, the file system): to a disk, lack of space. */
int image_write_error(void)
{
    return errno == EFBIG ? ENOSPC : errno;
}

static_assert(sizeof(spd_vec) == sizeof(struct iovec) &&
                  offsetof(spd_vec, base) == offsetof(struct iovec, iov_base) &&
                  offsetof(spd_vec, length) == offsetof(struct iovec, iov_len),
    "spd.h says that a spd_vec is an iovec");

enum { PIECES_MAX = 64 }; /* for one call */

/* Lists the pieces after `done` bytes, as many as one call takes; returns their number. */
static int gather(const spd_vec *vec, uint32_t count, size_t done, struct iovec to[PIECES_MAX])
{
    int number = 0;

    for (; count && number < PIECES_MAX; vec++, count--) {
        if (done < vec->length)
            to[number++] = (struct iovec){ (char *)vec->base + done, vec->length - done };
        done -= done < vec->length ? done : vec->length;
    }
    return number;
}

int image_os_read(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, bool nowait, size_t *done)
{
    struct iovec pieces[PIECES_MAX];

    if (!image_is_aligned(image, vec, count))
        return image_bounce_read(image, vec, count, length, offset, done);
    for (*done = 0; *done < length;) {
        ssize_t n = preadv2(image->fd, pieces, gather(vec, count, *done, pieces),
            (off_t)(offset + *done), nowait ? RWF_NOWAIT : 0);
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

/* A hole to the end of the file, or nothing: of what was truncated nothing is known. */
static int run_to_end(const struct image *image, uint64_t offset, uint64_t *end)
{
    int error = image_os_end(image, end);

    return error || *end > offset ? error : EIO;
}

int image_os_run(const struct image *image, uint64_t offset, uint64_t *end, bool *hole)
{
    off_t at = lseek(image->fd, (off_t)offset, SEEK_DATA);

    *hole = at < 0 || (uint64_t)at > offset;
    if (at < 0)
        return errno == ENXIO ? run_to_end(image, offset, end) : errno;
    if (!*hole)
        at = lseek(image->fd, (off_t)offset, SEEK_HOLE);
    *end = (uint64_t)at;
    return at < 0 ? errno : 0;
}

int image_os_write(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, bool nowait, size_t *done)
{
    struct iovec pieces[PIECES_MAX];

    if (!image_is_aligned(image, vec, count))
        return image_bounce_write(image, vec, count, length, offset, done);
    for (*done = 0; *done < length;) {
        ssize_t n = pwritev2(image->fd, pieces, gather(vec, count, *done, pieces),
            (off_t)(offset + *done), nowait ? RWF_NOWAIT : 0);
        if (n >= 0)
            *done += (size_t)n;
        else if (errno != EINTR)
            return image_write_error();
    }
    return 0;
}

void image_os_prefetch(const struct image *image, uint64_t length, uint64_t offset)
{
    posix_fadvise(image->fd, (off_t)offset, (off_t)length, POSIX_FADV_WILLNEED);
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
