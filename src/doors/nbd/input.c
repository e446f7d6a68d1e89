/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The bytes that have come from a client and are not taken yet. */

#include "doors/nbd/door.h"

#include <string.h>

size_t nbd_input_buffered(const struct nbd_client *client)
{
    return client->input_end - client->input_at;
}

bool nbd_input_receive(
    struct nbd_client *client, struct os_vec *vecs, unsigned count, size_t *length)
{
    ptrdiff_t n = 0;

    if (client->readable && !client->eof)
        n = nbd_wire_receive(client, vecs, count);
    *length = n > 0 ? (size_t)n : 0;
    return n > 0;
}

struct os_vec nbd_input_room(struct nbd_client *client)
{
    memmove(client->input, client->input + client->input_at, nbd_input_buffered(client));
    client->input_end -= client->input_at;
    client->input_at = 0;
    return (struct os_vec){ .base = client->input + client->input_end,
        .length = sizeof client->input - client->input_end };
}

bool nbd_input_have(struct nbd_client *client, size_t length)
{
    while (nbd_input_buffered(client) < length) {
        struct os_vec room = nbd_input_room(client);
        size_t n;

        if (!nbd_input_receive(client, &room, 1, &n))
            return false;
        client->input_end += n;
    }
    return true;
}

bool nbd_input_skip(struct nbd_client *client)
{
    while (client->skip > 0) {
        size_t part;

        if (!nbd_input_have(client, 1))
            return false;
        part = nbd_input_buffered(client);
        if (part > client->skip)
            part = (size_t)client->skip;
        client->input_at += part;
        client->skip -= part;
    }
    return true;
}
