/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * For LD_PRELOAD: a medium below one file whose reads and writes hang at one offset. A call that
 * may not block would; one that may ends only after somebody has opened the gate for writing.
 *
 *     HANGMEDIUM_FILE    the file
 *     HANGMEDIUM_OFFSET  where
 *     HANGMEDIUM_GATE    a FIFO; GATE.held has a byte for each call that hangs
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PRELOADED __attribute__((visibility("default")))

typedef ssize_t transfer(int, const struct iovec *, int, off64_t, int);

static bool is_ours(int fd, const struct iovec *piece, off64_t offset)
{
    const char *path = getenv("HANGMEDIUM_FILE"), *at = getenv("HANGMEDIUM_OFFSET");
    struct stat wanted, this;
    long long there = at ? atoll(at) : 0;

    return path && stat(path, &wanted) == 0 && fstat(fd, &this) == 0 &&
           wanted.st_dev == this.st_dev && wanted.st_ino == this.st_ino && offset <= there &&
           there < offset + (off64_t)piece->iov_len;
}

static void hang(void)
{
    const char *gate = getenv("HANGMEDIUM_GATE");
    char held[4096];
    int fd;

    snprintf(held, sizeof held, "%s.held", gate);
    fd = open(held, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1)
        abort();
    close(fd);
    close(open(gate, O_RDONLY | O_CLOEXEC));
}

static ssize_t pass(const char *name, int fd, const struct iovec *pieces, int count,
    off64_t offset, int flags)
{
    transfer *real;

    *(void **)&real = dlsym(RTLD_NEXT, name);
    if (is_ours(fd, pieces, offset)) {
        if (flags & RWF_NOWAIT) {
            errno = EAGAIN;
            return -1;
        }
        hang();
    }
    return real(fd, pieces, count, offset, flags);
}

/* The names that a program with 64-bit file offsets calls them by. */
PRELOADED ssize_t preadv64v2(
    int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    return pass("preadv64v2", fd, pieces, count, offset, flags);
}

PRELOADED ssize_t pwritev64v2(
    int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    return pass("pwritev64v2", fd, pieces, count, offset, flags);
}
