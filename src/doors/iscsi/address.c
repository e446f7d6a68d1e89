/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where a door listens. */

#include <stdio.h>

#include "doors/iscsi/iscsi.h"
#include "lib/uri.h"

static int listen_error(
    const char *host, const char *port, const struct os_address *address, int error)
{
    char held[OS_HOST_MAX + OS_PORT_MAX + 4];
    int code = error == OS_NET_IN_USE  ? SPD_ERROR_ADDRESS_IN_USE
        : error == OS_NET_NO_ADDRESS ? SPD_ERROR_ADDRESS
        : error == OS_NET_DENIED     ? SPD_ERROR_ACCESS
                                     : SPD_ERROR_SYSTEM;

    if (error == OS_NET_IN_USE && os_inherited_address(address, held, sizeof(held)))
        return spd_fail(code, "%s port %s: the service manager listens at %s: give that address",
            host, port, held);
    return spd_fail(code, "%s port %s: %s", host, port, os_net_text(error));
}

int address_listen(const struct spd_uri *uri, bool guarded, os_socket *listener)
{
    const char *host = uri->host == NULL || uri->host[0] == '\0' ? "127.0.0.1" : uri->host, *why;
    struct os_address addresses[OS_ADDRESSES_MAX];
    unsigned count;
    char port[12];
    int error = 0;

    snprintf(port, sizeof(port), "%d", uri->port < 0 ? ISCSI_PORT : uri->port);
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
