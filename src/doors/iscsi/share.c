/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/share.h"

#include "doors/iscsi/connection.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/wire.h"
#include "lib/session_log.h"
#include "os/os.h"

/* A share names the connections that count together, and those that may lose a place. */
static const struct {
    uint8_t first, last; /* enum iscsi_hold: those that count */
    uint8_t evicted;     /* the last hold from which a place may be taken */
    uint8_t part;        /* a peer's share is the total divided by this */
    uint8_t descriptors; /* the total is at most the process's descriptors divided by this */
    uint32_t total;
    const char *why;
} shares[SHARES] = {
    [SHARE_LOGINS] = { HOLD_SILENT, HOLD_LOGIN, HOLD_LOGIN, 4, 2, ISCSI_LOGINS_MAX,
        "another connection takes the place of this one, which has not logged in" },
    [SHARE_DISCOVERY] = { HOLD_DISCOVERY, HOLD_DISCOVERY, HOLD_DISCOVERY, 4, 16,
        ISCSI_DISCOVERIES_MAX, "another discovery session takes the place of this one" },
};

void iscsi_share_init(struct iscsi_peers *peers, uint32_t part)
{
    uint32_t descriptors = os_descriptor_limit();

    for (unsigned i = 0; i < SHARES; i++) {
        uint32_t most = descriptors / shares[i].descriptors;

        if (most > shares[i].total)
            most = shares[i].total;
        most /= part;
        peers->totals[i] = most < shares[i].part ? shares[i].part : most;
    }
}

static uint32_t count(const uint32_t counts[HOLDS], enum iscsi_share share)
{
    uint32_t sum = 0;

    for (unsigned i = shares[share].first; i <= shares[share].last; i++)
        sum += counts[i];
    return sum;
}

static struct iscsi_peer *greediest(struct iscsi_peers *peers, enum iscsi_share share)
{
    struct iscsi_peer *most = NULL;

    for (unsigned i = 0; i < PEER_CHAINS; i++)
        list_each(link, &peers->chains[i]) {
            struct iscsi_peer *peer = list_entry(link, struct iscsi_peer, link);

            if (!most || count(peer->counts, share) > count(most->counts, share))
                most = peer;
        }
    return most;
}

static bool evict(struct iscsi_peer *peer, enum iscsi_share share)
{
    for (unsigned i = shares[share].first; i <= shares[share].evicted; i++)
        if (!list_empty(&peer->held[i])) {
            struct iscsi_connection *c = list_entry(
                peer->held[i].next, struct iscsi_connection, hold_link);

            iscsi_wire_drop(c, SPD_END_SHARE, shares[share].why);
            return true;
        }
    return false;
}

bool iscsi_share_admit(struct iscsi_peers *peers, struct iscsi_peer *peer, enum iscsi_share share)
{
    uint32_t total = peers->totals[share];
    struct iscsi_peer *loser = peer;

    if (count(peer->counts, share) < total / shares[share].part) {
        if (count(peers->counts, share) < total)
            return true;
        loser = greediest(peers, share);
    }
    return evict(loser, share);
}

bool iscsi_share_evict_login(struct iscsi_peers *peers)
{
    struct iscsi_peer *most = greediest(peers, SHARE_LOGINS);

    return most && evict(most, SHARE_LOGINS);
}
