/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The begin and the end of a connection, for the log and the library. */

#include "doors/nbd/door.h"

static struct spd_visitor visitor_of(const struct nbd_client *client)
{
    return (struct spd_visitor){
        .door = &client->door->door,
        .what = client->phase == NBD_TRANSMISSION ? "session" : "connection",
        .who = client->who,
        .peer = client->peer,
        .session = client,
        .socket = &client->watch.socket,
    };
}

void nbd_session_begin(struct nbd_client *client)
{
    struct spd_visitor visitor;

    client->phase = NBD_TRANSMISSION;
    spd_timer_stop(&client->door->loop, &client->patience);
    atomic_fetch_add(&client->door->door.nexuses, 1);
    visitor = visitor_of(client);
    spd_session_begins(&visitor);
}

bool nbd_command_cancel(struct nbd_command *command)
{
    if (!command->running || !spd_request_cancel(&command->request))
        return false;
    command->running = false;
    command->client->running--;
    return true;
}

void nbd_client_cancel(struct nbd_client *client)
{
    for (uint32_t i = 0; i < NBD_DEPTH; i++)
        nbd_command_cancel(&client->commands[i]);
}

void nbd_client_kill(struct nbd_client *client, enum spd_ending ending, const char *detail)
{
    struct spd_visitor visitor = visitor_of(client);

    if (nbd_client_is_gone(client))
        return;
    spd_session_ends(&visitor, (os_now_ns() - client->began) / 1000000000u, ending, detail);
    spd_timer_stop(&client->door->loop, &client->patience);
    nbd_tls_free(client->tls); /* says goodbye by the socket */
    client->tls = NULL;
    spd_loop_close_socket(&client->door->loop, &client->watch);
    if (client->phase == NBD_TRANSMISSION)
        atomic_fetch_sub(&client->door->door.nexuses, 1);
    if (!client->parting)
        nbd_client_cancel(client);
}

static ptrdiff_t judge(struct nbd_client *client, ptrdiff_t n)
{
    if (n < 0 && n != -OS_NET_WOULD_BLOCK)
        nbd_client_kill(client, SPD_END_LOST,
            client->tls ? nbd_tls_text(client->tls) : os_net_text((int)-n));
    return n;
}

ptrdiff_t nbd_wire_send(struct nbd_client *client, struct os_vec *vecs, unsigned count)
{
    return judge(client, client->tls ? nbd_tls_send(client->tls, vecs, count)
                                     : os_send(client->watch.socket, vecs, count));
}

/* Level-triggered events tell when more has come. While all that there was room for has come, no
 * event is needed. */
ptrdiff_t nbd_wire_receive(struct nbd_client *client, struct os_vec *vecs, unsigned count)
{
    size_t wanted = 0;
    ptrdiff_t n = client->tls ? nbd_tls_receive(client->tls, vecs, count)
                              : os_receive(client->watch.socket, vecs, count);

    for (unsigned i = 0; i < count; i++)
        wanted += vecs[i].length;
    client->readable =
        n > 0 && ((size_t)n == wanted || (client->tls && nbd_tls_has_ended(client->tls)));
    client->eof |= n == 0;
    return judge(client, n);
}
