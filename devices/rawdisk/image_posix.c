/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "image_posix.h"
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
const bool image_takes_whole_sectors = false;

static bool is_memory(const struct statfs *fs)
{
    return fs->f_type == TMPFS_MAGIC || fs->f_type == RAMFS_MAGIC;
}

/* Another process that has the image open for writing would destroy it, or lose its own data. */
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

static const struct {
    mode_t type;
    const char *text;
} no_images[] = {
    {S_IFDIR, "is a directory: name a file in it"},
    {S_IFCHR, "is a character device, which has no blocks"},
    {S_IFIFO, "is a pipe, of which nothing can be read twice"},
    {S_IFSOCK, "is a socket"},
};

static enum image_result check_kind(const char *path, const struct stat *st, char *message)
{
    struct statfs fs;

    for (size_t i = 0; i < sizeof no_images / sizeof no_images[0]; i++) {
        if ((st->st_mode & S_IFMT) == no_images[i].type)
            return image_fail(message, IMAGE_FAILED,
                "image %s %s; it must be a regular file or a block device", path,
                no_images[i].text);
    }
    if (S_ISREG(st->st_mode) && statfs(path, &fs) == 0 &&
        (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC))
        return image_fail(message, IMAGE_FAILED,
            "image %s is a file of /proc or /sys: the kernel writes it when it is read, and it "
            "holds no disk", path);
    return IMAGE_OK;
}

/* The directory of a file that does not exist yet, in memory to be freed; NULL: there is no
 * memory. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* There is no such file: can it be made? */
static enum image_result plan_file(struct image *image, const struct image_wish *wish,
    char *message)
{
    char target[PATH_MAX];
    ssize_t length = readlink(wish->path, target, sizeof target - 1);
    char *directory = directory_of(wish->path);
    int error = directory ? 0 : ENOMEM;
    struct statfs fs;

    if (!error && (access(directory, W_OK | X_OK) != 0 || statfs(directory, &fs) != 0))
        error = errno;
    if (!error)
        image->holes = image_directory_makes_holes(directory);
    free(directory);
    if (length >= 0)
        return image_fail(message, IMAGE_FAILED,
            "image %s is a symbolic link to %.*s, which is not there: mend the link, or name the "
            "file itself to make it", wish->path, (int)length, target);
    if (!error && wish->path[strlen(wish->path) - 1] == '/')
        error = ENOTDIR;
    if (error)
        return image_fail(message, IMAGE_FAILED, "cannot make image %s: %s", wish->path,
            strerror(error));
    image->missing = image->created = true;
    image->memory = is_memory(&fs);
    image->granularity = (uint32_t)fs.f_frsize;
    return IMAGE_OK;
}

static enum image_result open_file(struct image *image, const struct image_wish *wish,
    const struct stat *st, char *message)
{
    /* An empty file is yet to be sized, also for a disk that is write-protected. */
    bool writable = wish->writable || (S_ISREG(st->st_mode) && st->st_size == 0);
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    /* O_EXCL on a block device, without O_CREAT: not while it is mounted or part of an array. */
    if (S_ISBLK(st->st_mode))
        flags |= O_EXCL;
    image->fd = open(wish->path, flags);
    if (image->fd < 0 && errno == EBUSY)
        return image_fail(message, IMAGE_FAILED,
            "image %s is in use: the block device is mounted or belongs to another program",
            wish->path);
    if (image->fd < 0)
        return image_fail(message, IMAGE_FAILED, "cannot open image %s: %s", wish->path,
            strerror(errno));
    return lock_image(image, wish->path, writable, message);
}

static enum image_result inspect(struct image *image, const struct image_wish *wish,
    char *message)
{
    struct stat st;
    struct statfs fs;
    int sector;

    if (fstat(image->fd, &st) != 0 || fstatfs(image->fd, &fs) != 0)
        return image_fail(message, IMAGE_FAILED, "cannot inspect image %s: %s", wish->path,
            strerror(errno));
    if (S_ISREG(st.st_mode)) {
        image->present = (uint64_t)st.st_size;
        image->created = st.st_size == 0;
        image->granularity = (uint32_t)fs.f_frsize;
        image->memory = is_memory(&fs);
        image->holes = !wish->writable || image_file_makes_holes(image->fd, image->present);
        return IMAGE_OK;
    }
    image->block_device = true;
    image->holes = !wish->writable || image_device_makes_holes(st.st_rdev);
    if (ioctl(image->fd, BLKGETSIZE64, &image->present) != 0 ||
        ioctl(image->fd, BLKSSZGET, &sector) != 0 ||
        ioctl(image->fd, BLKPBSZGET, &image->granularity) != 0)
        return image_fail(message, IMAGE_FAILED, "cannot get the size of block device %s: %s",
            wish->path, strerror(errno));
    image->sector = (uint32_t)sector;
    return IMAGE_OK;
}

/* Its path without symbolic links, also for a file that does not exist yet. */
static const char *canonical(const struct image *image, char resolved[PATH_MAX])
{
    char *directory, whole[PATH_MAX];
    const char *slash = strrchr(image->path, '/');

    if (realpath(image->path, resolved))
        return resolved;
    directory = directory_of(image->path);
    if (directory && realpath(directory, whole) &&
        snprintf(resolved, PATH_MAX, "%s/%s", strcmp(whole, "/") == 0 ? "" : whole,
            slash ? slash + 1 : image->path) < PATH_MAX) {
        free(directory);
        return resolved;
    }
    free(directory);
    return image->path;
}

/* Block devices keep their path: /dev/disk/by-id/... stays the same, its target does not. */
static void name_image(struct image *image)
{
    char resolved[PATH_MAX];

    snprintf(image->name, sizeof image->name, "%s",
        image->block_device ? image->path : canonical(image, resolved));
}

static enum image_result find(struct image *image, const struct image_wish *wish, char *message)
{
    enum image_result result;
    struct stat st;

    if (stat(wish->path, &st) != 0 && errno == ENOENT)
        return plan_file(image, wish, message);
    if (stat(wish->path, &st) != 0)
        return image_fail(message, IMAGE_FAILED, "cannot open image %s: %s", wish->path,
            strerror(errno));
    result = check_kind(wish->path, &st, message);
    if (result == IMAGE_OK)
        result = open_file(image, wish, &st, message);
    return result == IMAGE_OK ? inspect(image, wish, message) : result;
}

enum image_result image_open(struct image *image, const struct image_wish *wish,
    char message[IMAGE_MESSAGE_MAX])
{
    enum image_result result;

    *image = (struct image){.fd = -1, .path = wish->path, .cached = wish->cached};
    if (image_prepare(image))
        return image_fail(message, IMAGE_FAILED, "there is no memory for image %s", wish->path);
    /* A write past RLIMIT_FSIZE must be an error of that write only. */
    signal(SIGXFSZ, SIG_IGN);
    result = find(image, wish, message);
    if (result == IMAGE_OK)
        name_image(image);
    else
        image_close(image);
    return result;
}

/* When several programs start at the same time, one of them makes the file. */
static enum image_result make_file(struct image *image, char *message)
{
    enum image_result result;

    image->fd = open(image->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
    if (image->fd < 0 && errno == EEXIST)
        return image_fail(message, IMAGE_FAILED,
            "image %s was made by another program at this moment: start again to use it",
            image->path);
    if (image->fd < 0)
        return image_fail(message, IMAGE_FAILED, "cannot make image %s: %s", image->path,
            strerror(errno));
    result = lock_image(image, image->path, true, message);
    image->made = result == IMAGE_OK; /* otherwise another program has it by now */
    return result;
}

enum image_result image_make(struct image *image, char message[IMAGE_MESSAGE_MAX])
{
    enum image_result result = image->missing ? make_file(image, message) : IMAGE_OK;
    char size[SIZE_TEXT_MAX];

    if (result == IMAGE_OK && image->created && ftruncate(image->fd, (off_t)image->size) != 0)
        result = image_fail(message, IMAGE_FAILED, "cannot make image %s %s long: %s", image->path,
            size_format(image->size, size), strerror(errno));
    return result;
}

bool image_unmake(struct image *image)
{
    struct stat ours, there;

    if (image->made)
        return fstat(image->fd, &ours) == 0 && stat(image->path, &there) == 0 &&
            ours.st_dev == there.st_dev && ours.st_ino == there.st_ino &&
            unlink(image->path) == 0;
    /* A file that another program made in the same moment belongs to that program. */
    return image->missing || !image->created || ftruncate(image->fd, 0) == 0;
}

void image_close(struct image *image)
{
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
    flush_group_close(&image->flushes);
}
