/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "programs.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE = 5 /* seconds */ };

/* A program that does not read or answer must not stop the others. */
static int open_socket(const char *path, int *fd)
{
    static const struct timeval patience = { .tv_sec = PATIENCE };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int error;

    if (strlen(path) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    strcpy(address.sun_path, path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return errno;
    setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(*fd, (struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    error = errno;
    close(*fd);
    return error;
}

int program_ask(const char *path, const char *line, FILE *out)
{
    char buffer[4096];
    ssize_t got = 0;
    int fd, error = open_socket(path, &fd);

    if (error)
        return error;
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
        error = errno;
    while (!error && (got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        fwrite(buffer, 1, (size_t)got, out);
    if (got < 0)
        error = errno == EAGAIN ? ETIMEDOUT : errno;
    close(fd);
    return error;
}

/* NAME-NUMBER */
static bool matches(const char *file, const char *wanted)
{
    const char *number = strrchr(file, '-');

    if (!wanted || strcmp(file, wanted) == 0)
        return true;
    return number && (strcmp(number + 1, wanted) == 0 ||
        (strlen(wanted) == (size_t)(number - file) &&
            strncmp(file, wanted, (size_t)(number - file)) == 0));
}

/* 0 if a program listens, else an errno. */
static int add(struct programs *programs, const char *path)
{
    int fd, error;

    if (programs->count == PROGRAMS_MAX || strlen(path) >= PROGRAM_PATH_MAX)
        return E2BIG;
    error = open_socket(path, &fd);
    if (error)
        return error;
    close(fd);
    strcpy(programs->paths[programs->count++], path);
    return 0;
}

/* A program that was killed has left its socket. connect() refuses a file with data as well. */
static void remove_left_over(const char *path)
{
    struct stat found;

    if (lstat(path, &found) == 0 && S_ISSOCK(found.st_mode))
        unlink(path);
}

/* Another user could have put any socket into a folder of its own. */
static void add_folder(struct programs *programs, const char *folder, const char *wanted)
{
    struct dirent **entries;
    struct stat found;
    int count;

    if (lstat(folder, &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != geteuid())
        return;
    count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PROGRAM_PATH_MAX];

        if (*entries[i]->d_name != '.' && matches(entries[i]->d_name, wanted) &&
            (size_t)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) <
                sizeof path && add(programs, path) == ECONNREFUSED)
            remove_left_over(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void programs_find(struct programs *programs, const char *wanted)
{
    const char *given = getenv("SPD_RUNTIME_DIR"), *session = getenv("XDG_RUNTIME_DIR");
    char folder[PROGRAM_PATH_MAX];

    programs->count = 0;
    if (wanted && strchr(wanted, '/')) {
        add(programs, wanted);
    } else if (given && *given) {
        add_folder(programs, given, wanted);
    } else if (geteuid() == 0) {
        add_folder(programs, "/run/spd", wanted);
    } else if (session &&
        (size_t)snprintf(folder, sizeof folder, "%s/spd", session) < sizeof folder) {
        add_folder(programs, folder, wanted);
    }
}
