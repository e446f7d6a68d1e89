/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The addresses of the target in SendTargets (RFC 7143 13.8 and appendix C).
 *
 * Without announce= that is the address to which the discovery came. It is the only address that
 * this initiator is known to reach, also when the door listens on the wildcard. Other
 * addresses of the host may lead nowhere for it, and then an initiator waits for each. A link-local
 * address is no answer: its zone is a name of this host's own, and TargetAddress has none (RFC 3986
 * 3.2.2). A target without a TargetAddress is also at the address to which the discovery came.
 *
 * Behind a port map or NAT the server cannot know its address: announce= names it.
 */

#include "doors/iscsi/announce.h"

#include <stdio.h>
#include <string.h>

#include "doors/iscsi/config.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "lib/uri.h"
#include "os/net.h"

/* RFC 1123 2.1, and the '_' that names of containers have. A last label of digits would be a
 * mistyped address. */
static const char *name_fault_of(const char *host)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const char *label = host;

    for (;;) {
        size_t length = strspn(label, letters);

        if (length == 0 || length > 63)
            return "it is neither an address nor a host name";
        if (label[length] == '\0')
            return strspn(label, "0123456789") == length ? "it is no address" : NULL;
        if (label[length] != '.')
            return "it is neither an address nor a host name";
        label += length + 1;
    }
}

static const char *host_fault(const char *host)
{
    if (strchr(host, '%'))
        return "a zone means something on its own host alone";
    switch (os_host_kind(host)) {
    case OS_HOST_NAME:
        return strchr(host, ':') ? "it is no IPv6 address" : name_fault_of(host);
    case OS_HOST_ANY:
        return "the wildcard is no address that an initiator can reach";
    case OS_HOST_LINK_LOCAL:
        return "a link-local address means something on one link alone";
    case OS_HOST_GROUP:
        return "it is not the address of one host";
    case OS_HOST_ADDRESS:
        break;
    }
    return NULL;
}

/* "" means the port where the door listens. */
static const char *read_port(const char *text, uint16_t *port)
{
    uint32_t number = 0;

    if (*text != '\0' &&
        (strspn(text, "0123456789") != strlen(text) || !iscsi_number(text, &number) ||
            number == 0 || number > 65535))
        return "the port is not a number from 1 to 65535";
    *port = (uint16_t)number;
    return NULL;
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT; cuts text to pieces. */
static const char *read_portal(char *text, struct iscsi_announced *portal)
{
    char *host = text, *port;
    const char *fault;

    if (*host == '[') {
        port = strchr(++host, ']');
        if (!port)
            return "a ']' is missing";
        *port++ = '\0';
        if (!strchr(host, ':'))
            return "brackets are for IPv6 addresses";
        if (*port != '\0' && *port++ != ':')
            return "the ']' is followed by ':' and a port, or by nothing";
    } else {
        port = host + strcspn(host, ":");
        if (*port != '\0')
            *port++ = '\0';
        if (strchr(port, ':'))
            return "an IPv6 address needs brackets";
    }
    if (strlen(host) > ISCSI_HOST_MAX)
        return "it is longer than 253 characters";
    fault = host_fault(host);
    if (!fault)
        fault = read_port(port, &portal->port);
    snprintf(portal->host, sizeof portal->host, "%s", host);
    return fault;
}

static int refuse(const char *portal, const char *why)
{
    return spd_fail(SPD_ERROR_URI_PARAMETER, "announce=%s: %s; HOST:PORT is needed, such as "
        "disks.example.org:3260, or several with commas between", portal, why);
}

/* The bytes that a key and a value take in an answer. */
static size_t room_of(const char *key, size_t value)
{
    return strlen(key) + 1 + value + 1;
}

/* The answer of SendTargets for one target must fit into the shortest data segment that an
 * initiator may ask for (RFC 7143 13.12). So it has to be sent in pieces only for several
 * targets. */
static bool fits(const struct iscsi_config *config)
{
    size_t room = room_of("TargetName", strlen(config->target));

    for (unsigned i = 0; i < config->portal_count; i++)
        room += room_of("TargetAddress",
            strlen(config->portals[i].host) + sizeof "[]:65535,65535" - 1);
    return room <= ISCSI_SEGMENT_MIN;
}

int iscsi_announce_read(const struct spd_uri *uri, struct iscsi_config *config)
{
    const char *list = spd_uri_query(uri, "announce");

    config->portal_count = 0;
    while (list) {
        size_t length = strcspn(list, ",");
        char text[ISCSI_HOST_MAX + sizeof "[]:65535" + 1], copy[sizeof text];
        const char *fault;

        snprintf(text, sizeof text, "%.*s", (int)(length < 300 ? length : 300), list);
        if (config->portal_count == ISCSI_PORTALS_MAX)
            return refuse(text, "there are more than 4");
        strcpy(copy, text);
        fault = length >= sizeof text ? "it is too long"
                                       : read_portal(copy, &config->portals[config->portal_count]);
        if (fault)
            return refuse(text, fault);
        config->portal_count++;
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
    if (!fits(config))
        return spd_fail(SPD_ERROR_URI_PARAMETER, "announce: the names of the target and of these "
            "hosts are too long for one answer of %d bytes: name fewer hosts, or their addresses",
            ISCSI_SEGMENT_MIN);
    return 0;
}

static void put(struct iscsi_text *answer, const char *host, unsigned port, unsigned group)
{
    char address[ISCSI_HOST_MAX + sizeof "[]:65535,65535"];

    snprintf(address, sizeof address, strchr(host, ':') ? "[%s]:%u,%u" : "%s:%u,%u", host,
        port, group);
    iscsi_text_put(answer, "TargetAddress", address);
}

void iscsi_announce_put(const struct iscsi_connection *c, const struct iscsi_target *target,
    struct iscsi_text *answer)
{
    const struct iscsi_config *config = &target->config;
    unsigned group = target->port->relative_port;
    char host[OS_HOST_MAX], port[OS_PORT_MAX];
    bool known = os_socket_here(c->watch.socket, host, port);
    uint32_t number = 0;

    if (known)
        iscsi_number(port, &number);
    for (unsigned i = 0; i < config->portal_count; i++)
        put(answer, config->portals[i].host,
            config->portals[i].port != 0 ? config->portals[i].port : number, group);
    if (config->portal_count > 0 || !known || os_host_kind(host) == OS_HOST_LINK_LOCAL)
        return;
    host[strcspn(host, "%")] = '\0';
    put(answer, host, number, group);
}
