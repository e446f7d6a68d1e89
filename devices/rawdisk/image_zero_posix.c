/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Making ranges of an image read as zeros, and whether the system can do so without writing. */

#include "image_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Ways to make a range read as zeros, best first; the last is to write them. Block devices take
 * the first two as well: the kernel zeroes by discarding only where the device promises zeros. */
static const int unmap_modes[] = {
    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
};

enum { UNMAP_MODES = sizeof unmap_modes / sizeof unmap_modes[0] };
enum { KEEP_MODE = 1 }; /* the first that leaves the bytes their space */

/* Past its end a file has no data to lose, and a file system that cannot make holes says so there
 * as anywhere. */
bool image_file_makes_holes(int fd, uint64_t size)
{
    return fallocate(fd, unmap_modes[0], (off_t)size, 4096) == 0 ||
        (errno != EOPNOTSUPP && errno != ENOSYS);
}

/* Can the file that will be made there have holes? A nameless file says it, or one whose name goes
 * at once. */
bool image_directory_makes_holes(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char *path = NULL;
    bool holes = true;

    if (fd < 0 && asprintf(&path, "%s/.winspd-XXXXXX", directory) >= 0) {
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
        free(path);
    }
    if (fd >= 0) {
        holes = image_file_makes_holes(fd, 0);
        close(fd);
    }
    return holes;
}

/* A number about a block device's queue. A partition has its disk's queue. 0: unknown. */
static uint64_t queue_limit(dev_t device, const char *name)
{
    static const char *const places[] = {"", "/.."};
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[128];
        FILE *file;

        snprintf(path, sizeof path, "/sys/dev/block/%u:%u%s/queue/%s", major(device),
            minor(device), places[i], name);
        file = fopen(path, "re");
        if (!file)
            continue;
        if (fscanf(file, "%" SCNu64, &value) != 1)
            value = 0;
        fclose(file);
        break;
    }
    return value;
}

/* Where the device has no such command the kernel writes the zeros itself, all of them at once. */
bool image_device_makes_holes(dev_t device)
{
    return queue_limit(device, "write_zeroes_max_bytes") > 0;
}

int image_os_zero(struct image *image, uint64_t length, uint64_t offset, bool keep)
{
    atomic_uint *known = keep ? &image->keep_method : &image->unmap_method;
    unsigned method = atomic_load_explicit(known, memory_order_relaxed);

    if (keep && method < KEEP_MODE)
        method = KEEP_MODE;

    while (method < UNMAP_MODES) {
        if (fallocate(image->fd, unmap_modes[method], (off_t)offset, (off_t)length) == 0)
            return 0;
        if (errno == EINTR)
            continue;
        /* A block device with longer sectors than our blocks: this range does not fit them. */
        if (errno == EINVAL && image->block_device)
            break;
        if (errno != EOPNOTSUPP && errno != ENOSYS)
            return image_write_error();
        atomic_store_explicit(known, ++method, memory_order_relaxed);
    }
    return EOPNOTSUPP;
}
