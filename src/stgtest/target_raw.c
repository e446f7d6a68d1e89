/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A block device or a regular file, around the page cache where the system can. */

#include "stgtest/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BLOCK_LENGTH = 512,
    DEFAULT_TRANSFER_LENGTH = 65536,
    TRANSFERS = 3, /* longer than the device takes at once, to see that the system cuts it well */
};

struct raw_target {
    struct target target; /* first */
    int fd;
};

static int transact(struct target *base, const struct transact_request *request, uint8_t *buffer,
    struct transact_response *response)
{
    struct raw_target *target = (struct raw_target *)base;
    size_t length = (size_t)request->blocks * base->block_length;
    off_t offset = (off_t)(request->lba * base->block_length);
    size_t moved = 0;

    while (moved < length) {
        ssize_t n = request->kind == TRANSACT_READ ?
            pread(target->fd, buffer + moved, length - moved, offset + (off_t)moved) :
            pwrite(target->fd, buffer + moved, length - moved, offset + (off_t)moved);

        if (n > 0)
            moved += (size_t)n;
        else if (n == 0)
            return ERROR_IO_DEVICE;
        else if (errno != EINTR)
            return winerror_from_errno(errno);
    }
    *response = (struct transact_response){ .hint = request->hint, .kind = request->kind };
    return 0;
}

static void close_target(struct target *base)
{
    struct raw_target *target = (struct raw_target *)base;

    if (target->fd >= 0)
        close(target->fd);
    free(target);
}

static const struct target_ops raw_ops = {
    .transact = transact,
    .close = close_target,
};

/* O_EXCL: a block device that is mounted is refused instead of destroyed. */
static int open_raw(struct raw_target *target, const char *name, const struct stat *st)
{
    int flags = O_RDWR | O_CLOEXEC | (S_ISBLK(st->st_mode) ? O_EXCL : 0);
    void *probe;

    target->fd = open(name, flags | O_DIRECT);
    /* Some file systems take O_DIRECT and refuse the blocks later, so try one. */
    if (target->fd >= 0 && posix_memalign(&probe, 4096, 4096) == 0) {
        ssize_t n = pread(target->fd, probe, FILE_BLOCK_LENGTH, 0);

        free(probe);
        if (n >= 0 || errno != EINVAL || S_ISBLK(st->st_mode))
            return 0;
        close(target->fd);
        target->fd = -1;
        errno = EINVAL;
    }
    if (target->fd < 0 && errno == EINVAL)
        target->fd = open(name, flags);
    return target->fd >= 0 ? 0 : target_fail(name, "cannot open");
}

static int size_up(struct raw_target *target, const char *name, const struct stat *st)
{
    uint64_t size = (uint64_t)st->st_size;
    uint32_t limit = 0;

    target->target.block_length = FILE_BLOCK_LENGTH;
    if (S_ISBLK(st->st_mode)) {
        unsigned short sectors = 0; /* 512 bytes each, whatever the device's block length */
        int length;

        if (ioctl(target->fd, BLKGETSIZE64, &size) || ioctl(target->fd, BLKSSZGET, &length))
            return target_fail(name, "cannot tell its size");
        target->target.block_length = (uint32_t)length;
        if (ioctl(target->fd, BLKSECTGET, &sectors) == 0)
            limit = sectors * 512u;
    }
    if (limit == 0)
        limit = DEFAULT_TRANSFER_LENGTH;
    limit -= limit % target->target.block_length;
    target->target.block_count = size / target->target.block_length;
    target->target.max_transfer_length = limit * TRANSFERS;
    if (target->target.block_count > 0)
        return 0;
    fprintf(stderr, "stgtest: %s: it is empty; make it %u bytes or longer (error %d)\n", name,
        target->target.block_length, ERROR_INVALID_PARAMETER);
    return ERROR_INVALID_PARAMETER;
}

int target_open_raw(const char *name, struct target **result)
{
    struct raw_target *target;
    struct stat st;
    int error;

    if (stat(name, &st))
        return target_fail(name, "cannot open");
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
        fprintf(stderr, "stgtest: %s: neither unix:PATH nor a block device nor a file (error %d)\n",
            name, ERROR_INVALID_PARAMETER);
        return ERROR_INVALID_PARAMETER;
    }
    target = calloc(1, sizeof *target);
    if (!target)
        return target_fail(name, "memory");
    target->target.ops = &raw_ops;
    target->target.allowed = "RW";
    target->target.cache = true;
    target->fd = -1;
    error = open_raw(target, name, &st);
    if (error == 0)
        error = size_up(target, name, &st);
    if (error) {
        close_target(&target->target);
        return error;
    }
    *result = &target->target;
    return 0;
}
