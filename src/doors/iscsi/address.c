/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The addresses where a portal listens, and the names that lead there. */

#include "doors/iscsi/address.h"

#include <stdio.h>
#include <stdlib.h>

#include "doors/iscsi/limits.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "lib/uri.h"
#include "os/net.h"

static char here[] = "127.0.0.1";

static char *host_of(const struct spd_uri *uri)
{
    return !uri->host || uri->host[0] == '\0' ? here : uri->host;
}

enum { PORT_TEXT_MAX = 12 };

static void port_of(const struct spd_uri *uri, char port[PORT_TEXT_MAX])
{
    snprintf(port, PORT_TEXT_MAX, "%d", uri->port < 0 ? ISCSI_PORT : uri->port);
}

int iscsi_address_resolve(const struct spd_uri *uri, bool guarded,
    struct os_address addresses[OS_ADDRESSES_MAX], unsigned *count)
{
    const char *host = host_of(uri), *why;
    char port[PORT_TEXT_MAX];

    port_of(uri, port);
    *count = os_resolve(host, port, addresses, &why);
    if (*count == 0)
        return spd_fail(SPD_ERROR_ADDRESS, "%s: %s", host, why);
    for (unsigned i = 0; i < *count && !guarded; i++)
        if (!os_address_is_loopback(&addresses[i]))
            *count = i;
    if (*count > 0)
        return 0;
    return spd_fail(SPD_ERROR_ANONYMOUS,
        "%s is not a loopback address: give the accounts of initiators by chap=FILE", host);
}

int iscsi_address_listen(const struct os_address *address, os_socket *listener)
{
    return os_listen(address, ISCSI_BACKLOG, listener);
}

int iscsi_address_fail(const struct spd_uri *uri, const struct os_address *address, int error)
{
    const char *host = host_of(uri);
    char held[OS_HOST_MAX + OS_PORT_MAX + 4], port[PORT_TEXT_MAX];
    int code = error == OS_NET_IN_USE  ? SPD_ERROR_ADDRESS_IN_USE
        : error == OS_NET_NO_ADDRESS ? SPD_ERROR_ADDRESS
        : error == OS_NET_DENIED     ? SPD_ERROR_ACCESS
                                     : SPD_ERROR_SYSTEM;

    port_of(uri, port);
    if (error == OS_NET_IN_USE && os_inherited_address(address, held, sizeof held))
        return spd_fail(code, "%s port %s: the service manager listens at %s: give that address",
            host, port, held);
    return spd_fail(code, "%s port %s: %s", host, port, os_net_text(error));
}

int iscsi_address_name(const struct spd_uri *uri, struct iscsi_door *door)
{
    const struct iscsi_portal *portal = door->target->portal;
    char host[OS_HOST_MAX], path[ISCSI_NAME_MAX + sizeof "/65535"];
    struct spd_uri initiators = { .scheme = uri->scheme, .host = host, .path = path };
    struct spd_uri again = *uri;

    snprintf(host, sizeof host, "%s", portal->host);
    initiators.port = again.port = atoi(portal->port);
    /* QEMU, libiscsi and scsitool want the LUN, also when it is 0. */
    snprintf(path, sizeof path, "%s/%u", door->target->config.target, door->lun);
    again.host = host_of(uri);
    door->base.uri = spd_uri_text(&initiators);
    door->base.name = spd_uri_text(&again);
    return door->base.uri && door->base.name ? 0
                                             : spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
}
