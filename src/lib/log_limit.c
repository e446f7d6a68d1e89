/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Limits the lines of each peer. The memory is bounded, however many peers there are: the peer that
 * was quiet for longest makes place, and its counts go to its kind. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"

static const uint64_t second = 1000000000u;

static struct peer {
    struct spd_log_limit *limit; /* NULL: a free place */
    char name[SPD_LOG_PEER_MAX];
    struct spd_log_bucket bucket;
    uint64_t left_out; /* lines since the last count */
    uint64_t reported; /* ns: the time of the last count, or else of the first line that was left
                        * out */
    uint64_t heard;    /* ns */
} peers[SPD_LOG_PEERS];

static void fill(struct spd_log_bucket *bucket, uint32_t lines, uint32_t seconds, uint64_t now)
{
    uint64_t more = (now - bucket->since) / (seconds * second);

    if (!bucket->used || more >= lines - bucket->lines)
        *bucket = (struct spd_log_bucket){ true, lines, now };
    else
        *bucket = (struct spd_log_bucket){ true, bucket->lines + (uint32_t)more,
            bucket->since + more * seconds * second };
}

static struct peer *find(struct spd_log_limit *limit, const char *name, uint64_t now)
{
    struct peer *found = &peers[0];

    for (struct peer *peer = peers; peer < peers + SPD_LOG_PEERS; peer++) {
        if (peer->limit == limit && strncmp(peer->name, name, sizeof peer->name - 1) == 0)
            return peer;
        if (found->limit && (!peer->limit || peer->heard < found->heard))
            found = peer;
    }
    if (found->limit)
        found->limit->uncounted += found->left_out;
    *found = (struct peer){ .limit = limit, .reported = now };
    snprintf(found->name, sizeof found->name, "%s", name);
    return found;
}

bool spd_limit_take(struct spd_log_limit *limit, const char *name, uint64_t now)
{
    struct peer *peer = find(limit, name ? name : "", now);

    peer->heard = now;
    fill(&peer->bucket, SPD_LOG_PEER_LINES, SPD_LOG_PEER_SECONDS, now);
    fill(&limit->all, SPD_LOG_KIND_LINES, SPD_LOG_KIND_SECONDS, now);
    if (peer->bucket.lines && limit->all.lines) {
        peer->bucket.lines--;
        limit->all.lines--;
        return true;
    }
    if (!peer->left_out++)
        peer->reported = now;
    return false;
}

bool spd_limit_pending(void)
{
    for (const struct peer *peer = peers; peer < peers + SPD_LOG_PEERS; peer++)
        if (peer->left_out || (peer->limit && peer->limit->uncounted))
            return true;
    return false;
}

bool spd_limit_report(bool any, uint64_t now, char *line, size_t size)
{
    for (struct peer *peer = peers; peer < peers + SPD_LOG_PEERS; peer++) {
        uint64_t *count = &peer->left_out;
        const char *of = peer->name;

        if (!peer->limit || (!any && now - peer->reported < SPD_LOG_SUMMARY_SECONDS * second))
            continue;
        if (!*count) {
            count = &peer->limit->uncounted;
            of = "others";
        }
        if (!*count)
            continue;
        snprintf(line, size, "%s: %" PRIu64 " more%s%s", peer->limit->kind, *count,
            *of ? " of " : "", of);
        *count = 0;
        peer->reported = now;
        return true;
    }
    return false;
}

void spd_limit_forget(void)
{
    for (struct peer *peer = peers; peer < peers + SPD_LOG_PEERS; peer++) {
        peer->left_out = 0;
        if (peer->limit)
            peer->limit->uncounted = 0;
    }
}
