/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Unix sockets where doors listen. Their files have the owner's rights alone unless the device name
 * gives more, and a server that was killed leaves no file in the way of the next one. */

#ifndef SPD_LIB_LOCAL_SOCKET_H
#define SPD_LIB_LOCAL_SOCKET_H

#include <sys/types.h>

enum {
    SPD_LOCAL_BACKLOG = 16,
    SPD_LOCAL_USER_MAX = 32, /* bytes of the texts below */
    SPD_LOCAL_WHO_MAX = SPD_LOCAL_USER_MAX + 32,
};

struct spd_local_access {
    mode_t mode;
    gid_t group; /* (gid_t)-1: that of the process */
};

/* Reads `mode`, the octal permissions of a URI; NULL leaves it as it is. 0 or a spd_error with its
 * detail. */
int spd_local_mode(const char *text, mode_t *mode);
/* The same for `group`, a name or number. */
int spd_local_group(const char *text, gid_t *group);

/* Binds and listens at path; a socket file that a dead server left behind is replaced. Returns the
 * descriptor, or a spd_error with its detail. *device and *inode tell the file from others. */
int spd_local_listen(
    const char *path, const struct spd_local_access *access, dev_t *device, ino_t *inode);
/* Removes the file that spd_local_listen() made, and no other. */
void spd_local_remove(const char *path, dev_t device, ino_t inode);

/* Names the other end: "process 4711 of user 1000", and "user 1000". This process made the
 * connection, and may have handed it to another since. */
void spd_local_peer(int fd, char who[SPD_LOCAL_WHO_MAX], char user[SPD_LOCAL_USER_MAX]);

#endif
