/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The sockets where a door listens, and the names that lead there. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/nbd/door.h"
#include "lib/uri.h"
#include "os/net.h"

enum { BACKLOG = 128, PORT_TEXT_MAX = 12 };

static int watch(struct nbd_door *door, os_socket socket)
{
    struct nbd_listener *listener = &door->listeners[door->listener_count++];
    int error;

    listener->watch.socket = socket;
    error = spd_loop_add(&door->loop, &listener->watch, OS_POLL_IN);
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "waiting for clients: %s", os_net_text(error));
    listener->listening = true;
    return 0;
}

static int fail_listen(const char *host, const char *port, int error)
{
    int code = error == OS_NET_IN_USE  ? SPD_ERROR_ADDRESS_IN_USE
        : error == OS_NET_NO_ADDRESS ? SPD_ERROR_ADDRESS
        : error == OS_NET_DENIED     ? SPD_ERROR_ACCESS
                                     : SPD_ERROR_SYSTEM;

    return spd_fail(code, "%s port %s: %s", host, port, os_net_text(error));
}

static int listen_at(struct nbd_door *door, const char *host, const char *port, bool guarded)
{
    struct os_address addresses[OS_ADDRESSES_MAX];
    const char *why;
    unsigned count = os_resolve(host, port, addresses, &why);
    int error = OS_NET_NO_ADDRESS;

    if (count == 0)
        return spd_fail(SPD_ERROR_ADDRESS, "%s: %s", host, why);
    for (unsigned i = 0; i < count && error; i++) {
        os_socket socket;

        if (!guarded && !os_address_is_loopback(&addresses[i]))
            return spd_fail(SPD_ERROR_ANONYMOUS,
                "%s is not a loopback address: write nbds: with tls-psk-file=FILE, or with "
                "certificates and tls-ca=FILE", host);
        error = os_listen(&addresses[i], BACKLOG, &socket);
        if (error == 0)
            return watch(door, socket);
    }
    return fail_listen(host, port, error);
}

int nbd_listen_tcp(struct nbd_door *door, const struct spd_uri *uri)
{
    static char here[] = "127.0.0.1";
    const char *anonymous = spd_uri_query(uri, "allow-anonymous");
    char host[OS_HOST_MAX], port[PORT_TEXT_MAX];
    struct spd_uri clients = { .scheme = uri->scheme, .host = host, .path = uri->path };
    struct spd_uri again = *uri;
    int error;

    if (anonymous && strcmp(anonymous, "0") && strcmp(anonymous, "1"))
        return spd_fail(SPD_ERROR_URI_PARAMETER, "allow-anonymous=%s: 0 or 1", anonymous);
    again.host = !uri->host || uri->host[0] == '\0' ? here : uri->host;
    snprintf(port, sizeof port, "%d", uri->port < 0 ? NBD_PORT : uri->port);
    error = listen_at(door, again.host, port, (anonymous && anonymous[0] == '1') ||
            (door->tls == NBD_TLS_REQUIRED && nbd_credentials_tell_clients(door->credentials)));
    if (error)
        return error;
    os_socket_here(door->listeners[0].watch.socket, host, port);
    clients.port = again.port = atoi(port);
    door->door.uri = spd_uri_text(&clients);
    door->door.name = spd_uri_text(&again);
    return door->door.uri && door->door.name ? 0 : spd_fail(SPD_ERROR_NO_MEMORY, "the NBD door");
}

int nbd_listen_local(struct nbd_door *door, const struct spd_uri *uri)
{
    struct spd_local_access access = { .mode = 0600, .group = (gid_t)-1 };
    const char *path = spd_uri_query(uri, "socket");
    struct spd_uri clients = { .scheme = uri->scheme, .host = uri->host, .path = uri->path,
        .port = -1, .query_count = 1 };
    char socket_name[] = "socket";
    int error, fd;

    if (!path || !*path || (uri->host && uri->host[0] != '\0'))
        return spd_fail(SPD_ERROR_URI, "write nbd+unix:///EXPORT?socket=PATH");
    error = spd_local_mode(spd_uri_query(uri, "mode"), &access.mode);
    if (error == 0)
        error = spd_local_group(spd_uri_query(uri, "group"), &access.group);
    if (error)
        return error;
    door->path = strdup(path);
    if (!door->path)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the NBD door");
    fd = spd_local_listen(door->path, &access, &door->path_device, &door->path_inode);
    if (fd < 0)
        return fd;
    clients.query[0].name = socket_name;
    clients.query[0].value = door->path;
    door->door.uri = spd_uri_text(&clients);
    error = watch(door, fd);
    return error || door->door.uri ? error : spd_fail(SPD_ERROR_NO_MEMORY, "the NBD door");
}
