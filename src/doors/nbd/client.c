/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of a connection. */

#include "doors/nbd/door.h"

#include <stdio.h>
#include <stdlib.h>

static struct nbd_client *client_of(struct spd_loop_socket *watch)
{
    return (struct nbd_client *)(void *)((char *)watch - offsetof(struct nbd_client, watch));
}

/* It can take more, so its socket is watched. */
static bool wants_more(const struct nbd_client *client)
{
    if (client->eof)
        return false;
    if (client->phase != NBD_TRANSMISSION)
        return client->answer_sent == client->answer.length;
    if (!client->receiving)
        return client->free;
    return client->skip > 0 || client->receiving->piece_count > 0;
}

static bool handshake_waits_to_send(const struct nbd_client *client)
{
    return client->phase == NBD_SECURING && client->tls && nbd_tls_waits_to_send(client->tls);
}

/* A request that was read may have waited for the memory of one whose reply goes out now. No event
 * of the socket would tell that. */
static void move(struct nbd_client *client)
{
    do {
        client->released = false;
        if (!nbd_client_is_gone(client))
            nbd_client_receive(client);
        if (!nbd_client_is_gone(client))
            nbd_client_send(client);
    } while (client->released && !client->hurries && !nbd_client_is_gone(client));
}

/* A client that has said that it goes gets all its replies. Another one is gone: it will not come
 * back for them, and its place is needed. */
static bool is_over(const struct nbd_client *client)
{
    if (!client->eof || client->hurries)
        return false;
    return !client->parting || (client->running == 0 && !client->sending &&
            client->answer_sent == client->answer.length);
}

void nbd_client_pump(struct nbd_client *client)
{
    uint32_t flags = 0;
    int error;

    move(client);
    if (nbd_client_is_gone(client))
        return;
    if (is_over(client)) {
        nbd_client_kill(client, client->parting ? SPD_END_LOGOUT : SPD_END_CLOSED, NULL);
        return;
    }
    if (wants_more(client))
        flags |= OS_POLL_IN;
    if (client->sending || client->answer_sent < client->answer.length ||
        handshake_waits_to_send(client))
        flags |= OS_POLL_OUT;
    error = spd_loop_change(&client->door->loop, &client->watch, flags);
    if (error)
        nbd_client_kill(client, SPD_END_NO_ROOM, os_net_text(error));
}

/* The end of the turn reads. */
static void ready(struct spd_loop_socket *watch, uint32_t flags)
{
    struct nbd_client *client = client_of(watch);

    if (nbd_client_is_gone(client))
        return;
    /* The bytes that a client sent before it went are read first: its farewell may be there. */
    if (flags & (OS_POLL_IN | OS_POLL_GONE))
        client->readable = true;
    if (flags & OS_POLL_GONE && !wants_more(client))
        nbd_client_kill(client, SPD_END_CLOSED, NULL);
}

static void lose_patience(struct spd_timer *timer)
{
    struct nbd_client *client =
        (struct nbd_client *)(void *)((char *)timer - offsetof(struct nbd_client, patience));

    nbd_client_kill(client, SPD_END_TIMEOUT, "the negotiation took too long");
}

static bool make_memory(struct nbd_client *client)
{
    client->memory = os_pages_alloc((size_t)NBD_PIECES * NBD_PIECE);
    if (!client->memory)
        return false;
    while (client->free_piece_count < NBD_PIECES) {
        client->free_pieces[client->free_piece_count] =
            client->memory + (size_t)client->free_piece_count * NBD_PIECE;
        client->free_piece_count++;
    }
    return true;
}

static void name_peer(struct nbd_client *client)
{
    char port[OS_PORT_MAX];

    if (client->door->path) {
        char who[SPD_LOCAL_WHO_MAX], user[SPD_LOCAL_USER_MAX];

        spd_local_peer(client->watch.socket, who, user);
        snprintf(client->who, sizeof client->who, "%s", who);
        snprintf(client->peer, sizeof client->peer, "%s", user);
        return;
    }
    os_socket_peer(client->watch.socket, client->peer, port);
    snprintf(client->who, sizeof client->who, "%s port %s", client->peer, port);
}

struct nbd_client *nbd_client_new(struct nbd_door *door, os_socket socket)
{
    struct nbd_client *client = calloc(1, sizeof *client);

    if (!client) {
        os_socket_close(socket);
        return NULL;
    }
    client->door = door;
    client->watch = (struct spd_loop_socket){ .ready = ready, .socket = socket };
    client->patience.fire = lose_patience;
    client->number = door->accepted++;
    client->began = os_now_ns();
    client->sending_end = &client->sending;
    scsi_nexus_init(&client->nexus, spd_unit_scsi(door->door.unit), &door->port);
    /* Clients are block drivers, not initiators. */
    client->nexus.no_attentions = true;
    nbd_command_prepare(client);
    if (!make_memory(client) || spd_loop_add(&door->loop, &client->watch, OS_POLL_IN)) {
        nbd_client_free(client);
        return NULL;
    }
    os_socket_no_delay(socket);
    os_socket_keep_alive(socket);
    name_peer(client);
    spd_timer_start(&door->loop, &client->patience, NBD_PATIENCE_MS);
    nbd_greet(&client->answer);
    return client;
}

void nbd_client_free(struct nbd_client *client)
{
    nbd_tls_free(client->tls);
    if (!nbd_client_is_gone(client))
        os_socket_close(client->watch.socket);
    for (uint32_t i = 0; i < NBD_DEPTH; i++)
        spd_request_free(&client->commands[i].request);
    if (client->memory)
        os_pages_free(client->memory, (size_t)NBD_PIECES * NBD_PIECE);
    free(client);
}
