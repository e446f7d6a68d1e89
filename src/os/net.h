/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Stream sockets that never block, and a poller that waits for many of them.
 *
 * The system's header has the types, since data goes to the system unchanged:
 *
 *   os_socket, OS_NO_SOCKET  a descriptor or handle
 *   struct os_vec            { base, length } in the layout of the system's scatter lists
 *   struct os_poller         embed it; one thread uses it at a time
 *   os_poll_event            what a wait gives back: os_poll_data(), os_poll_flags()
 *   OS_POLL_IN, OS_POLL_OUT  to ask for; OS_POLL_GONE may come unasked
 *   OS_NET_*                 errors that callers tell apart
 *
 * Errors are the system's own positive numbers; os_net_text() has their texts.
 */

#ifndef OS_NET_H
#define OS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#include "os/windows/net_types.h"
#else
#include "os/posix/net_types.h"
#endif

/* The text lives until the thread asks again. */
const char *os_net_text(int error);

enum { OS_ADDRESSES_MAX = 16 };

enum { OS_HOST_MAX = 64, OS_PORT_MAX = 8 };

struct os_address {
    _Alignas(8) uint8_t bytes[128]; /* a sockaddr_storage */
    uint32_t length;
};

/* The addresses of a host name or address and a port in decimal, in the system's order of
 * preference. Returns their number. 0: *why has the reason, as long as os_net_text() keeps one. */
unsigned os_resolve(const char *host, const char *port,
    struct os_address addresses[OS_ADDRESSES_MAX], const char **why);
/* Its address and port in numbers, as os_socket_here() has those of a socket that is bound to it.
 * False: it has none. */
bool os_address_text(
    const struct os_address *address, char host[OS_HOST_MAX], char port[OS_PORT_MAX]);
/* Only this host reaches it. */
bool os_address_is_loopback(const struct os_address *address);
enum { OS_NETWORK = 8 };
/* Bytes that tell the peer's network from others: its IPv4 address, or the first half of its IPv6
 * address, since a host chooses the other half. All zeros for a socket other than TCP's. */
void os_socket_network(os_socket socket, uint8_t network[OS_NETWORK]);

/* This end's address, without brackets but with a zone (fe80::1%eth0), and port, in numbers. False:
 * it has none. */
bool os_socket_here(os_socket socket, char host[OS_HOST_MAX], char port[OS_PORT_MAX]);
/* The other end's; "local" and "0" if it has none. */
void os_socket_peer(os_socket socket, char host[OS_HOST_MAX], char port[OS_PORT_MAX]);

enum os_host {
    OS_HOST_NAME,       /* no address in numbers */
    OS_HOST_ANY,        /* the wildcard: no address at all */
    OS_HOST_LINK_LOCAL, /* it means something on one link alone (RFC 4291 2.5.6, RFC 3927) */
    OS_HOST_GROUP,      /* multicast or broadcast */
    OS_HOST_ADDRESS,    /* for one host */
};
/* Tells what kind of host a text names; the zone does not matter. */
enum os_host os_host_kind(const char *host);

/* 0 or an error. A server that was killed can listen again at once; no other can share its port. */
int os_listen(const struct os_address *address, int backlog, os_socket *listener);

/* Takes the listening sockets that a service manager passes (sd_listen_fds(3)); os_listen() gives
 * out each for its address, once. Changes the environment. 0 or an errno value. EINVAL, EBADF: the
 * descriptor *failed is no listening stream socket. E2BIG: there are more than 64. */
int os_inherit_sockets(unsigned *count, int *failed);
/* The socket of this address, which the caller owns from now on, or OS_NO_SOCKET. */
os_socket os_inherited_socket(const struct os_address *address);
/* The address of a socket at the same port that nobody has taken: it is in the way of this
 * address. */
bool os_inherited_address(const struct os_address *wanted, char *text, size_t size);
/* The address of the next socket that nobody has taken. *at begins with 0. False: there are no
 * more. */
bool os_inherited_left(unsigned *at, char *text, size_t size);

enum os_accepted {
    OS_ACCEPTED,
    OS_ACCEPTED_NONE,      /* nobody waits */
    OS_ACCEPTED_EXHAUSTED, /* no descriptor or memory for it: a client goes on waiting */
};
enum os_accepted os_accept(os_socket listener, os_socket *accepted);

/* Small writes go out at once. Does nothing to a socket that is not TCP's. */
void os_socket_no_delay(os_socket socket);
/* A peer that answers nothing for about two minutes is gone: receiving fails then. */
void os_socket_keep_alive(os_socket socket);
/* Ends sending: the peer sees the end when it has read everything. */
void os_socket_end(os_socket socket);
/* Ends both directions, from any thread: a poller says so to the thread that uses the socket. */
void os_socket_cut(os_socket socket);
/* Closes a socket that no poller watches; for others os_poller_close(). */
void os_socket_close(os_socket socket);

/* Bytes moved, 0 (received: the peer has ended), or minus an error, of which OS_NET_WOULD_BLOCK is
 * ordinary. Each makes a single system call. */
ptrdiff_t os_send(os_socket socket, struct os_vec *vecs, unsigned count);
ptrdiff_t os_receive(os_socket socket, struct os_vec *vecs, unsigned count);

/* 0 or an error. */
int os_poller_open(struct os_poller *poller);
void os_poller_free(struct os_poller *poller);
/* flags: OS_POLL_IN and OS_POLL_OUT. Level-triggered. 0 or an error. The events of os_event_open()
 * can be watched, too. */
int os_poller_add(struct os_poller *poller, os_socket socket, uint32_t flags, void *data);
int os_poller_change(struct os_poller *poller, os_socket socket, uint32_t flags, void *data);
void os_poller_remove(struct os_poller *poller, os_socket socket);
/* Removes and closes. */
void os_poller_close(struct os_poller *poller, os_socket socket);
/* The number of events, at most max; 0 after timeout milliseconds (-1: never). */
int os_poller_wait(struct os_poller *poller, os_poll_event *events, int max, int timeout);

#endif
