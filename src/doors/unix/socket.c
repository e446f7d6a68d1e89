/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The listening socket and its file. */

#include "doors/unix/door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/net.h"

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

int unix_socket_listen(const char *path, mode_t mode, dev_t *device, ino_t *inode)
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
    /* Nobody can connect before listen(), so the file has its mode in time. */
    if (chmod(path, mode) || lstat(path, &st) || listen(fd, UNIX_CLIENTS_MAX)) {
        error = fail_errno("cannot listen at", path);
        unlink(path);
        close(fd);
        return error;
    }
    *device = st.st_dev;
    *inode = st.st_ino;
    return fd;
}

void unix_socket_peer(int fd, char who[UNIX_WHO_MAX], char user[UNIX_USER_MAX])
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length)) {
        snprintf(user, UNIX_USER_MAX, "unknown");
        snprintf(who, UNIX_WHO_MAX, "an unknown process");
        return;
    }
    snprintf(user, UNIX_USER_MAX, "user %u", (unsigned)peer.uid);
    snprintf(who, UNIX_WHO_MAX, "process %d of %s", (int)peer.pid, user);
}
