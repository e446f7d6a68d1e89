/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where a door listens, and the names that lead there. */

#include "doors/iscsi/address.h"

#include <stdio.h>
#include <stdlib.h>

#include "doors/iscsi/door.h"
#include "doors/iscsi/limits.h"
#include "lib/door.h"
#include "lib/uri.h"
#include "os/net.h"

static char here[] = "127.0.0.1";

static char *host_of(const struct spd_uri *uri)
{
    return !uri->host || uri->host[0] == '\0' ? here : uri->host;
}

static int listen_error(
    const char *host, const char *port, const struct os_address *address, int error)
{
    char held[OS_HOST_MAX + OS_PORT_MAX + 4];
    int code = error == OS_NET_IN_USE  ? SPD_ERROR_ADDRESS_IN_USE
        : error == OS_NET_NO_ADDRESS ? SPD_ERROR_ADDRESS
        : error == OS_NET_DENIED     ? SPD_ERROR_ACCESS
                                     : SPD_ERROR_SYSTEM;

    if (error == OS_NET_IN_USE && os_inherited_address(address, held, sizeof held))
        return spd_fail(code, "%s port %s: the service manager listens at %s: give that address",
            host, port, held);
    return spd_fail(code, "%s port %s: %s", host, port, os_net_text(error));
}

int iscsi_address_listen(const struct spd_uri *uri, bool guarded, os_socket *listener)
{
    const char *host = host_of(uri), *why;
    struct os_address addresses[OS_ADDRESSES_MAX];
    unsigned count;
    char port[12];
    int error = 0;

    snprintf(port, sizeof port, "%d", uri->port < 0 ? ISCSI_PORT : uri->port);
    count = os_resolve(host, port, addresses, &why);
    if (count == 0)
        return spd_fail(SPD_ERROR_ADDRESS, "%s: %s", host, why);
    for (unsigned i = 0; i < count; i++) {
        if (!guarded && !os_address_is_loopback(&addresses[i]))
            return spd_fail(SPD_ERROR_ANONYMOUS, "%s is not a loopback address", host);
        error = os_listen(&addresses[i], ISCSI_BACKLOG, listener);
        if (error == 0)
            return 0;
    }
    return listen_error(host, port, &addresses[count - 1], error);
}

int iscsi_address_name(const struct spd_uri *uri, struct iscsi_door *door)
{
    char host[OS_HOST_MAX], port[OS_PORT_MAX], path[ISCSI_NAME_MAX + sizeof "/65535"];
    struct spd_uri initiators = { .scheme = uri->scheme, .host = host, .path = path };
    struct spd_uri again = *uri;

    if (!os_socket_here(door->listener.socket, host, port))
        return spd_fail(SPD_ERROR_SYSTEM, "the iSCSI door: its address is not known");
    initiators.port = again.port = atoi(port);
    /* QEMU, libiscsi and scsitool want the LUN, also when it is 0. */
    snprintf(path, sizeof path, "%s/%u", door->config.target,
        (unsigned)(door->config.lun >> 48));
    again.host = host_of(uri);
    door->base.uri = spd_uri_text(&initiators);
    door->base.name = spd_uri_text(&again);
    return door->base.uri && door->base.name
        ? 0
        : spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
}
