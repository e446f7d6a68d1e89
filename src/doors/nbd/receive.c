/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Bytes to options and requests. Small requests are read many at once. The data of a write goes
 * straight into its memory, save what was read along with its request. A client that has all its
 * commands or all its memory in use is not read from, so it waits.
 */

#include "doors/nbd/door.h"

#include <string.h>

#include "scsi/be.h"

enum { LONGEST_OPTION = NBD_INPUT - NBD_OPTION_HEADER, LONGEST_SKIP = 1 << 20 };

static size_t buffered(const struct nbd_client *client)
{
    return client->input_end - client->input_at;
}

/* Makes one call of the system; the last vec is the input buffer's. False: nothing has come. */
static bool receive(struct nbd_client *client, struct os_vec *vecs, unsigned count, size_t *length)
{
    size_t wanted = 0;
    ptrdiff_t n;

    *length = 0;
    if (!client->readable || client->eof)
        return false;
    for (unsigned i = 0; i < count; i++)
        wanted += vecs[i].length;
    n = os_receive(client->watch.socket, vecs, count);
    client->readable = n > 0 && (size_t)n == wanted;
    client->eof = n == 0;
    if (n < 0 && n != -OS_NET_WOULD_BLOCK)
        nbd_client_kill(client, SPD_END_LOST, os_net_text((int)-n));
    *length = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static struct os_vec input_room(struct nbd_client *client)
{
    memmove(client->input, client->input + client->input_at, buffered(client));
    client->input_end -= client->input_at;
    client->input_at = 0;
    return (struct os_vec){ .base = client->input + client->input_end,
        .length = sizeof client->input - client->input_end };
}

/* True when so many bytes are in the input buffer, which has room for them. */
static bool have(struct nbd_client *client, size_t length)
{
    while (buffered(client) < length) {
        struct os_vec room = input_room(client);
        size_t n;

        if (!receive(client, &room, 1, &n))
            return false;
        client->input_end += n;
    }
    return true;
}

/* True when all bytes to be forgotten have come. */
static bool skip(struct nbd_client *client)
{
    while (client->skip > 0) {
        size_t part;

        if (!have(client, 1))
            return false;
        part = client->skip < buffered(client) ? (size_t)client->skip : buffered(client);
        client->input_at += part;
        client->skip -= part;
    }
    return true;
}

/* Negotiation. */

static bool take_flags(struct nbd_client *client)
{
    uint32_t flags;

    if (!have(client, 4))
        return false;
    flags = be32_get(client->input + client->input_at);
    client->input_at += 4;
    if (flags & ~(uint32_t)(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "its handshake has flags that nobody offered");
        return false;
    }
    client->terms.no_zeroes = flags & NBD_FLAG_NO_ZEROES;
    client->phase = NBD_OPTIONS;
    return true;
}

static void follow(struct nbd_client *client, enum nbd_course course)
{
    switch (course) {
    case NBD_GO_ON:
        break;
    case NBD_TRANSMIT:
        nbd_session_begin(client);
        break;
    case NBD_LEAVE:
        client->eof = client->parting = true;
        break;
    case NBD_NO_EXPORT:
        nbd_client_kill(client, SPD_END_PROTOCOL, "it asked for an export that is not there");
        break;
    }
}

static bool refuse_option(struct nbd_client *client, uint32_t option, uint32_t length)
{
    if (length > LONGEST_SKIP) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "an option of more than a megabyte");
        return false;
    }
    client->input_at += NBD_OPTION_HEADER;
    client->skip = length;
    nbd_option_refuse(option, &client->answer);
    client->answer_sent = 0;
    return true;
}

/* The answer to one option is sent before the next one is read: so there is room for it. */
static bool take_option(struct nbd_client *client)
{
    struct nbd_export export;
    const uint8_t *at;
    uint32_t option, length;
    enum nbd_course course;

    nbd_client_send(client);
    if (nbd_client_is_gone(client) || client->answer_sent < client->answer.length)
        return false;
    if (!skip(client) || !have(client, NBD_OPTION_HEADER))
        return false;
    at = client->input + client->input_at;
    option = be32_get(at + 8);
    length = be32_get(at + 12);
    if (be64_get(at) != NBD_OPTION_MAGIC) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "an option does not begin as options do");
        return false;
    }
    if (length > LONGEST_OPTION)
        return refuse_option(client, option, length);
    if (!have(client, NBD_OPTION_HEADER + length))
        return false;
    at = client->input + client->input_at + NBD_OPTION_HEADER;
    client->input_at += NBD_OPTION_HEADER + length;
    nbd_export_describe(client->door, &export);
    course = nbd_option_take(&export, &client->terms, option, at, length, &client->answer);
    client->answer_sent = 0;
    follow(client, course);
    return !nbd_client_is_gone(client);
}

/* Transmission. */

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

    if (!command || !have(client, client->terms.extended ? NBD_EXTENDED_REQUEST_LENGTH
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

    for (unsigned i = 0; i < count && buffered(client) > 0; i++) {
        size_t part = vecs[i].length < buffered(client) ? vecs[i].length : buffered(client);

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

        vecs[count] = input_room(client);
        if (!receive(client, vecs, count + 1, &n))
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

    if (!skip(client))
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
    [NBD_FLAGS] = take_flags,
    [NBD_OPTIONS] = take_option,
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
