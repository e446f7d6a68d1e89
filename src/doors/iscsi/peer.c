/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/peer.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/portal.h"
#include "os/net.h"
#include "scsi/be.h"

void iscsi_peers_init(struct iscsi_peers *peers)
{
    memset(peers->counts, 0, sizeof peers->counts);
    for (unsigned i = 0; i < PEER_CHAINS; i++)
        list_init(&peers->chains[i]);
}

static struct list *chain_of(struct iscsi_peers *peers, const uint8_t network[OS_NETWORK])
{
    uint32_t hash = be32_get(network) * 0x9e3779b1u ^ be32_get(network + 4);

    return &peers->chains[(hash * 0x9e3779b1u >> 16) % PEER_CHAINS];
}

struct iscsi_peer *iscsi_peer_of(struct iscsi_peers *peers, os_socket socket)
{
    uint8_t network[OS_NETWORK];
    struct list *chain;
    struct iscsi_peer *peer;

    os_socket_network(socket, network);
    chain = chain_of(peers, network);
    list_each(link, chain) {
        peer = list_entry(link, struct iscsi_peer, link);
        if (memcmp(peer->network, network, OS_NETWORK) == 0) {
            peer->users++;
            return peer;
        }
    }
    peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    memcpy(peer->network, network, OS_NETWORK);
    peer->users = 1;
    for (unsigned i = 0; i < HOLDS; i++)
        list_init(&peer->held[i]);
    list_append(chain, &peer->link);
    return peer;
}

void iscsi_peer_leave(struct iscsi_peer *peer)
{
    if (--peer->users > 0)
        return;
    list_remove(&peer->link);
    free(peer);
}

void iscsi_peer_let_go(struct iscsi_connection *c)
{
    if (c->hold == HOLDS)
        return;
    c->peer->counts[c->hold]--;
    c->portal->peers.counts[c->hold]--;
    list_remove(&c->hold_link);
    c->hold = HOLDS;
}

void iscsi_peer_hold(struct iscsi_connection *c, enum iscsi_hold hold)
{
    iscsi_peer_let_go(c);
    c->hold = (uint8_t)hold;
    c->held_since = c->portal->loop.now;
    c->peer->counts[hold]++;
    c->portal->peers.counts[hold]++;
    list_append(&c->peer->held[hold], &c->hold_link);
}
