/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/roster.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/claim.h"
#include "doors/iscsi/connection.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/nexus.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/loop.h"
#include "os/os.h"

enum {
    DESCRIPTORS_PART = 4, /* sessions have at most this part of the process's descriptors */
    PEER_PART = 2,        /* and a peer has at most this part of the sessions */
};

static struct iscsi_roster *roster_of(const struct iscsi_portal *portal)
{
    return &portal->first->roster;
}

static struct iscsi_entry *entry_at(struct list *link)
{
    return list_entry(link, struct iscsi_entry, link);
}

void iscsi_roster_init(struct iscsi_roster *roster)
{
    uint32_t most = os_descriptor_limit() / DESCRIPTORS_PART;

    os_mutex_init(&roster->lock);
    list_init(&roster->entries);
    roster->most = most < ISCSI_SESSIONS_MAX ? most : ISCSI_SESSIONS_MAX;
}

void iscsi_roster_destroy(struct iscsi_roster *roster)
{
    os_mutex_destroy(&roster->lock);
}

static bool is_port(const struct iscsi_entry *entry, const struct iscsi_login *login)
{
    return entry->target && entry->target == login->target->first &&
        strcmp(entry->initiator, login->claims.initiator) == 0 &&
        memcmp(entry->isid, login->isid, 6) == 0;
}

static uint32_t count_on(const struct iscsi_roster *roster, const struct iscsi_portal *portal)
    OS_REQUIRES(roster->lock)
{
    uint32_t count = 0;

    list_each(link, &roster->entries)
        count += entry_at(link)->target && entry_at(link)->portal == portal;
    return count;
}

static struct iscsi_portal *emptiest(
    const struct iscsi_roster *roster, struct iscsi_portal *first) OS_REQUIRES(roster->lock)
{
    struct iscsi_portal *best = first;
    uint32_t least = count_on(roster, first);

    for (struct iscsi_portal *at = first->next; at && least > 0; at = at->next) {
        uint32_t count = count_on(roster, at);

        if (count < least) {
            best = at;
            least = count;
        }
    }
    return best;
}

static struct iscsi_portal *choose(
    const struct iscsi_roster *roster, const struct iscsi_connection *c) OS_REQUIRES(roster->lock)
{
    if (c->login->params.discovery)
        return c->portal;
    list_each(link, &roster->entries)
        if (is_port(entry_at(link), c->login))
            return entry_at(link)->portal;
    return emptiest(roster, c->portal);
}

static uint16_t new_tsih(struct iscsi_roster *roster) OS_REQUIRES(roster->lock)
{
    bool taken;

    do {
        taken = ++roster->next_tsih == 0; /* 0 means none (RFC 7143 11.13.3) */
        list_each(link, &roster->entries)
            taken |= entry_at(link)->tsih == roster->next_tsih;
    } while (taken);
    return roster->next_tsih;
}

struct iscsi_entry *iscsi_roster_enter(const struct iscsi_connection *c)
{
    struct iscsi_roster *roster = roster_of(c->portal);
    const struct iscsi_login *login = c->login;
    struct iscsi_entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    if (!login->params.discovery)
        entry->target = login->target->first;
    entry->account = login->chap.name;
    strcpy(entry->initiator, login->claims.initiator);
    memcpy(entry->isid, login->isid, 6);
    memcpy(entry->network, c->peer->network, OS_NETWORK);
    entry->cid = c->cid;
    os_mutex_lock(&roster->lock);
    entry->portal = choose(roster, c);
    entry->tsih = login->tsih != 0 ? login->tsih : new_tsih(roster);
    list_append(&roster->entries, &entry->link);
    os_mutex_unlock(&roster->lock);
    return entry;
}

void iscsi_roster_leave(struct iscsi_entry *entry)
{
    struct iscsi_roster *roster;

    if (!entry)
        return;
    roster = roster_of(entry->portal);
    os_mutex_lock(&roster->lock);
    list_remove(&entry->link);
    os_mutex_unlock(&roster->lock);
    free(entry);
}

/* Places. */

static bool counts(const struct iscsi_entry *entry)
{
    return entry->seated && entry->target && (entry->ended || !entry->doomed);
}

/* network: of this peer; NULL: all sessions. */
static uint32_t count(const struct iscsi_roster *roster, const uint8_t *network)
    OS_REQUIRES(roster->lock)
{
    uint32_t sum = 0;

    list_each(link, &roster->entries)
        sum += counts(entry_at(link)) &&
            (!network || memcmp(entry_at(link)->network, network, OS_NETWORK) == 0);
    return sum;
}

static uint32_t count_named(const struct iscsi_roster *roster, const char *initiator)
    OS_REQUIRES(roster->lock)
{
    uint32_t sum = 0;

    list_each(link, &roster->entries)
        sum += entry_at(link)->seated && entry_at(link)->target && !entry_at(link)->left &&
            strcmp(entry_at(link)->initiator, initiator) == 0;
    return sum;
}

static void doom(struct iscsi_entry *entry, enum spd_ending ending, const char *detail)
{
    entry->doomed = true;
    entry->doom = (struct iscsi_doom){ ending, detail };
    atomic_store(&entry->portal->doomed, true);
    spd_loop_wake(&entry->portal->loop);
}

/* The oldest unused session of the peer that has most sessions, unless it is this peer. */
static bool evict(struct iscsi_roster *roster, const uint8_t *network) OS_REQUIRES(roster->lock)
{
    const uint8_t *greediest = network;
    uint32_t most = count(roster, network);

    list_each(link, &roster->entries) {
        uint32_t sum = count(roster, entry_at(link)->network);

        if (sum > most) {
            most = sum;
            greediest = entry_at(link)->network;
        }
    }
    list_each(link, &roster->entries) {
        struct iscsi_entry *entry = entry_at(link);

        if (counts(entry) && !entry->used && !entry->ended &&
            memcmp(entry->network, greediest, OS_NETWORK) == 0 &&
            memcmp(entry->network, network, OS_NETWORK) != 0) {
            doom(entry, SPD_END_SHARE,
                "a session of another peer takes the place of this one, which was not used");
            return true;
        }
    }
    return false;
}

static const char *find_place(struct iscsi_roster *roster, const struct iscsi_entry *entry)
    OS_REQUIRES(roster->lock)
{
    if (count(roster, entry->network) >= roster->most / PEER_PART ||
        (count(roster, NULL) >= roster->most && !evict(roster, entry->network)))
        return "its host, or all together, have as many sessions as they may";
    if (count_named(roster, entry->initiator) >= ISCSI_NAME_SESSIONS_MAX)
        return "this initiator has as many sessions as one may";
    return NULL;
}

const char *iscsi_roster_seat(struct iscsi_entry *entry)
{
    struct iscsi_roster *roster = roster_of(entry->portal);
    const char *why;

    os_mutex_lock(&roster->lock);
    why = entry->target ? find_place(roster, entry) : NULL;
    entry->seated = !why;
    os_mutex_unlock(&roster->lock);
    return why;
}

static void note(struct iscsi_entry *entry, bool *fact)
{
    struct iscsi_roster *roster = roster_of(entry->portal);

    os_mutex_lock(&roster->lock);
    *fact = true;
    os_mutex_unlock(&roster->lock);
}

void iscsi_roster_use(struct iscsi_entry *entry)
{
    note(entry, &entry->used);
}

void iscsi_roster_end(struct iscsi_entry *entry)
{
    note(entry, &entry->ended);
}

void iscsi_roster_let_go(struct iscsi_entry *entry)
{
    note(entry, &entry->left);
}

/* Names. */

bool iscsi_roster_find(const struct iscsi_connection *c, uint16_t *tsih, uint16_t *cid)
{
    struct iscsi_roster *roster = roster_of(c->portal);
    bool found = false;

    if (!c->login->target)
        return false;
    os_mutex_lock(&roster->lock);
    list_each(link, &roster->entries) {
        const struct iscsi_entry *entry = entry_at(link);

        if (found || !entry->seated || entry->ended || !is_port(entry, c->login))
            continue;
        found = true;
        *tsih = entry->tsih;
        *cid = entry->cid;
    }
    os_mutex_unlock(&roster->lock);
    return found;
}

static const char *owner_here(const struct iscsi_roster *roster, const struct iscsi_target *target,
    const char *initiator) OS_REQUIRES(roster->lock)
{
    list_each(link, &roster->entries) {
        const struct iscsi_entry *entry = entry_at(link);

        if (entry->target == target && entry->account && strcmp(entry->initiator, initiator) == 0)
            return entry->account;
    }
    return iscsi_claim_owner(target, initiator);
}

const char *iscsi_roster_owner(const struct iscsi_connection *c)
{
    struct iscsi_roster *roster = roster_of(c->portal);
    const char *owner;

    os_mutex_lock(&roster->lock);
    owner = owner_here(roster, c->login->target->first, c->login->claims.initiator);
    os_mutex_unlock(&roster->lock);
    return owner;
}

void iscsi_roster_keep_claim(const struct iscsi_nexus *nexus)
{
    struct iscsi_roster *roster = roster_of(nexus->session->portal);

    os_mutex_lock(&roster->lock);
    iscsi_claim_keep(nexus);
    os_mutex_unlock(&roster->lock);
}

/* Others. */

static bool is_other(const struct iscsi_entry *entry, const struct iscsi_session *session)
{
    return entry != session->entry && entry->target == session->target->first && entry->seated &&
        !entry->ended;
}

bool iscsi_roster_has_others(const struct iscsi_session *session)
{
    struct iscsi_roster *roster = roster_of(session->portal);
    bool found = false;

    os_mutex_lock(&roster->lock);
    list_each(link, &roster->entries)
        found |= is_other(entry_at(link), session) &&
            strcmp(entry_at(link)->initiator, session->initiator) != 0;
    os_mutex_unlock(&roster->lock);
    return found;
}

void iscsi_roster_doom_others(const struct iscsi_session *session, enum spd_ending ending)
{
    struct iscsi_roster *roster = roster_of(session->portal);

    os_mutex_lock(&roster->lock);
    list_each(link, &roster->entries)
        if (is_other(entry_at(link), session) && !entry_at(link)->doomed)
            doom(entry_at(link), ending, NULL);
    os_mutex_unlock(&roster->lock);
}

bool iscsi_roster_is_doomed(const struct iscsi_entry *entry, struct iscsi_doom *why)
{
    struct iscsi_roster *roster = roster_of(entry->portal);
    bool doomed;

    os_mutex_lock(&roster->lock);
    doomed = entry->doomed;
    *why = entry->doom;
    os_mutex_unlock(&roster->lock);
    return doomed;
}
