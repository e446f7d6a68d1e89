/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * For LD_PRELOAD: a medium below one file that loses all that is written, in the way in which Linux
 * tells it. Writes succeed, for they only reach the page cache. Write-back then fails, and the
 * error is reported once. The first fdatasync() of the open file gets it, or the first write with
 * RWF_DSYNC, which is a write and a sync. All others succeed.
 *
 * And a file system that cannot make holes.
 *
 *     BADMEDIUM_FILE    the file
 *     BADMEDIUM_WRITES  no sync ends before so many writes have; only then write-back fails
 *     BADMEDIUM_GATE    a FIFO: the first sync ends only after somebody has opened it for writing
 *     BADMEDIUM_SOLID   fallocate() is not supported, for any file
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PRELOADED __attribute__((visibility("default")))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t written = PTHREAD_COND_INITIALIZER;
static unsigned long writes, syncs;
static bool told;

static bool is_ours(int fd)
{
    const char *path = getenv("BADMEDIUM_FILE");
    struct stat wanted, this;

    return path && stat(path, &wanted) == 0 && fstat(fd, &this) == 0 &&
           wanted.st_dev == this.st_dev && wanted.st_ino == this.st_ino;
}

static void pass_gate(void)
{
    const char *gate = getenv("BADMEDIUM_GATE");
    int fd = gate ? open(gate, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0)
        close(fd);
}

static int lose(void)
{
    const char *wanted = getenv("BADMEDIUM_WRITES");
    bool first, tell;

    pthread_mutex_lock(&lock);
    first = syncs++ == 0;
    while (writes < (wanted ? strtoul(wanted, NULL, 10) : 1))
        pthread_cond_wait(&written, &lock);
    pthread_mutex_unlock(&lock);
    if (first)
        pass_gate();
    pthread_mutex_lock(&lock);
    tell = !told;
    told = true;
    pthread_mutex_unlock(&lock);
    errno = EIO;
    return tell ? -1 : 0;
}

/* The name that a program with 64-bit file offsets calls pwritev2() by. */
PRELOADED ssize_t pwritev64v2(
    int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    ssize_t (*real)(int, const struct iovec *, int, off64_t, int);
    ssize_t n;

    *(void **)&real = dlsym(RTLD_NEXT, "pwritev64v2");
    if (!is_ours(fd))
        return real(fd, pieces, count, offset, flags);
    n = real(fd, pieces, count, offset, flags & ~(RWF_DSYNC | RWF_SYNC));
    if (n < 0)
        return n;
    pthread_mutex_lock(&lock);
    writes++;
    pthread_cond_broadcast(&written);
    pthread_mutex_unlock(&lock);
    return flags & (RWF_DSYNC | RWF_SYNC) && lose() < 0 ? -1 : n;
}

PRELOADED int fdatasync(int fd)
{
    int (*real)(int);

    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    return is_ours(fd) ? lose() : real(fd);
}

/* And by this name fallocate(). */
PRELOADED int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    int (*real)(int, int, off64_t, off64_t);

    *(void **)&real = dlsym(RTLD_NEXT, "fallocate64");
    if (!getenv("BADMEDIUM_SOLID"))
        return real(fd, mode, offset, length);
    errno = EOPNOTSUPP;
    return -1;
}
