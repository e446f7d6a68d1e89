/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to size bytes, or to the end of the file. */
static int read_all(int fd, char *text, size_t size, size_t *length)
{
    for (*length = 0; *length < size;) {
        ssize_t n = read(fd, text + *length, size - *length);

        if (n == 0)
            break;
        if (n > 0)
            *length += (size_t)n;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

static int write_all(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

int state_read(const char *path, char text[STATE_SIZE_MAX], size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int error = 0;

    if (fd < 0)
        return errno;
    if (fstat(fd, &st) != 0)
        error = errno;
    else if (!S_ISREG(st.st_mode))
        error = EINVAL;
    else if (st.st_size > STATE_SIZE_MAX)
        error = EFBIG;
    else
        error = read_all(fd, text, STATE_SIZE_MAX, length);
    close(fd);
    return error;
}

int state_sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 0;
    int fd, error = 0;

    if (snprintf(directory, sizeof directory, "%.*s%s", length, path, !slash ? "." :
            length ? "" : "/") >= (int)sizeof directory)
        return ENAMETOOLONG;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    /* EINVAL: this file system need not sync a directory. */
    if (fsync(fd) != 0 && errno != EINVAL)
        error = errno;
    close(fd);
    return error;
}

static int write_file(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    int error;

    if (fd < 0)
        return errno;
    error = write_all(fd, text, length);
    if (!error && fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && !error)
        error = errno;
    if (error)
        unlink(path);
    return error;
}

int state_write(const char *path, const char *text, size_t length)
{
    char draft[PATH_MAX];
    int error;

    if (snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid()) >= (int)sizeof draft)
        return ENAMETOOLONG;
    error = write_file(draft, text, length);
    if (error == EEXIST && unlink(draft) == 0) /* a killed program left it */
        error = write_file(draft, text, length);
    if (error)
        return error;
    if (rename(draft, path) != 0) {
        error = errno;
        unlink(draft);
        return error;
    }
    return state_sync_directory(path);
}

int state_remove(const char *path)
{
    return unlink(path) == 0 ? state_sync_directory(path) : errno;
}

int state_keep(const char *path)
{
    return open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* The directory is not synced, for it would have to be opened. */
int state_put_back(int kept, const char *path, const char *text, size_t length)
{
    int error = 0;

    if (!length) {
        error = unlink(path) == 0 ? 0 : errno;
    } else if (kept < 0) {
        error = state_write(path, text, length);
    } else {
        error = write_all(kept, text, length);
        if (!error && (ftruncate(kept, (off_t)length) != 0 || fsync(kept) != 0))
            error = errno;
    }
    if (kept >= 0)
        close(kept);
    return error;
}
