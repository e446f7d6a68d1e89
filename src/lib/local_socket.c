/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The listening socket of a door at a path of the file system, and its file. */

#include "lib/local_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/door.h"
#include "os/net.h"

int spd_local_mode(const char *text, mode_t *mode)
{
    char *end;
    unsigned long value;

    if (!text)
        return 0;
    value = strtoul(text, &end, 8);
    if (text[0] < '0' || text[0] > '7' || *end != '\0' || value > 0777)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "mode=%s: permissions of the socket in octal, 0 to 777", text);
    *mode = (mode_t)value;
    return 0;
}

int spd_local_group(const char *text, gid_t *group)
{
    struct group entry, *found = NULL;
    char strings[4096], *end;
    unsigned long value;

    if (!text)
        return 0;
    if (getgrnam_r(text, &entry, strings, sizeof strings, &found) == 0 && found) {
        *group = entry.gr_gid;
        return 0;
    }
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value >= (gid_t)-1)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "group=%s: the name or the number of a group of this system", text);
    *group = (gid_t)value;
    return 0;
}

static int fail_errno(const char *what, const char *path)
{
    int error = errno == EACCES || errno == EPERM ? SPD_ERROR_ACCESS :
        errno == EADDRINUSE ? SPD_ERROR_ADDRESS_IN_USE :
        errno == ENOENT || errno == ENOTDIR ? SPD_ERROR_ADDRESS : SPD_ERROR_SYSTEM;

    return spd_fail(error, "%s %s: %s", what, path, strerror(errno));
}

/* A file is in the way: a live server's, a dead server's or any other. */
static int clear_path(const struct sockaddr_un *address)
{
    const char *path = address->sun_path;
    struct stat st;
    int fd, connected, saved;

    if (lstat(path, &st))
        return errno == ENOENT ? 0 : fail_errno("cannot look at", path);
    if (!S_ISSOCK(st.st_mode))
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "%s exists and is not a socket", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno("cannot make a socket for", path);
    connected = connect(fd, (const struct sockaddr *)address, sizeof *address);
    saved = errno;
    close(fd);
    errno = saved;
    /* Only a refusal proves that nobody listens; EAGAIN is a live server with a full backlog. */
    if (connected == 0 || errno == EAGAIN)
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "another server listens at %s", path);
    if (errno != ECONNREFUSED && errno != ENOENT)
        return fail_errno("cannot tell who owns", path);
    if (unlink(path) && errno != ENOENT)
        return fail_errno("cannot remove the stale socket", path);
    return 0;
}

/* Its file belongs to the service manager, which made it and removes it. */
static int inherited_socket(const struct sockaddr_un *address, dev_t *device, ino_t *inode)
{
    struct os_address wanted = { .length = sizeof *address };

    memcpy(wanted.bytes, address, sizeof *address);
    *device = 0;
    *inode = 0;
    return os_inherited_socket(&wanted);
}

int spd_local_listen(
    const char *path, const struct spd_local_access *access, dev_t *device, ino_t *inode)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(path);
    struct stat st;
    int fd, error;

    if (length >= sizeof address.sun_path)
        return spd_fail(SPD_ERROR_URI, "the socket path is %zu bytes long and may have %zu: %s",
            length, sizeof address.sun_path - 1, path);
    memcpy(address.sun_path, path, length + 1);
    fd = inherited_socket(&address, device, inode);
    if (fd >= 0)
        return fd;
    error = clear_path(&address);
    if (error)
        return error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno("cannot make a socket for", path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address)) {
        error = fail_errno("cannot bind", path);
        close(fd);
        return error;
    }
    /* Nobody can connect before listen(), so the file has its group and mode in time. The group
     * comes first: chown() may take bits away. */
    if (chown(path, (uid_t)-1, access->group) || chmod(path, access->mode) || lstat(path, &st) ||
        listen(fd, SPD_LOCAL_BACKLOG)) {
        error = fail_errno("cannot listen at", path);
        unlink(path);
        close(fd);
        return error;
    }
    *device = st.st_dev;
    *inode = st.st_ino;
    return fd;
}

void spd_local_remove(const char *path, dev_t device, ino_t inode)
{
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_dev == device && st.st_ino == inode)
        unlink(path);
}

void spd_local_peer(int fd, char who[SPD_LOCAL_WHO_MAX], char user[SPD_LOCAL_USER_MAX])
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length)) {
        snprintf(user, SPD_LOCAL_USER_MAX, "unknown");
        snprintf(who, SPD_LOCAL_WHO_MAX, "an unknown process");
        return;
    }
    snprintf(user, SPD_LOCAL_USER_MAX, "user %u", (unsigned)peer.uid);
    snprintf(who, SPD_LOCAL_WHO_MAX, "process %d of %s", (int)peer.pid, user);
}
