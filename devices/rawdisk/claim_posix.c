/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A claim is an abstract Unix socket (unix(7)) whose name has the identity, the file and the
 * process. It never serves a client: /proc/net/unix lists the names. Claims are known within a
 * network namespace, as are most doors.
 */

#include "claim.h"
#include "image_os.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX "winspd-disk/"

/* The name in an abstract address begins with a NUL, which the list shows as '@'. */
static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
        (size_t)snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "%s", name));
}

static int announce(const char *name)
{
    struct sockaddr_un address;
    socklen_t length = address_of(name, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 16) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Anybody may take a name. Only a claim of root or of this user keeps a disk from being served. */
static bool is_trusted(const char *name)
{
    struct sockaddr_un address;
    socklen_t length = address_of(name, &address);
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool trusted = fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        (peer.uid == 0 || peer.uid == geteuid());

    if (fd >= 0)
        close(fd);
    return trusted;
}

/* The name of somebody's claim on this identity for another file, in memory to be freed, or NULL.
 * A claim whose owner can be trusted comes before others. */
static char *find_other(FILE *list, const char *identity, const char *file, bool *trusted)
{
    char *line = NULL, *found = NULL;
    size_t room = 0;

    *trusted = false;
    while (!*trusted && getline(&line, &room, list) >= 0) {
        char *name = strstr(line, identity);

        if (!name || name[-1] != '@' || strncmp(name, file, strlen(file)) == 0)
            continue;
        name[strcspn(name, "\n")] = '\0';
        free(found);
        found = strdup(name);
        *trusted = is_trusted(name);
    }
    free(line);
    return found;
}

static enum claim_result judge(const struct image *image, const char *guid, const char *other,
    bool trusted, char *message)
{
    const char *process = strrchr(other, '/') + 1;

    if (!trusted) {
        image_fail(message, IMAGE_FAILED, "image %s: a process of another user says that it is %s "
            "and serves another image with the identity %s", image->path, process, guid);
        return CLAIM_OK;
    }
    image_fail(message, IMAGE_FAILED, "image %s: process %s serves another image with the same "
        "identity %s, and initiators would take both for one disk; end that process, or give this "
        "disk another --guid", image->path, process, guid);
    return CLAIM_REFUSED;
}

enum claim_result claim_identity(struct claim *claim, const struct image *image, const char *guid,
    char message[IMAGE_MESSAGE_MAX])
{
    enum claim_result result = CLAIM_OK;
    char identity[64], file[104], name[128];
    char *other = NULL;
    bool trusted;
    struct stat st;
    FILE *list;

    message[0] = '\0';
    if (fstat(image->fd, &st) != 0)
        return CLAIM_OK;
    snprintf(identity, sizeof identity, PREFIX "%s/", guid);
    snprintf(file, sizeof file, "%s%" PRIx64 "-%" PRIx64 "/", identity,
        image->block_device ? (uint64_t)st.st_rdev : (uint64_t)st.st_dev,
        image->block_device ? 0 : (uint64_t)st.st_ino);
    snprintf(name, sizeof name, "%s%d", file, (int)getpid());
    /* It makes its own claim before it reads the others: of two that start at once, at least one
     * sees the other. */
    claim->fd = announce(name) + 1;
    list = fopen("/proc/net/unix", "re");
    if (list) {
        other = find_other(list, identity, file, &trusted);
        fclose(list);
    }
    if (other)
        result = judge(image, guid, other, trusted, message);
    else if (!list || !claim->fd)
        image_fail(message, IMAGE_FAILED, "image %s: whether another program serves another image "
            "with the identity %s cannot be found out", image->path, guid);
    free(other);
    if (result != CLAIM_OK)
        claim_release(claim);
    return result;
}

void claim_release(struct claim *claim)
{
    if (claim->fd)
        close(claim->fd - 1);
    claim->fd = 0;
}
