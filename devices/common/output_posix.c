/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct output_file identify(int failed, const struct stat *st)
{
    if (failed)
        return (struct output_file){0};
    if (S_ISBLK(st->st_mode))
        return (struct output_file){.known = true, .device = UINT64_MAX, .number = st->st_rdev};
    return (struct output_file){
        .known = S_ISREG(st->st_mode), .device = st->st_dev, .number = st->st_ino
    };
}

struct output_file output_of_path(const char *path)
{
    struct stat st;
    int failed = stat(path, &st);

    return identify(failed, &st);
}

struct output_file output_of_descriptor(int fd)
{
    struct stat st;
    int failed = fstat(fd, &st);

    return identify(failed, &st);
}

FILE *output_open(const char *path, bool *made, char why[OUTPUT_WHY_MAX])
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags);
    FILE *out = NULL;
    struct stat st;

    *made = false;
    if (fd < 0 && errno == ENOENT) {
        /* O_EXCL: a symbolic link to nowhere could name the image that is about to be made. */
        fd = open(path, flags | O_CREAT | O_EXCL, 0666);
        *made = fd >= 0;
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode))
        errno = ENOTBLK;
    else if (fd >= 0)
        out = fdopen(fd, "a");
    if (!out && errno == ENOTBLK)
        snprintf(why, OUTPUT_WHY_MAX, "it is a block device");
    else if (!out && errno == EEXIST)
        snprintf(why, OUTPUT_WHY_MAX, "it is a symbolic link to what is not there");
    else if (!out)
        snprintf(why, OUTPUT_WHY_MAX, "%s", strerror(errno));
    if (!out && fd >= 0)
        close(fd);
    return out;
}
