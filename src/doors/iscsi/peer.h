/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Peers, and the connections of each. A peer is an IPv4 address or an IPv6 network of 64 bits,
 * since a host that has one address of such a network has them all. Its connections are in lists by
 * their state, the oldest first; share.h bounds their number.
 */

#ifndef ISCSI_PEER_H
#define ISCSI_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "os/net.h"

struct iscsi_portal;
struct iscsi_connection;

/* A hold is the state of a connection that has no normal session. */
enum iscsi_hold {
    HOLD_SILENT,    /* it has not sent a request */
    HOLD_LOGIN,     /* it has, and has not logged in */
    HOLD_DISCOVERY, /* the longest idle first */
    HOLDS,
};

enum iscsi_share {
    SHARE_LOGINS,
    SHARE_DISCOVERY,
    SHARES,
};

/* Kinds of room for data: room.c. */
enum iscsi_room {
    ROOM_WINDOW,
    ROOM_TRANSFER,
    ROOMS,
};

struct iscsi_peer {
    struct list link; /* one of the door's chains */
    uint8_t network[OS_NETWORK];
    uint32_t users; /* connections and sessions that know it */
    uint32_t refused_until; /* second before which no further refusal is answered */
    uint32_t counts[HOLDS];
    struct list held[HOLDS]; /* connection.hold_link; the oldest first */
    uint32_t room[ROOMS];    /* bytes */
    uint32_t work;           /* bytes, in `turn` */
    uint32_t turn;
};

enum { PEER_CHAINS = 256 };

struct iscsi_peers {
    struct list chains[PEER_CHAINS]; /* by a hash of the network */
    uint32_t counts[HOLDS];          /* all peers together */
    uint32_t totals[SHARES];
    uint32_t turn;         /* the turn of the door's loop */
};

void iscsi_peers_init(struct iscsi_peers *peers);
/* The peer at the other end, with one more user; NULL: not enough memory. */
struct iscsi_peer *iscsi_peer_of(struct iscsi_peers *peers, os_socket socket);
/* The peer loses one user. */
void iscsi_peer_leave(struct iscsi_peer *peer);
/* The connection reaches this state: it is the last of its kind now. */
void iscsi_peer_hold(struct iscsi_connection *c, enum iscsi_hold hold);
void iscsi_peer_let_go(struct iscsi_connection *c);

/* A turn of the loop does so much for one peer; the rest waits while others have their part. */
static inline void iscsi_peer_works(
    const struct iscsi_peers *peers, struct iscsi_peer *peer, uint32_t bytes)
{
    if (peer->turn != peers->turn) {
        peer->turn = peers->turn;
        peer->work = 0;
    }
    peer->work += bytes;
}

static inline bool iscsi_peer_is_busy(
    const struct iscsi_peers *peers, const struct iscsi_peer *peer)
{
    return peer->turn == peers->turn && peer->work >= ISCSI_TURN_WORK;
}

#endif
