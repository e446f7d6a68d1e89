/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "server.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

static struct nbd_handle *fail(struct nbd_handle *handle, char why[SERVER_WHY_MAX])
{
    const char *text = nbd_get_error();

    snprintf(why, SERVER_WHY_MAX, "%s", text ? text : "no connection");
    nbd_close(handle);
    return NULL;
}

/* The user has typed the URI: it may name files of keys. */
struct nbd_handle *server_begin(const char *uri, char why[SERVER_WHY_MAX])
{
    struct nbd_handle *handle = nbd_create();

    if (!handle || nbd_set_uri_allow_local_file(handle, true) ||
        nbd_add_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) ||
        nbd_aio_connect_uri(handle, uri))
        return fail(handle, why);
    return handle;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct nbd_handle *server_connect(const char *uri, uint64_t seconds, char why[SERVER_WHY_MAX])
{
    struct nbd_handle *handle = server_begin(uri, why);
    int64_t end = now_ms() + (int64_t)seconds * 1000;

    while (handle && !nbd_aio_is_ready(handle)) {
        int64_t left = end - now_ms();

        if (left <= 0) {
            snprintf(why, SERVER_WHY_MAX, "no answer within %" PRIu64 " s", seconds);
            nbd_close(handle);
            return NULL;
        }
        if (nbd_poll(handle, (int)left) < 0)
            return fail(handle, why);
    }
    return handle;
}

/* The abilities of an export. */
static const struct {
    size_t at;
    int (*ask)(struct nbd_handle *handle);
} abilities[] = {
    { offsetof(struct server_facts, read_only), nbd_is_read_only },
    { offsetof(struct server_facts, flush), nbd_can_flush },
    { offsetof(struct server_facts, fua), nbd_can_fua },
    { offsetof(struct server_facts, trim), nbd_can_trim },
    { offsetof(struct server_facts, zero), nbd_can_zero },
    { offsetof(struct server_facts, fast_zero), nbd_can_fast_zero },
    { offsetof(struct server_facts, cache), nbd_can_cache },
    { offsetof(struct server_facts, multi_conn), nbd_can_multi_conn },
};

static uint64_t block_size(struct nbd_handle *handle, int kind)
{
    int64_t size = nbd_get_block_size(handle, kind);

    return size > 0 ? (uint64_t)size : 0;
}

bool server_ask(struct nbd_handle *handle, struct server_facts *facts, char why[SERVER_WHY_MAX])
{
    int64_t size = nbd_get_size(handle);

    *facts = (struct server_facts){
        .size = size > 0 ? (uint64_t)size : 0,
        .minimum = block_size(handle, LIBNBD_SIZE_MINIMUM),
        .preferred = block_size(handle, LIBNBD_SIZE_PREFERRED),
        .maximum = block_size(handle, LIBNBD_SIZE_MAXIMUM),
        .extents = nbd_can_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0,
    };
    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++)
        *(bool *)(void *)((char *)facts + abilities[i].at) = abilities[i].ask(handle) > 0;
    /* Nobody knows what a trimmed block holds. A server that tells fast zeros from slow ones has
     * fast ones. */
    facts->unmap_zeros = facts->zero && facts->fast_zero;
    if (!facts->minimum)
        facts->minimum = 1;
    if (facts->size)
        return true;
    snprintf(why, SERVER_WHY_MAX, "its export has no bytes");
    return false;
}
