/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * For LD_PRELOAD: a medium below one file that is reached through a network. While the way is down,
 * reading, writing and syncing fail as they do on a network file system: with ETIMEDOUT.
 *
 *     FARMEDIUM_FILE  the file
 *     FARMEDIUM_DOWN  a name: the way is down while there is such a file
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PRELOADED __attribute__((visibility("default")))

typedef ssize_t transfer(int, const struct iovec *, int, off64_t, int);

/* Sets errno. */
static bool is_out_of_reach(int fd)
{
    const char *path = getenv("FARMEDIUM_FILE"), *down = getenv("FARMEDIUM_DOWN");
    struct stat wanted, this;

    if (!path || !down || access(down, F_OK) != 0 || stat(path, &wanted) != 0 ||
        fstat(fd, &this) != 0 || wanted.st_dev != this.st_dev || wanted.st_ino != this.st_ino)
        return false;
    errno = ETIMEDOUT;
    return true;
}

static ssize_t pass(const char *name, int fd, const struct iovec *pieces, int count,
    off64_t offset, int flags)
{
    transfer *real;

    if (is_out_of_reach(fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, name);
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

PRELOADED int fdatasync(int fd)
{
    int (*real)(int);

    if (is_out_of_reach(fd))
        return -1;
    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}
