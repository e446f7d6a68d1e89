/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "image_os.h"
#include "../common/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

const bool image_wants_table = false;

/* Another process that has the image open for writing would destroy it, or we its data. */
static enum image_result lock_image(const struct image *image, const char *path, bool writable,
    char *message)
{
    /* Open file description locks: QEMU's tools take and respect them too, and they end with the
     * descriptor, however the process ends. */
    struct flock lock = {
        .l_type = writable ? F_WRLCK : F_RDLCK,
        .l_whence = SEEK_SET,
    };

    if (fcntl(image->fd, F_OFD_SETLK, &lock) == 0)
        return IMAGE_OK;
    if (errno == EAGAIN || errno == EACCES)
        return image_fail(message, IMAGE_FAILED,
            "image %s is in use by another program: end that program, or take another image",
            path);
    return image_fail(message, IMAGE_FAILED, "image %s cannot be locked: %s", path,
        strerror(errno));
}

/* *made: there was no such file before, and the new one is locked. */
static enum image_result open_file(struct image *image, const struct image_wish *wish,
    char *message, bool *made)
{
    enum image_result result;
    struct stat st;
    bool exists = stat(wish->path, &st) == 0;
    bool empty = !exists || (S_ISREG(st.st_mode) && st.st_size == 0);
    /* An empty file is yet to be sized, also for a disk that is write-protected. */
    bool writable = wish->writable || empty;
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    /* Of two programs that start at the same time one makes the file. O_EXCL on a block device,
     * without O_CREAT: not while it is mounted or part of an array. */
    if (!exists)
        flags |= O_CREAT | O_EXCL;
    else if (S_ISBLK(st.st_mode))
        flags |= O_EXCL;
    image->fd = open(wish->path, flags, 0666);
    if (image->fd < 0 && errno == EBUSY)
        return image_fail(message, IMAGE_FAILED,
            "image %s is in use: the block device is mounted or belongs to another program",
            wish->path);
    if (image->fd < 0)
        return image_fail(message, IMAGE_FAILED, "cannot open image %s: %s", wish->path,
            strerror(errno));
    result = lock_image(image, wish->path, writable, message);
    *made = !exists && result == IMAGE_OK;
    return result;
}

static enum image_result inspect(struct image *image, const struct image_wish *wish,
    char *message, uint64_t *size)
{
    struct stat st;
    struct statfs fs;

    if (fstat(image->fd, &st) != 0 || fstatfs(image->fd, &fs) != 0)
        return image_fail(message, IMAGE_FAILED, "cannot inspect image %s: %s", wish->path,
            strerror(errno));
    if (S_ISREG(st.st_mode)) {
        *size = (uint64_t)st.st_size;
        image->granularity = (uint32_t)st.st_blksize;
        image->memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
        return IMAGE_OK;
    }
    if (!S_ISBLK(st.st_mode))
        return image_fail(message, IMAGE_FAILED,
            "image %s is neither a regular file nor a block device", wish->path);
    image->block_device = true;
    if (ioctl(image->fd, BLKGETSIZE64, size) != 0 ||
        ioctl(image->fd, BLKPBSZGET, &image->granularity) != 0)
        return image_fail(message, IMAGE_FAILED, "cannot get the size of block device %s: %s",
            wish->path, strerror(errno));
    return IMAGE_OK;
}

static enum image_result size_image(struct image *image, const struct image_wish *wish,
    uint64_t present, char *message)
{
    char size[SIZE_TEXT_MAX], advice[96];

    image->size = image_wanted_size(wish, present);
    if (present == 0 && !image->block_device) {
        if (ftruncate(image->fd, (off_t)image->size) != 0)
            return image_fail(message, IMAGE_FAILED, "cannot make image %s %s long: %s", wish->path,
                size_format(image->size, size), strerror(errno));
        image->created = true;
        return IMAGE_OK;
    }
    snprintf(advice, sizeof advice, "lengthen it to %" PRIu64 " bytes, or use another -l",
        present + wish->block_length - present % wish->block_length);
    return image_check_size(image, wish, present, advice, message);
}

/* Two hosts may have an image at the same path, and an initiator that sees both must not take them
 * for two paths to one disk: the machine's own id belongs into the name. */
static void name_image(struct image *image, const char *path)
{
    char machine[64] = "", resolved[PATH_MAX];
    FILE *file = fopen("/etc/machine-id", "re");

    if (file) {
        if (!fgets(machine, sizeof machine, file))
            machine[0] = '\0';
        fclose(file);
    }
    machine[strcspn(machine, "\n")] = '\0';
    /* Not for block devices: /dev/disk/by-id/... stays the same, what it points to does not. */
    if (!image->block_device && realpath(path, resolved))
        path = resolved;
    snprintf(image->name, sizeof image->name, "%s:%s", machine, path);
}

enum image_result image_open(struct image *image, const struct image_wish *wish,
    char message[IMAGE_MESSAGE_MAX])
{
    uint64_t present = 0;
    enum image_result result;
    bool made = false;

    *image = (struct image){.fd = -1, .cached = wish->cached};
    /* A write past RLIMIT_FSIZE shall be an error of that write. */
    signal(SIGXFSZ, SIG_IGN);
    result = open_file(image, wish, message, &made);
    if (result == IMAGE_OK)
        result = inspect(image, wish, message, &present);
    if (result == IMAGE_OK)
        result = size_image(image, wish, present, message);
    if (result == IMAGE_OK) {
        name_image(image, wish->path);
        return result;
    }
    if (made)
        unlink(wish->path);
    image_close(image);
    return result;
}

void image_close(struct image *image)
{
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}
