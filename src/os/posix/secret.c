/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

void os_wipe(void *bytes, size_t length)
{
    explicit_bzero(bytes, length);
}

/* The system has one flag for the process; its state before the first one comes back at the end. */
static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned secrets;
static int dumpable;

void os_secrets_begin(void)
{
    pthread_mutex_lock(&secrets_lock);
    if (secrets++ == 0) {
        dumpable = prctl(PR_GET_DUMPABLE);
        prctl(PR_SET_DUMPABLE, 0);
    }
    pthread_mutex_unlock(&secrets_lock);
}

void os_secrets_end(void)
{
    pthread_mutex_lock(&secrets_lock);
    if (--secrets == 0 && dumpable == 1)
        prctl(PR_SET_DUMPABLE, 1);
    pthread_mutex_unlock(&secrets_lock);
}

static int check(int fd, char *why, size_t size)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(why, size, "it is not a regular file");
        return EINVAL;
    }
    /* Its owner can read and change it, whatever the mode is. */
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        snprintf(why, size, "it belongs to user %lu; chown it to %s", (unsigned long)st.st_uid,
            geteuid() == 0 ? "root" : "root or the server's user");
        return EPERM;
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        snprintf(why, size, "it has mode %03o; chmod 600 it", (unsigned)st.st_mode & 0777);
        return EPERM;
    }
    return 0;
}

int os_secret_open(const char *path, FILE **file, char *why, size_t size)
{
    /* The open must not hang on a FIFO; the type is only known after it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error;

    if (fd < 0) {
        error = errno;
        snprintf(why, size, "%s", strerror(error));
        return error;
    }
    error = check(fd, why, size);
    if (error == 0) {
        *file = fdopen(fd, "r");
        if (*file)
            return 0;
        error = errno;
        snprintf(why, size, "%s", strerror(error));
    }
    close(fd);
    return error;
}
