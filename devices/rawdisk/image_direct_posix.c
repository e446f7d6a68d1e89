/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* O_DIRECT: data goes past the cache of the system, in memory and at offsets that are aligned.
 * Doors have data at any address, which is then copied. */

#include "image_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, PAGE = 4096 };

/* Linux 6.1 and later say what they want. Before that the sector of a block device counts, and for
 * a file a read shows whether 512 bytes are enough. */
static void find_alignment(const struct image *image, struct image_direct *direct)
{
    struct statx st;
    void *probe = NULL;
    int sector;

    *direct = (struct image_direct){ PAGE, PAGE };
    if (statx(image->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 &&
        st.stx_mask & STATX_DIOALIGN) {
        *direct = (struct image_direct){ st.stx_dio_mem_align, st.stx_dio_offset_align };
    } else if (image->block_device) {
        if (ioctl(image->fd, BLKSSZGET, &sector) == 0)
            direct->offset = (uint32_t)sector;
    } else if (posix_memalign(&probe, PAGE, PAGE) == 0) {
        if (pread(image->fd, probe, SECTOR, SECTOR) >= 0)
            direct->offset = SECTOR;
        free(probe);
    }
}

enum image_result image_go_direct(struct image *image, uint32_t block_length,
    char message[IMAGE_MESSAGE_MAX])
{
    struct image_direct direct;
    int flags = fcntl(image->fd, F_GETFL);

    if (flags < 0 || fcntl(image->fd, F_SETFL, flags | O_DIRECT) != 0)
        return image_fail(message, IMAGE_FAILED,
            "image %s: its file system has no direct I/O (%s): leave --direct out", image->path,
            strerror(errno));
    find_alignment(image, &direct);
    if (!direct.offset || !direct.memory)
        return image_fail(message, IMAGE_FAILED,
            "image %s: its file system has no direct I/O for this file: leave --direct out",
            image->path);
    if (block_length % direct.offset)
        return image_fail(message, IMAGE_BAD_SIZE,
            "image %s takes direct I/O in pieces of %" PRIu32 " bytes: use -l %" PRIu32
            ", or leave --direct out", image->path, direct.offset, direct.offset);
    image->direct = direct;
    return IMAGE_OK;
}

bool image_is_aligned(const struct image *image, const spd_vec *vec, uint32_t count)
{
    for (uint32_t i = 0; i < count && image->direct.memory; i++)
        if ((uintptr_t)vec[i].base % image->direct.memory ||
            vec[i].length % image->direct.offset)
            return false;
    return true;
}

int image_bounce_read(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, size_t *done)
{
    spd_vec bounce = { .length = length };
    int error = posix_memalign(&bounce.base, PAGE, length);

    *done = 0;
    if (error)
        return error;
    error = image_os_read(image, &bounce, 1, length, offset, false, done);
    spd_vec_put(vec, count, 0, bounce.base, *done);
    free(bounce.base);
    return error;
}

int image_bounce_write(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, size_t *done)
{
    spd_vec bounce = { .length = length };
    int error = posix_memalign(&bounce.base, PAGE, length);

    *done = 0;
    if (error)
        return error;
    spd_vec_get(vec, count, 0, bounce.base, length);
    error = image_os_write(image, &bounce, 1, length, offset, false, done);
    free(bounce.base);
    return error;
}
