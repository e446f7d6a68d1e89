/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Names and numbers of addresses, by calls that every system has. */

#include "os/sockets.h"

#include "os/net.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct sockaddr_storage) <= sizeof(((struct os_address *)0)->bytes),
    "net.h says how long an address is");

unsigned os_resolve(const char *host, const char *port,
    struct os_address addresses[OS_ADDRESSES_MAX], const char **why)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list;
    unsigned count = 0;
    int error;

    os_windows_net_start();
    error = getaddrinfo(host, port, &hints, &list);
    if (error != 0) {
        *why = os_resolve_text(error);
        return 0;
    }
    for (const struct addrinfo *a = list; a && count < OS_ADDRESSES_MAX; a = a->ai_next) {
        memcpy(addresses[count].bytes, a->ai_addr, a->ai_addrlen);
        addresses[count++].length = (uint32_t)a->ai_addrlen;
    }
    freeaddrinfo(list);
    *why = "it has no address";
    return count;
}

bool os_address_is_loopback(const struct os_address *address)
{
    const struct sockaddr *any = (const struct sockaddr *)(const void *)address->bytes;
    const struct in6_addr *six;

    if (any->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)any)->sin_addr.s_addr) >> 24 == 127;
    if (any->sa_family != AF_INET6)
        return false;
    six = &((const struct sockaddr_in6 *)(const void *)any)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

void os_socket_network(os_socket socket, uint8_t network[OS_NETWORK])
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    const struct sockaddr *any = (const struct sockaddr *)&address;

    memset(network, 0, OS_NETWORK);
    if (getpeername(socket, (struct sockaddr *)&address, &length) != 0)
        return;
    if (any->sa_family == AF_INET) {
        memcpy(network + 4, &((const struct sockaddr_in *)(const void *)any)->sin_addr, 4);
    } else if (any->sa_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)any)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(six))
            memcpy(network + 4, six->s6_addr + 12, 4);
        else
            memcpy(network, six->s6_addr, OS_NETWORK);
    }
}

/* Without brackets. An IPv4 peer of an IPv6 socket knows this end by the IPv4 address, and the
 * reverse. */
static bool numbers_of(const struct sockaddr_storage *address, socklen_t length,
    char host[OS_HOST_MAX], char port[OS_PORT_MAX])
{
    static const char mapped[] = "::ffff:";

    if (getnameinfo((const struct sockaddr *)address, length, host, OS_HOST_MAX, port, OS_PORT_MAX,
            NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    if (strncmp(host, mapped, sizeof mapped - 1) == 0 && strchr(host, '.'))
        memmove(host, host + sizeof mapped - 1, strlen(host) + 2 - sizeof mapped);
    return true;
}

bool os_address_text(
    const struct os_address *address, char host[OS_HOST_MAX], char port[OS_PORT_MAX])
{
    return numbers_of((const struct sockaddr_storage *)(const void *)address->bytes,
        (socklen_t)address->length, host, port);
}

bool os_socket_here(os_socket socket, char host[OS_HOST_MAX], char port[OS_PORT_MAX])
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    return getsockname(socket, (struct sockaddr *)&address, &length) == 0 &&
        (address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
        numbers_of(&address, length, host, port);
}

static enum os_host kind_of_four(uint32_t address)
{
    if (address == INADDR_ANY)
        return OS_HOST_ANY;
    if (address >> 16 == 0xa9fe)
        return OS_HOST_LINK_LOCAL;
    return address >> 28 >= 14 ? OS_HOST_GROUP : OS_HOST_ADDRESS;
}

static enum os_host kind_of_six(const struct in6_addr *six)
{
    if (IN6_IS_ADDR_V4MAPPED(six))
        return kind_of_four((uint32_t)six->s6_addr[12] << 24 | (uint32_t)six->s6_addr[13] << 16 |
            (uint32_t)six->s6_addr[14] << 8 | six->s6_addr[15]);
    if (IN6_IS_ADDR_UNSPECIFIED(six))
        return OS_HOST_ANY;
    if (IN6_IS_ADDR_LINKLOCAL(six))
        return OS_HOST_LINK_LOCAL;
    return IN6_IS_ADDR_MULTICAST(six) ? OS_HOST_GROUP : OS_HOST_ADDRESS;
}

enum os_host os_host_kind(const char *host)
{
    size_t length = strcspn(host, "%");
    char bare[OS_HOST_MAX];
    struct in_addr four;
    struct in6_addr six;

    os_windows_net_start();
    if (length >= sizeof bare)
        return OS_HOST_NAME;
    snprintf(bare, sizeof bare, "%.*s", (int)length, host);
    if (inet_pton(AF_INET, bare, &four) == 1)
        return kind_of_four(ntohl(four.s_addr));
    return inet_pton(AF_INET6, bare, &six) == 1 ? kind_of_six(&six) : OS_HOST_NAME;
}

void os_socket_peer(os_socket socket, char host[OS_HOST_MAX], char port[OS_PORT_MAX])
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    if (getpeername(socket, (struct sockaddr *)&address, &length) == 0 &&
        (address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
        numbers_of(&address, length, host, port))
        return;
    strcpy(host, "local");
    strcpy(port, "0");
}
