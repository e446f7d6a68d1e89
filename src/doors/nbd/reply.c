/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Replies to bytes. A reply is a head and, for some commands, data from the command's own memory,
 * so nothing is copied. The replies of a turn leave together. */

#include "doors/nbd/door.h"
#include "scsi/be.h"

enum { VECS_PER_SEND = 256 };

bool nbd_command_reserve(struct nbd_command *command, size_t length)
{
    struct nbd_client *client = command->client;
    uint32_t count = (uint32_t)((length + NBD_PIECE - 1) / NBD_PIECE);

    if (count > client->free_piece_count)
        return false;
    for (uint32_t i = 0; i < count; i++, length -= NBD_PIECE)
        command->pieces[i] = (struct scsi_vec){
            .base = client->free_pieces[--client->free_piece_count],
            .length = length < NBD_PIECE ? length : NBD_PIECE,
        };
    command->piece_count = count;
    return true;
}

void nbd_command_release(struct nbd_command *command)
{
    struct nbd_client *client = command->client;

    while (command->piece_count > 0)
        client->free_pieces[client->free_piece_count++] =
            command->pieces[--command->piece_count].base;
    command->next = client->free;
    client->free = command;
}

/* Heads. */

static void put_chunk(struct nbd_command *command, enum nbd_chunk_type type, size_t length)
{
    uint8_t *head = command->head;
    bool extended = command->client->terms.extended;

    be32_put(head, extended ? NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC);
    be16_put(head + 4, NBD_REPLY_FLAG_DONE);
    be16_put(head + 6, (uint16_t)type);
    be64_put(head + 8, command->cookie);
    if (extended) {
        be64_put(head + 16, command->offset);
        be64_put(head + 24, length);
    } else {
        be32_put(head + 16, (uint32_t)length);
    }
    command->head_length = extended ? NBD_EXTENDED_CHUNK_HEADER : NBD_CHUNK_HEADER;
}

static void put_simple(struct nbd_command *command, enum nbd_error error)
{
    be32_put(command->head, NBD_SIMPLE_REPLY_MAGIC);
    be32_put(command->head + 4, error);
    be64_put(command->head + 8, command->cookie);
    command->head_length = NBD_SIMPLE_REPLY_LENGTH;
}

static void put_error(struct nbd_command *command, enum nbd_error error)
{
    put_chunk(command, NBD_REPLY_ERROR, 6);
    be32_put(command->head + command->head_length, error);
    be16_put(command->head + command->head_length + 4, 0); /* no text */
    command->head_length += 6;
}

static void put_data(struct nbd_command *command)
{
    put_chunk(command, NBD_REPLY_OFFSET_DATA, 8 + command->payload);
    be64_put(command->head + command->head_length, command->offset);
    command->head_length += 8;
}

static void put_head(struct nbd_command *command, enum nbd_error error)
{
    const struct nbd_terms *terms = &command->client->terms;

    if (!terms->structured)
        put_simple(command, error);
    else if (error)
        put_error(command, error);
    else if (command->type == NBD_CMD_READ)
        put_data(command);
    else if (command->type == NBD_CMD_BLOCK_STATUS)
        put_chunk(command, terms->extended ? NBD_REPLY_BLOCK_STATUS_EXT : NBD_REPLY_BLOCK_STATUS,
            command->payload);
    else
        put_chunk(command, NBD_REPLY_NONE, 0);
}

void nbd_reply(struct nbd_command *command, enum nbd_error error)
{
    struct nbd_client *client = command->client;

    if (error)
        command->payload = 0;
    put_head(command, error);
    command->next = NULL;
    *client->sending_end = command;
    client->sending_end = &command->next;
}

/* The socket. */

static unsigned add_vec(struct os_vec *vecs, unsigned count, const void *base, size_t length,
    size_t *skip)
{
    size_t part = *skip < length ? *skip : length;

    *skip -= part;
    if (part == length)
        return count;
    vecs[count] = (struct os_vec){ .base = (uint8_t *)(uintptr_t)base + part,
        .length = length - part };
    return count + 1;
}

/* The oldest replies as one list, without the bytes that are sent already. */
static unsigned gather(const struct nbd_client *client, struct os_vec vecs[VECS_PER_SEND])
{
    const struct nbd_command *c = client->sending;
    size_t skip = client->sent;
    unsigned count = 0;

    for (; c && count + 1 + NBD_PIECES <= VECS_PER_SEND; c = c->next) {
        size_t left = c->payload;

        count = add_vec(vecs, count, c->head, c->head_length, &skip);
        for (uint32_t i = 0; left > 0; i++) {
            size_t part = left < c->pieces[i].length ? left : c->pieces[i].length;

            count = add_vec(vecs, count, c->pieces[i].base, part, &skip);
            left -= part;
        }
    }
    return count;
}

static void sent(struct nbd_client *client, size_t length)
{
    client->sent += length;
    while (client->sending) {
        struct nbd_command *c = client->sending;

        if (client->sent < c->head_length + c->payload)
            return;
        client->sent -= c->head_length + c->payload;
        client->sending = c->next;
        if (!client->sending)
            client->sending_end = &client->sending;
        client->released = true;
        nbd_command_release(c);
    }
}

/* False: nothing more goes out now. */
static bool transmit(struct nbd_client *client, struct os_vec *vecs, unsigned count, size_t *length)
{
    ptrdiff_t n = nbd_wire_send(client, vecs, count);

    *length = n < 0 ? 0 : (size_t)n;
    return n > 0;
}

static bool send_answer(struct nbd_client *client)
{
    size_t length;

    while (client->answer_sent < client->answer.length) {
        struct os_vec rest = { .base = client->answer.bytes + client->answer_sent,
            .length = client->answer.length - client->answer_sent };

        if (!transmit(client, &rest, 1, &length))
            return false;
        client->answer_sent += length;
    }
    return true;
}

void nbd_client_send(struct nbd_client *client)
{
    struct os_vec vecs[VECS_PER_SEND];
    size_t length;

    if (!send_answer(client))
        return;
    while (client->sending) {
        if (!transmit(client, vecs, gather(client, vecs), &length))
            return;
        sent(client, length);
    }
}
