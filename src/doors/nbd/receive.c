/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Bytes to requests. Small requests are read many at once. The data of a write goes straight into
 * its memory, save what was read along with its request. A client that has all its commands or all
 * its memory in use is not read from, so it waits.
 */

#include "doors/nbd/door.h"

#include <string.h>

#include "scsi/be.h"

static bool parse(struct nbd_client *client, struct nbd_command *command)
{
    bool extended = client->terms.extended;
    const uint8_t *at = client->input + client->input_at;

    client->input_at += extended ? NBD_EXTENDED_REQUEST_LENGTH : NBD_REQUEST_LENGTH;
    command->flags = be16_get(at + 4);
    command->type = be16_get(at + 6);
    command->cookie = be64_get(at + 8);
    command->offset = be64_get(at + 16);
    command->length = extended ? be64_get(at + 24) : be32_get(at + 24);
    command->aborted = false;
    command->payload = 0;
    command->error = nbd_command_check(command);
    return be32_get(at) == (extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
}

static bool take_header(struct nbd_client *client)
{
    struct nbd_command *command = client->free;

    if (!command || !nbd_input_have(client, client->terms.extended ? NBD_EXTENDED_REQUEST_LENGTH
                                                         : NBD_REQUEST_LENGTH))
        return false;
    if (!parse(client, command)) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "a request does not begin as requests do");
        return false;
    }
    if (command->type == NBD_CMD_DISC) {
        client->eof = client->parting = true;
        return false;
    }
    client->free = command->next;
    client->receiving = command;
    client->received = 0;
    if (command->error && nbd_command_has_payload(command))
        client->skip = command->length;
    return true;
}

/* The missing part of a command's data, as a list. */
static unsigned missing(
    const struct nbd_command *command, size_t from, struct os_vec vecs[NBD_PIECES])
{
    unsigned count = 0;

    for (uint32_t i = (uint32_t)(from / NBD_PIECE); i < command->piece_count; i++) {
        size_t begin = (size_t)i * NBD_PIECE, offset = from > begin ? from - begin : 0;

        vecs[count++] = (struct os_vec){ .base = (uint8_t *)command->pieces[i].base + offset,
            .length = command->pieces[i].length - offset };
    }
    return count;
}

/* Takes the data that was read along with the request. */
static void take_buffered(struct nbd_client *client, const struct nbd_command *command)
{
    struct os_vec vecs[NBD_PIECES];
    unsigned count = missing(command, client->received, vecs);

    for (unsigned i = 0; i < count && nbd_input_buffered(client) > 0; i++) {
        size_t part = nbd_input_buffered(client);

        if (part > vecs[i].length)
            part = vecs[i].length;
        memcpy(vecs[i].base, client->input + client->input_at, part);
        client->input_at += part;
        client->received += part;
    }
}

/* True when the data is there. Here the input buffer is empty, and takes what follows. */
static bool fill(struct nbd_client *client, const struct nbd_command *command)
{
    take_buffered(client, command);
    while (client->received < command->length) {
        struct os_vec vecs[NBD_PIECES + 1];
        unsigned count = missing(command, client->received, vecs);
        size_t n, rest = (size_t)command->length - client->received;

        vecs[count] = nbd_input_room(client);
        if (!nbd_input_receive(client, vecs, count + 1, &n))
            return false;
        client->received += n < rest ? n : rest;
        client->input_end += n < rest ? 0 : n - rest;
    }
    return true;
}

static bool take_data(struct nbd_client *client)
{
    struct nbd_command *command = client->receiving;
    size_t memory = nbd_command_memory(command);

    if (!nbd_input_skip(client))
        return false;
    if (memory > 0 && command->piece_count == 0 && !nbd_command_reserve(command, memory))
        return false;
    if (!command->error && nbd_command_has_payload(command) && !fill(client, command))
        return false;
    client->receiving = NULL;
    client->taken++;
    nbd_command_execute(command);
    return true;
}

static bool take_request(struct nbd_client *client)
{
    if (client->taken >= NBD_REQUESTS_PER_TURN) {
        client->hurries = true;
        return false;
    }
    return (client->receiving || take_header(client)) && take_data(client);
}

static bool (*const takers[])(struct nbd_client *client) = {
    [NBD_FLAGS] = nbd_take_flags,
    [NBD_OPTIONS] = nbd_take_option,
    [NBD_SECURING] = nbd_take_handshake,
    [NBD_TRANSMISSION] = take_request,
};

void nbd_client_receive(struct nbd_client *client)
{
    if (client->turn != client->door->loop.turn) {
        client->turn = client->door->loop.turn;
        client->taken = 0;
    }
    client->hurries = false;
    while (!client->parting && takers[client->phase](client))
        ;
}
