/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Datagrams to the socket that NOTIFY_SOCKET names. It is connected at the start, since a sandbox
 * allows no connect() later. A manager that does not read loses messages; the disk never waits.
 */

#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager = -1;

void notify_begin(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = path ? strlen(path) : 0;

    if (length < 2 || length >= sizeof address.sun_path || !strchr("/@", *path))
        return;
    memcpy(address.sun_path, path, length);
    /* Linux' names without a file begin with a NUL. */
    if (*path == '@')
        address.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (manager >= 0 && connect(manager, (struct sockaddr *)&address,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
        close(manager);
        manager = -1;
    }
    /* The manager waits for this process, not for programs that the process starts. */
    unsetenv("NOTIFY_SOCKET");
}

static void tell(const char *message)
{
    ssize_t told = manager < 0 ? 0 : write(manager, message, strlen(message));

    (void)told;
}

void notify_ready(const char *const *uris)
{
    char message[1024];
    size_t length = (size_t)snprintf(message, sizeof message, "READY=1\nSTATUS=serving");

    for (; *uris && length < sizeof message; uris++)
        length += (size_t)snprintf(message + length, sizeof message - length, " %s", *uris);
    tell(message);
}

void notify_stopping(void)
{
    tell("STOPPING=1");
}
