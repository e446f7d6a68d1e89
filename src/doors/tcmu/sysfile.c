/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/tcmu/sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sysfile_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int error = 0;

    if (fd < 0)
        return errno;
    if (write(fd, text, strlen(text)) < 0)
        error = errno;
    close(fd);
    return error;
}

int sysfile_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length;
    int error;

    *text = 0;
    if (fd < 0)
        return errno;
    length = read(fd, text, size - 1);
    error = length < 0 ? errno : 0;
    close(fd);
    text[length < 0 ? 0 : length] = 0;
    text[strcspn(text, "\n")] = 0;
    return error;
}

unsigned long long sysfile_number(const char *path)
{
    char text[64];

    return sysfile_read(path, text, sizeof text) ? 0 : strtoull(text, NULL, 0);
}

bool sysfile_find(const char *folder, const char *prefix, char *name, size_t size)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    while (entries && !found && (entry = readdir(entries)))
        found = entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix)) &&
            (size_t)snprintf(name, size, "%s", entry->d_name) < size;
    if (entries)
        closedir(entries);
    return found;
}
